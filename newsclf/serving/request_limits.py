"""Request limits of the model server and the gateway.

    what                                limit                         beyond it
    connections                         MAX_CONNECTIONS, and what     503, and the connection closes
                                        RLIMIT_NOFILE leaves
    the head of a request               HEAD_WITHIN_S, MAX_HEAD_BYTES the connection closes
    a body                              BODY_WITHIN_S, MAX_BODY_BYTES 408, 413
    sizes and extensions of its chunks  MAX_HEAD_BYTES                400, and the connection closes
    bodies in memory, in sum            BODIES_BYTES                  503

Every refusal is JSON (`refusal.py`). Mistakes of clients are not logged. Who may ask at all is a
matter of `foreign_pages.py`.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from newsclf.contract.limits import MAX_BODY_BYTES
from newsclf.serving.refusal import RETRY_AFTER_S, RefusedError, error_response

HEAD_WITHIN_S = 30
"""Time that a connection may be open without a whole head, the first or the next."""
BODY_WITHIN_S = 30
"""Time that a client has to send a body; API Gateway gives it 30 s for the whole request."""
MAX_HEAD_BYTES = 64 * 1024
"""Size of an unfinished head, and of the framing around the chunks of a body.

API Gateway accepts heads of 10 kB. A body of the largest size stays below it in chunks of 1 kB.
"""
MAX_CONNECTIONS = 4096
BODIES_BYTES = 64 * 1024 * 1024
"""Size of all bodies in memory together."""

_MAX_HEADERS = 64
_M_TRIM_THRESHOLD = -1
"""From malloc.h."""
_OPEN_MAX = 10_240
"""Descriptors that macOS grants where no limit is set (OPEN_MAX, as setrlimit(2) says there)."""
_OTHER_DESCRIPTORS = 48
"""File descriptors for everything but connections: workers, logs, libraries, the model."""
_LINGER_S = 1.0
"""Time for which the rest of a refused body is read, so that its client sees the answer."""
_FULL_BODY = b'{"error": {"code": "overloaded", "message": "too many connections are open"}}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Retry-After: %d\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
) % (RETRY_AFTER_S, len(_FULL_BODY), _FULL_BODY)
_PARSED_AT_ONCE_BYTES = 16 * 1024
"""Parsing chunks of one byte takes long, so the limit is checked in between."""
_TINY_CHUNKS = (400, "bad_request", "the body comes in too many chunks; send larger ones")


# --- bodies


class Bodies:
    """Reader of the bodies of requests to one server, bounded in time, in size and in sum."""

    def __init__(self, *, sum_bytes: int = BODIES_BYTES, within_s: float = BODY_WITHIN_S) -> None:
        self._sum_bytes = sum_bytes
        self._within_s = within_s
        self.held_bytes = 0
        """Size of the bodies in memory now."""

    @asynccontextmanager
    async def reading(self, request: web.Request) -> AsyncIterator[bytes]:
        """Read a body, which counts towards the sum until the context ends.

        Raises:
            RefusedError: it is too large, came too slowly, is cut off or malformed, has another
                transfer coding than chunked, or too many bodies are in memory already.
        """
        _check_coding(request)
        parts: list[bytes] = []
        try:
            await self._collect(request, parts)
            if len(parts) != 1:
                parts[:] = [b"".join(parts)]
            yield parts[0]
        finally:
            self.held_bytes -= sum(map(len, parts))
            # An error that ends the request keeps this frame until the next garbage collection.
            parts.clear()

    async def _collect(self, request: web.Request, parts: list[bytes]) -> None:
        content = request.content
        try:
            if content.is_eof():  # the usual case: head and body came together
                self._keep(content.read_nowait(), 0, parts)
                return
            async with asyncio.timeout(self._within_s):
                size = 0
                while part := await content.readany():
                    self._keep(part, size, parts)
                    size += len(part)
        except RequestPayloadError:
            raise RefusedError(400, "bad_request", "the body is cut off or malformed") from None
        except TimeoutError:
            message = f"the body did not come within {self._within_s:g} s"
            raise RefusedError(408, "request_timeout", message) from None

    def _keep(self, part: bytes, size: int, parts: list[bytes]) -> None:
        if size + len(part) > MAX_BODY_BYTES:
            raise _too_large()
        if self.held_bytes + len(part) > self._sum_bytes:
            raise RefusedError(503, "overloaded", "too many large requests are being read")
        self.held_bytes += len(part)
        parts.append(part)


def _too_large() -> RefusedError:
    return RefusedError(413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")


def _check_coding(request: web.Request) -> None:
    """Refuse an unsupported transfer coding or a declared size above the limit."""
    coding = request.headers.get("Transfer-Encoding", "chunked")
    if coding.strip().lower() != "chunked":
        # A proxy in front may see another end of this request: nothing after it is trusted.
        request.protocol.close()
        message = "the only Transfer-Encoding that this server takes is chunked"
        raise RefusedError(400, "bad_request", message)
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise _too_large()


# --- connections


_CLIENTS_FAULTS = (HttpProcessingError, RequestPayloadError, RefusedError, ConnectionError)


def _is_own_fault(record: logging.LogRecord) -> bool:
    """Drop aiohttp's records about malformed requests: a traceback each, with their bytes."""
    return not (record.exc_info and isinstance(record.exc_info[1], _CLIENTS_FAULTS))


