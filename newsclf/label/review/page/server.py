"""Serve the page of a review on this machine's loopback address.

    GET  /SECRET/        the page
    GET  /SECRET/state   the headline to decide about, and how far one has come
    POST /SECRET/decide  {"id": "…", "label": "negative" | "neutral" | "positive" | null} → the next
                         state
    POST /SECRET/undo    {} → the state with the headline that was decided last

The secret is in the address alone, which only the person is told: every user of the machine can
reach its loopback, and would else read the headlines and decide in the person's name.

A null label skips the headline. 409 for a decision about another headline than the current one, as
of a second window that is behind. 503 where the journal can't be written.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib.resources import files
from typing import get_args

from aiohttp import web

from newsclf.common.errors import NewsclfError
from newsclf.contract.requests import ContractError
from newsclf.data.labelled import Label
from newsclf.label.review.page.view import item_id, state_of
from newsclf.label.review.session import Session
from newsclf.serving.foreign_pages import check_same_site
from newsclf.serving.local_page import (
    Document,
    check_json_of_page,
    make_document,
    make_page_app,
    read_json,
    serving_page,
)
from newsclf.serving.refusal import RefusedError

_SECRET_BYTES = 16


@asynccontextmanager
async def serving_review(session: Session, *, port: int = 0) -> AsyncIterator[str]:
    """Serve the page of a session while the context lasts; gives its address.

    Args:
        session: Whose decisions are written as they are made. All windows share it.
        port: Port on 127.0.0.1; 0 takes a free one.

    Raises:
        ConfigError: the port is in use or may not be opened.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    async with serving_page(partial(make_app, session, secret), port=port) as address:
        yield f"{address}{secret}/"


def make_app(session: Session, secret: str, port: int) -> web.Application:
    """Make the HTTP application of the page.

    Args:
        session: Whose decisions are made on it.
        secret: First part of all paths.
        port: The port under which browsers must call it.
    """
    page = _Page(session)
    app = make_page_app(port)
    app.router.add_get(f"/{secret}/", page.show)
    app.router.add_get(f"/{secret}/state", page.state, allow_head=False)
    app.router.add_post(f"/{secret}/decide", page.decide)
    app.router.add_post(f"/{secret}/undo", page.undo)
    return app


@cache
def _document() -> Document:
    return make_document(_asset("page.html"), style=_asset("page.css"), script=_asset("page.js"))


def _asset(name: str) -> str:
    return files("newsclf.label.review.page").joinpath("assets", name).read_text(encoding="utf-8")


class _Page:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def show(self, _: web.Request) -> web.Response:
        return _document().response()

    async def state(self, request: web.Request) -> web.Response:
        check_same_site(request)
        return self._answer()

    async def decide(self, request: web.Request) -> web.Response:
        check_json_of_page(request)
        name, label = _decision(await read_json(request))
        # Nothing is awaited from here on: two windows can't decide about one headline at once.
        current = self._session.current
        if current is None or item_id(current) != name:
            message = "another headline is to be decided by now, such as in another window"
            raise RefusedError(409, "conflict", message)
        try:
            if label is None:
                self._session.skip()
            else:
                self._session.label(label)
        except NewsclfError as error:
            raise RefusedError(503, "unavailable", error.message) from None
        return self._answer()

    async def undo(self, request: web.Request) -> web.Response:
        check_json_of_page(request)
        if await read_json(request) != {}:
            raise ContractError("the body must be {}")
        try:
            self._session.undo()
        except NewsclfError as error:
            raise RefusedError(503, "unavailable", error.message) from None
        return self._answer()

    def _answer(self) -> web.Response:
        return web.json_response(text=state_of(self._session).model_dump_json())


def _decision(given: object) -> tuple[str, Label | None]:
    """Read a decision.

    Raises:
        ContractError: the document is not {"id": "…", "label": …}, or the label is unknown.
    """
    if not isinstance(given, dict) or given.keys() != {"id", "label"}:
        raise ContractError("the body must be {'id': …, 'label': …}")
    name, label = given["id"], given["label"]
    if not isinstance(name, str) or not (label is None or label in get_args(Label)):
        raise ContractError("'id' must be a text, and 'label' one of the three labels or null")
    return name, label
