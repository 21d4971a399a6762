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
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from newsclf.common.errors import ConfigError, NewsclfError
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS
from newsclf.contract.requests import ContractError, check_headlines, parse_json
from newsclf.serving.request_limits import (
    RefusedError,
    check_same_site,
    error_response,
    make_runner,
    media_type,
)
from newsclf.watch.page.document import document
from newsclf.watch.page.hub import MAX_PAGES, Hub, Subscription, TooManyPagesError
from newsclf.watch.page.view import Classification

HEARTBEAT_S = 10.0
MAX_CLASSIFY_BYTES = 16 * 1024
MAX_CLASSIFYING = 4
"""Headlines from the box that may be classified, or wait for it, at a time."""

_LOOPBACK = "127.0.0.1"
_NAMES = ("localhost", _LOOPBACK, "[::1]")
_HTTP_PORT = 80
"""The port that a Host leaves out."""
_BODY_WITHIN_S = 10.0
_CLASSIFY_WITHIN_S = 30.0
_WRITE_WITHIN_S = 20.0
"""Time for a page to take a message; after it the connection is closed."""
_DRAIN_S = 2.0
_MAX_CONNECTIONS = 64
_RETRY_MS = 2000
"""Time after which a browser connects again."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'"
_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
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
    try:
        listener = socket.create_server((_LOOPBACK, port))
    except OSError as error:
        raise ConfigError(
            f"{_LOOPBACK}:{port}: the port cannot be opened ({os.strerror(error.errno or 0)})",
            hint="port 0 takes a free one",
        ) from None
    port = listener.getsockname()[1]
    runner = make_runner(
        make_app(hub, explain, port),
        shutdown_timeout_s=_DRAIN_S,
        max_connections=_MAX_CONNECTIONS,
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        yield f"http://{_LOOPBACK}:{port}/"
    finally:
        await runner.cleanup()
        listener.close()


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
    hosts = _hosts(port)

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            _check_host(request, hosts)
            return await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return error_response(_too_large())
        except web.HTTPException:
            return error_response(RefusedError(404, "not_found", "no such page"))
        except ContractError as error:
            return error_response(RefusedError(400, "bad_request", str(error)))
        except RefusedError as error:
            return error_response(error)

    async def with_headers(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers.setdefault("Content-Security-Policy", _NOTHING_ALLOWED)

    async def close(_: web.Application) -> None:
        hub.close()

    app = web.Application(middlewares=[guarded], client_max_size=MAX_CLASSIFY_BYTES)
    app.router.add_get("/", page.show)
    app.router.add_get("/events", page.events, allow_head=False)
    app.router.add_post("/classify", page.classify)
    app.on_response_prepare.append(with_headers)
    app.on_shutdown.append(close)
    return app


class _Page:
    def __init__(self, hub: Hub, explain: Explain, heartbeat_s: float) -> None:
        self._hub = hub
        self._explain = explain
        self._heartbeat_s = heartbeat_s
        self._classifying = 0

    async def show(self, _: web.Request) -> web.Response:
        html, policy = document()
        return web.Response(
            body=html,
            content_type="text/html",
            charset="utf-8",
            headers={"Content-Security-Policy": policy},
        )

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
        check_same_site(request)
        if media_type(request) != "application/json":  # a form of another page sends no JSON
            raise RefusedError(415, "unsupported_media_type", "send application/json")
        if self._classifying >= MAX_CLASSIFYING:
            raise RefusedError(503, "overloaded", "other headlines are being classified")
        self._classifying += 1
        try:
            headline = _headline(await _read(request))
            async with asyncio.timeout(_CLASSIFY_WITHIN_S):
                found = Classification.of(*await self._explain(headline))
        except TimeoutError:
            raise RefusedError(503, "timeout", "the classifier did not answer in time") from None
        except NewsclfError as error:
            raise RefusedError(503, "unavailable", str(error)) from None
        finally:
            self._classifying -= 1
        return web.json_response(text=found.model_dump_json())


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_CLASSIFY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            return await request.read()
    except TimeoutError:
        message = f"the body did not come within {_BODY_WITHIN_S:g} s"
        raise RefusedError(408, "request_timeout", message) from None


def _headline(body: bytes) -> str:
    """Read the headline of a request.

    Raises:
        ContractError: the body is not {"headline": "…"}, or the headline is blank or too long.
    """
    given = parse_json(body)
    if not isinstance(given, dict) or given.keys() != {"headline"}:
        raise ContractError("the body must be {'headline': …}")
    [headline] = check_headlines([given["headline"]], "headline")
    if len(headline) > MAX_EXPLAINED_CHARACTERS:
        raise ContractError(f"a headline has at most {MAX_EXPLAINED_CHARACTERS} characters")
    return headline


def _too_large() -> RefusedError:
    return RefusedError(413, "too_large", f"the body is larger than {MAX_CLASSIFY_BYTES} bytes")


def _hosts(port: int) -> frozenset[str]:
    """Values of Host under which this server is called."""
    with_port = {f"{name}:{port}" for name in _NAMES}
    return frozenset(with_port | set(_NAMES) if port == _HTTP_PORT else with_port)


def _check_host(request: web.Request, hosts: frozenset[str]) -> None:
    """Refuse a request under another name, as of a web page whose name was pointed to this machine.

    Stricter than the check of the model server: only a browser calls, and it names the port.
    """
    if request.headers.get("Host", "").lower() not in hosts:
        raise RefusedError(403, "forbidden", "this page has another address")