_log = logging.getLogger(__name__)
_log.addFilter(_is_own_fault)


def make_runner(
    app: web.Application,
    *,
    shutdown_timeout_s: float,
    head_within_s: float = HEAD_WITHIN_S,
    max_connections: int = MAX_CONNECTIONS,
) -> web.AppRunner:
    """Make a runner that serves an application within the limits of this module.

    It also raises the limit of open files of this process as far as it may, and makes the C library
    return freed memory. Compressed bodies are not decompressed.

    Args:
        app: The application.
        shutdown_timeout_s: Time that requests under way have to finish.
        head_within_s: Time that a connection may be open without a whole head.
        max_connections: Connections at once; fewer where the limit of open files demands it.
    """
    _give_memory_back()
    most = min(max_connections, _raise_descriptor_limit() - _OTHER_DESCRIPTORS)
    return _Runner(
        app,
        max_connections=max(4, most),
        access_log=None,
        logger=_log,
        auto_decompress=False,
        # aiohttp counts from the last answer, or from the start of the connection, and a partial
        # head does not restart the count: so it bounds heads as well as idle connections.
        keepalive_timeout=head_within_s,
        max_headers=_MAX_HEADERS,
        lingering_time=_LINGER_S,
        shutdown_timeout=shutdown_timeout_s,
        handler_cancellation=True,  # when the client has gone away
    )


def _give_memory_back() -> None:
    """Make glibc return the memory of large bodies to the system when they are freed.

    The threshold is glibc's initial one; setting it keeps it from growing with each large block.
    """
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, 128 * 1024)


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_MAX if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


class _Connection(RequestHandler):
    """A connection that answers errors as the contract says, and bounds heads and chunk framing."""

    __slots__ = ("_body", "_body_bytes", "_heads", "_other_bytes")

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._heads = 0
        self._body: StreamReader = EMPTY_PAYLOAD
        """The body after the last whole head."""
        self._body_bytes = 0
        """Bytes of it so far."""
        self._other_bytes = 0
        """Other bytes since that head: chunk framing, and the beginning of the next head."""

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data) or 1, _PARSED_AT_ONCE_BYTES):
            part = data[start : start + _PARSED_AT_ONCE_BYTES]
            super().data_received(part)
            self._account(len(part))

    def _account(self, received_bytes: int) -> None:
        if self._heads != self._request_count:
            self._heads = self._request_count
            self._body = self._messages[-1][1]
            self._body_bytes, self._other_bytes = self._body.total_bytes, 0
            return
        grown = self._body.total_bytes - self._body_bytes
        self._body_bytes += grown
        self._other_bytes += received_bytes - grown
        if self._other_bytes <= MAX_HEAD_BYTES or self._close or self._force_close:
            return
        if self._reading_paused or self._buffer_paused:  # not all of it has been parsed
            return
        if self._body.is_eof():
            self.force_close()
        else:
            self._body.set_exception(RefusedError(*_TINY_CHUNKS))
            self.close()  # after the answer; what arrives until then is dropped

    def handle_error(
        self,
        request: Any,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer and log as aiohttp does, without its text, which may quote the request."""
        theirs = super().handle_error(request, status, exc, message)
        code, said = {
            400: ("bad_request", "the request is not well-formed HTTP"),
            504: ("timeout", "the request was not answered in time"),
        }.get(status, ("internal", "this server failed"))
        response = error_response(RefusedError(theirs.status, code, said))
        response.force_close()
        return response

    async def finish_response(
        self, request: Any, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; aiohttp's own refusals (404, 405, 417) become JSON."""
        if isinstance(resp, web.HTTPException) and resp.status >= HTTPStatus.BAD_REQUEST:
            code = resp.reason.lower().replace(" ", "_")
            ours = error_response(RefusedError(resp.status, code, resp.reason))
            if "Allow" in resp.headers:
                ours.headers["Allow"] = resp.headers["Allow"]
            resp = ours
        return await super().finish_response(request, resp, start_time)


class _NoRoom(asyncio.Protocol):
    """A connection beyond the limit, which gets 503 and is closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast("asyncio.Transport", transport)
        stream.write(_FULL)
        stream.close()


class _Server(web.Server):
    """An aiohttp server with a bound on connections."""

    def __init__(self, inner: web.Server, max_connections: int) -> None:
        super().__init__(
            inner.request_handler,
            request_factory=inner.request_factory,
            handler_cancellation=inner.handler_cancellation,
        )
        self._max_connections = max_connections
        self._options = inner._kwargs  # noqa: SLF001 - the only way to them
        self._is_logged = False

    def __call__(self) -> Any:
        """Make the protocol of a connection that was accepted."""
        if len(self._connections) < self._max_connections:
            if len(self._connections) < self._max_connections // 2:
                self._is_logged = False
            return _Connection(self, loop=self._loop, **self._options)
        if not self._is_logged:  # once, until half of them are closed
            self._is_logged = True
            _log.error(
                "%d connections are open, the most that are possible; more are refused",
                self._max_connections,
            )
        return _NoRoom()


class _Runner(web.AppRunner):
    __slots__ = ("_max_connections",)

    def __init__(self, app: web.Application, *, max_connections: int, **options: Any) -> None:
        super().__init__(app, **options)
        self._max_connections = max_connections

    async def _make_server(self) -> web.Server:
        return _Server(await super()._make_server(), self._max_connections)
