"""Serve the page of `watch` on this machine's loopback address.

    GET  /          the page
    GET  /events    its state and then each change, as server-sent events
    POST /classify  {"headline": "…"} → its label, probabilities and the weights of its words

Everything else is 404. Errors are {"error": {"code", "message"}}: 403 for another Host (DNS
rebinding) and for web pages of another origin, 400, 408, 413, 415, and 503 with Retry-After when
too many pages are open or too many headlines wait. No headline is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from aiohttp import web

from newsclf.common.errors import NewsclfError
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS
from newsclf.contract.requests import ContractError, check_headlines
from newsclf.serving.foreign_pages import check_same_site
from newsclf.serving.local_page import (
    check_json_of_page,
    make_page_app,
    read_json,
    serving_page,
)
from newsclf.serving.refusal import RefusedError
from newsclf.watch.page.document import document
from newsclf.watch.page.hub import MAX_PAGES, Hub, Subscription, TooManyPagesError
from newsclf.watch.page.view import Classification

HEARTBEAT_S = 10.0
MAX_CLASSIFYING = 4
"""Headlines from the box that may be classified, or wait for it, at a time."""

_CLASSIFY_WITHIN_S = 30.0
_WRITE_WITHIN_S = 20.0
"""Time for a page to take a message; after it the connection is closed."""
_RETRY_MS = 2000
"""Time after which a browser connects again."""
Explain = Callable[[str], Awaitable[tuple[Prediction, Sequence[WordWeight]]]]
"""Classify a headline and weigh its words; a NewsclfError is shown on the page."""


@asynccontextmanager
async def serving(hub: Hub, explain: Explain, *, port: int = 0) -> AsyncIterator[str]:
    """Serve the page while the context lasts; gives its address.

    Args:
        hub: What to show. It is closed at the end.
        explain: For the box to try a headline.
        port: Port on 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is in use or may not be opened.
    """
    async with serving_page(partial(make_app, hub, explain), port=port) as address:
        yield address


def make_app(
    hub: Hub, explain: Explain, port: int, *, heartbeat_s: float = HEARTBEAT_S
) -> web.Application:
    """Make the HTTP application of the page.

    Args:
        hub: What to show.
        explain: For the box to try a headline.
        port: The port under which browsers must call it.
        heartbeat_s: Time without a change after which a page is told that all is well.
    """
    page = _Page(hub, explain, heartbeat_s)

    async def close(_: web.Application) -> None:
        hub.close()

    app = make_page_app(port)
    app.router.add_get("/", page.show)
    app.router.add_get("/events", page.events, allow_head=False)
    app.router.add_post("/classify", page.classify)
    app.on_shutdown.append(close)
    return app


class _Page:
    def __init__(self, hub: Hub, explain: Explain, heartbeat_s: float) -> None:
        self._hub = hub
        self._explain = explain
        self._heartbeat_s = heartbeat_s
        self._classifying = 0

    async def show(self, _: web.Request) -> web.Response:
        return document().response()

    async def events(self, request: web.Request) -> web.StreamResponse:
        check_same_site(request)
        try:
            subscription = self._hub.subscribe(request.headers.get("Last-Event-ID"))
        except TooManyPagesError:
            message = f"{MAX_PAGES} pages are open; close one"
            raise RefusedError(503, "overloaded", message) from None
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        try:
            await response.prepare(request)
            await response.write(f"retry: {_RETRY_MS}\n\n".encode())
            with suppress(TimeoutError, ConnectionError):
                await self._send(subscription, response)
        finally:
            self._hub.unsubscribe(subscription)
        response.force_close()
        return response

    async def _send(self, subscription: Subscription, response: web.StreamResponse) -> None:
        """Send messages until the page is dropped, raising TimeoutError if it takes none."""
        while not subscription.is_dropped:
            messages = await subscription.next(self._heartbeat_s)
            if subscription.is_dropped:
                return
            async with asyncio.timeout(_WRITE_WITHIN_S):
                await response.write(messages or self._hub.heartbeat())

    async def classify(self, request: web.Request) -> web.Response:
        check_json_of_page(request)
        if self._classifying >= MAX_CLASSIFYING:
            raise RefusedError(503, "overloaded", "other headlines are being classified")
        self._classifying += 1
        try:
            headline = _headline(await read_json(request))
            async with asyncio.timeout(_CLASSIFY_WITHIN_S):
                found = Classification.of(*await self._explain(headline))
        except TimeoutError:
            raise RefusedError(503, "timeout", "the classifier did not answer in time") from None
        except NewsclfError as error:
            raise RefusedError(503, "unavailable", str(error)) from None
        finally:
            self._classifying -= 1
        return web.json_response(text=found.model_dump_json())


def _headline(given: object) -> str:
    """Read the headline of a request.

    Raises:
        ContractError: the body is not {"headline": "…"}, or the headline is blank or too long.
    """
    if not isinstance(given, dict) or given.keys() != {"headline"}:
        raise ContractError("the body must be {'headline': …}")
    [headline] = check_headlines([given["headline"]], "headline")
    if len(headline) > MAX_EXPLAINED_CHARACTERS:
        raise ContractError(f"a headline has at most {MAX_EXPLAINED_CHARACTERS} characters")
    return headline
