"""Pages for the browser on this machine: their document, who may call them, and their server.

A page is one document with its style and script inside, on the loopback address. Requests under
another Host (DNS rebinding) and from web pages of another origin get 403; errors are
{"error": {"code", "message"}}, and no answer is kept or shown in a frame.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import NamedTuple

from aiohttp import web

from newsclf.common.errors import ConfigError
from newsclf.contract.requests import ContractError, parse_json
from newsclf.serving.foreign_pages import check_same_site, media_type
from newsclf.serving.refusal import RefusedError, error_response
from newsclf.serving.request_limits import make_runner

MAX_BODY_BYTES = 16 * 1024

_LOOPBACK = "127.0.0.1"
_NAMES = ("localhost", _LOOPBACK, "[::1]")
_HTTP_PORT = 80
"""The port that a Host leaves out."""
_BODY_WITHIN_S = 10.0
_DRAIN_S = 2.0
_MAX_CONNECTIONS = 64
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Document(NamedTuple):
    """A page, and the Content-Security-Policy that it must be sent with."""

    html: bytes
    policy: str

    async def show(self, _: web.Request) -> web.Response:
        """Answer a request for it."""
        return self.response()

    def response(self) -> web.Response:
        """The answer that shows it."""
        return web.Response(
            body=self.html,
            content_type="text/html",
            charset="utf-8",
            headers=_HEADERS | {"Content-Security-Policy": self.policy},
        )


def make_document(html: str, *, style: str, script: str) -> Document:
    """Put a page together, with the look and the elements that all pages share.

    The policy knows the style and the script by their digests; it allows no other, no address but
    the page's own server, no frame around the page, and no markup made from texts (Trusted Types).

    Args:
        html: With `{{ style }}` and `{{ script }}` where they belong.
        style: The page's own, after the shared one.
        script: The page's own, after the shared one.
    """
    style = _shared("palette.css") + _shared("interactive.css") + style
    script = _shared("elements.js") + script
    policy = {
        "default-src": "'none'",
        "script-src": _digest(script),
        "style-src": _digest(style),
        "img-src": "data:",  # the icon
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    whole = html.replace("{{ style }}", style).replace("{{ script }}", script)
    return Document(whole.encode(), "; ".join(f"{name} {value}" for name, value in policy.items()))


def make_page_app(port: int) -> web.Application:
    """Make the HTTP application of a page, without routes, that refuses what is not its own.

    A handler may raise RefusedError and ContractError.

    Args:
        port: The port under which browsers must call it.
    """
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

    app = web.Application(middlewares=[guarded], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(with_headers)
    return app


@asynccontextmanager
async def serving_page(
    make_app: Callable[[int], web.Application], *, port: int = 0
) -> AsyncIterator[str]:
    """Serve a page on this machine while the context lasts; gives its address.

    Args:
        make_app: Makes the application for the port that it listens on.
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
        make_app(port), shutdown_timeout_s=_DRAIN_S, max_connections=_MAX_CONNECTIONS
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        yield f"http://{_LOOPBACK}:{port}/"
    finally:
        await runner.cleanup()
        listener.close()


def check_json_of_page(request: web.Request) -> None:
    """Refuse a request that is not JSON from the page itself: a form of another sends none.

    Raises:
        RefusedError: 403 or 415.
    """
    check_same_site(request)
    if media_type(request) != "application/json":
        raise RefusedError(415, "unsupported_media_type", "send application/json")


async def read_json(request: web.Request) -> object:
    """Read the JSON document in the body of a request.

    Raises:
        RefusedError: it is too large, or came too slowly.
        ContractError: it is not JSON.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            return parse_json(await request.read())
    except TimeoutError:
        message = f"the body did not come within {_BODY_WITHIN_S:g} s"
        raise RefusedError(408, "request_timeout", message) from None


def _too_large() -> RefusedError:
    return RefusedError(413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")


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


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _shared(name: str) -> str:
    return files("newsclf.reporting").joinpath("templates", name).read_text(encoding="utf-8")
