"""An HTTP/1.1 connection for load tests: httpx's types on asyncio and the parser of Node.js.

A default httpx client sends 300 to 900 requests a second, since its pool looks at every connection
for every request; then a load test measures httpx. Here each user of the load has a connection of
its own, so there is no pool, no cap that nobody asked for, and no wait that looks like the
server's. Nothing is ever sent twice, and each failure has one Outcome.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from typing import cast

import httptools
import httpx

from newsclf.loadtest.store.samples import NEVER, Outcome

_TIMER_S = 0.002
"""uvloop's timers count whole milliseconds from a clock read earlier; none may end too early."""
_now_ns = time.perf_counter_ns


class FailedRequestError(httpx.TransportError):
    """A request that got no complete answer; the times are NEVER where it did not get so far."""

    def __init__(
        self,
        outcome: Outcome,
        *,
        sent_ns: int = NEVER,
        first_byte_ns: int = NEVER,
        reused: bool = False,
    ) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome
        self.sent_ns = sent_ns
        self.first_byte_ns = first_byte_ns
        self.reused = reused


class Connection(httpx.AsyncBaseTransport):
    """One connection, for one request at a time.

    Answers carry `sent_ns`, `first_byte_ns` and `ended_ns` (time.perf_counter_ns) and `reused` in
    their extensions, taken where the bytes go and come, not where a coroutine wakes up. A request
    that has to connect again first counts as sent when it begins to.
    """

    def __init__(self, url: httpx.URL, *, tls: ssl.SSLContext | None, number: int = 0) -> None:
        """Prepare a connection to the host and port of a URL; opens nothing."""
        self.number = number
        self._host = url.host
        self._port = url.port or (443 if tls else 80)
        self._tls = tls
        self._exchange: _Exchange | None = None
        self.opened = 0
        """How often a connection has been opened."""

    async def open(self, timeout_s: float) -> None:
        """Connect, unless it is connected.

        Raises:
            FailedRequestError: there is no connection to be had.
        """
        if self._exchange is not None and self._exchange.usable:
            return
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
        except (OSError, TimeoutError) as error:
            raise FailedRequestError(_connect_outcome(error)) from None
        self.opened += 1

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose content is at hand, and wait for the whole answer.

        The extension `deadline_ns` (time.perf_counter_ns) of the request says when to give up.

        Raises:
            FailedRequestError: there was no complete answer by then.
        """
        deadline_ns = request.extensions["deadline_ns"]
        begun_ns = _now_ns()
        await self.open(max(0.0, (deadline_ns - _now_ns()) / 1e9))
        if self._exchange is None:
            raise AssertionError  # it was opened, or an error was raised
        return await self._exchange.ask(_serialised(request), begun_ns, deadline_ns)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._exchange is not None:
            self._exchange.close()


def _serialised(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.content


def _connect_outcome(error: Exception) -> Outcome:
    if isinstance(error, socket.gaierror):
        return Outcome.DNS
    if isinstance(error, ConnectionRefusedError):
        return Outcome.CONNECT_REFUSED
    if isinstance(error, TimeoutError):
        return Outcome.CONNECT_TIMEOUT
    if isinstance(error, ssl.SSLError):
        return Outcome.TLS
    return Outcome.CONNECT_FAILED


class _Exchange(asyncio.Protocol):
    """The bytes of one connection, and the parser's callbacks, whose names httptools gives."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._answered = 0
        self._sent_ns = self._first_byte_ns = NEVER
        self.usable = False

    # From asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():  # nobody asked
            self.close()
            return
        if self._first_byte_ns == NEVER:
            self._first_byte_ns = _now_ns()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Outcome.PROTOCOL)

    def eof_received(self) -> None:
        self._ended(whole=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(whole=exc is None)

    def _ended(self, *, whole: bool) -> None:
        self.usable = False
        if self._answer is None or self._answer.done():
            return
        if self._ends_with_connection and whole:
            self._complete()
        elif self._transport.get_write_buffer_size():
            self._fail(Outcome.WRITE)
        elif self._answered and self._first_byte_ns == NEVER:
            self._fail(Outcome.RESET_STALE)
        else:
            self._fail(Outcome.RESET)

    # From the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._ends_with_connection = not self._has_length and status >= httpx.codes.OK

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < httpx.codes.OK:  # 100 Continue and the like
            self._headers.clear()
            return
        self._complete()

    # For the connection

    async def ask(self, message: bytes, begun_ns: int, deadline_ns: int) -> httpx.Response:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._has_length = self._ends_with_connection = False
        self._first_byte_ns = NEVER
        self._answer = self._loop.create_future()
        left_s = max(0.0, (deadline_ns - _now_ns()) / 1e9) + _TIMER_S
        timer = self._loop.call_later(left_s, self._fail, Outcome.TIMEOUT)
        self._sent_ns = begun_ns
        self._transport.write(message)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            timer.cancel()

    def close(self) -> None:
        self.usable = False
        self._transport.abort()

    def _complete(self) -> None:
        ended_ns = _now_ns()
        if self._answer is None or self._answer.done():
            return
        extensions = {
            "sent_ns": self._sent_ns,
            "first_byte_ns": self._first_byte_ns,
            "ended_ns": ended_ns,
            "reused": self._answered > 0,
        }
        try:
            response = httpx.Response(
                self._parser.get_status_code(),
                headers=self._headers,
                content=b"".join(self._body),
                extensions=extensions,
            )
        except httpx.DecodingError:  # says that it is compressed, and is not
            self._fail(Outcome.PROTOCOL)
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._answered += 1
        self._answer.set_result(response)

    def _fail(self, outcome: Outcome) -> None:
        if self._answer is not None and not self._answer.done():
            error = FailedRequestError(
                outcome,
                sent_ns=self._sent_ns,
                first_byte_ns=self._first_byte_ns,
                reused=self._answered > 0,
            )
            self._answer.set_exception(error)
        self.close()
