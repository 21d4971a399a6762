"""An HTTP/1.1 connection for load tests: httpx's messages on asyncio and the parser of Node.js.

A default httpx client sends 300 to 900 requests a second, since its pool looks at every connection
for every request; a load test would then measure httpx. Here each user of the load has a connection
of its own, so there is no pool, no hidden limit, and no wait that looks like the server's. Nothing
is ever sent twice, and each failure has one Outcome.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from dataclasses import dataclass
from functools import cache
from typing import cast

import httptools
import httpx

from newsclf.loadtest.store.samples import NEVER, Outcome

_TIMER_S = 0.002
"""uvloop's timers count whole milliseconds from a clock read earlier; none may end too early."""
_CONNECT_FAILURES = {
    socket.gaierror: Outcome.DNS,
    ConnectionRefusedError: Outcome.CONNECT_REFUSED,
    TimeoutError: Outcome.CONNECT_TIMEOUT,
    ssl.SSLError: Outcome.TLS,
    OSError: Outcome.CONNECT_FAILED,
}
NOT_CONNECTED = frozenset(_CONNECT_FAILURES.values())
"""Outcomes of requests for which there was no connection."""
_tls_context = cache(httpx.create_ssl_context)  # which takes 10 ms and more
_now_ns = time.perf_counter_ns


@dataclass(slots=True)
class Answer:
    """The answer to one request, or the reason why it failed.

    Times are those of time.perf_counter_ns, taken where the bytes go and come and not where a
    coroutine wakes up; NEVER if the request did not get so far.
    """

    sent_ns: int
    """Where a connection had to be opened again first, when that began."""
    reused: bool = False
    """A request had been answered on this connection before."""
    first_byte_ns: int = NEVER
    ended_ns: int = NEVER
    """The answer was complete, or the request had failed."""
    response: httpx.Response | None = None
    failure: Outcome = Outcome.OK
    """Why there is no response."""


class Connection:
    """One connection, for one request at a time."""

    def __init__(self, url: httpx.URL, number: int = 0) -> None:
        """Prepare a connection to the host and port of a URL; opens nothing."""
        self.number = number
        self.opened = 0
        """How often a connection has been opened."""
        self._host = url.host
        self._tls = _tls_context() if url.scheme == "https" else None
        self._port = url.port or (443 if self._tls else 80)
        self._exchange: _Exchange | None = None

    async def open(self, timeout_s: float) -> Outcome | None:
        """Connect, unless it is connected; returns why it could not."""
        if self._exchange is not None and self._exchange.usable:
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, self._exchange = await loop.create_connection(
                    _Exchange,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except OSError as error:
            return next(o for kind, o in _CONNECT_FAILURES.items() if isinstance(error, kind))
        self.opened += 1
        return None

    async def send(self, message: bytes, deadline_ns: int) -> Answer:
        """Send a request, and wait for the whole answer until a time of time.perf_counter_ns."""
        begun_ns = _now_ns()
        failure = await self.open(max(0.0, (deadline_ns - begun_ns) / 1e9))
        if failure is not None or self._exchange is None:
            return Answer(begun_ns, ended_ns=_now_ns(), failure=failure or Outcome.CONNECT_FAILED)
        return await self._exchange.send(message, begun_ns, deadline_ns)

    def close(self) -> None:
        """Close the connection."""
        if self._exchange is not None:
            self._exchange.close()


class _Exchange(asyncio.Protocol):
    """The bytes of one connection, and the parser's callbacks, whose names httptools gives."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._answer: Answer
        self._done = asyncio.get_running_loop().create_future()
        self._done.set_result(None)  # no request is waiting
        self._answered = False
        self.usable = False

    async def send(self, message: bytes, begun_ns: int, deadline_ns: int) -> Answer:
        loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._has_length = self._ends_with_connection = False
        self._answer = Answer(begun_ns, self._answered)
        self._done = loop.create_future()
        left_s = max(0.0, (deadline_ns - _now_ns()) / 1e9) + _TIMER_S
        timer = loop.call_later(left_s, self._fail, Outcome.TIMEOUT)
        self._transport.write(message)
        try:
            await self._done
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            timer.cancel()
        return self._answer

    def close(self) -> None:
        self.usable = False
        self._transport.abort()

    # From asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        if self._done.done():  # there is no request
            self.close()
            return
        if self._answer.first_byte_ns == NEVER:
            self._answer.first_byte_ns = _now_ns()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Outcome.PROTOCOL)

    def eof_received(self) -> None:
        self._lost(whole=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(whole=exc is None)

    def _lost(self, *, whole: bool) -> None:
        self.usable = False
        if self._done.done():
            return
        if self._ends_with_connection and whole:
            self._complete()
        elif self._transport.get_write_buffer_size():
            self._fail(Outcome.WRITE)
        elif self._answered and self._answer.first_byte_ns == NEVER:
            self._fail(Outcome.RESET_STALE)
        else:
            self._fail(Outcome.RESET)

    # From the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._ends_with_connection = not self._has_length and status >= httpx.codes.OK

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < httpx.codes.OK:  # 100 Continue and the like
            self._headers.clear()
        elif not self._done.done():
            self._complete()

    # The end

    def _complete(self) -> None:
        self._answer.ended_ns = _now_ns()
        try:
            self._answer.response = httpx.Response(
                self._parser.get_status_code(),
                headers=self._headers,
                content=b"".join(self._body),
            )
        except httpx.DecodingError:  # its header says that it is compressed, but it is not
            self._fail(Outcome.PROTOCOL)
            return
        self._answered = True
        self._done.set_result(None)
        if not self._parser.should_keep_alive():
            self.close()

    def _fail(self, failure: Outcome) -> None:
        if not self._done.done():
            self._answer.ended_ns = _now_ns()
            self._answer.failure = failure
            self._done.set_result(None)
        self.close()
