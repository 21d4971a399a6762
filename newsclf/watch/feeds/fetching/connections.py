"""TCP connections to checked addresses: a host is resolved once, and what was checked is used.

The check is on the address that is connected to, so a name that resolves to a public address when
it is checked and to a private one when it is used (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from newsclf.watch.feeds.fetching.addresses import IPAddress, refusal_of_address

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Takes a host and a port; returns addresses as text, preferred first. Raises OSError."""

_RESOLVER_THREADS = 64
_MOST_ADDRESSES = 4
"""Addresses of a host that are tried; each gets its share of the time to connect."""


class AddressRefusedError(Exception):
    """A host has no address that may be connected to; the text says why."""


class SystemResolver:
    """The operating system's resolver, in threads of its own.

    The event loop's default threads are few, and names that hang would keep them from everyone.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolver")

    async def __call__(self, host: str, port: int) -> list[str]:
        """Addresses of a host. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _getaddrinfo, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Network backend of httpcore that connects to checked addresses only.

    Args:
        resolver: Resolves host names.
        allow_private: See `refusal_of_address`.
        network: Connects to the addresses that passed.
    """

    def __init__(
        self, resolver: Resolver, *, allow_private: bool, network: httpcore.AsyncNetworkBackend
    ) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that is permitted and answers.

        Raises:
            AddressRefusedError: The host has addresses, and none of them is permitted.
            httpcore.ConnectError: The host is unknown, or refuses.
            httpcore.ConnectTimeout: Resolving and connecting took longer than the time-out.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = self._permitted(await self._resolve(host, port))
                share_s = timeout / len(addresses) if timeout is not None else None
                for last, address in zip(
                    [*[False] * (len(addresses) - 1), True], addresses, strict=True
                ):
                    try:
                        return await self._network.connect_tcp(
                            str(address), port, share_s, local_address, socket_options
                        )
                    except (httpcore.ConnectError, httpcore.ConnectTimeout):
                        if last:
                            raise
        except TimeoutError as problem:
            raise httpcore.ConnectTimeout("the host did not resolve in time") from problem
        raise AssertionError  # pragma: no cover - the last address returns or raises

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore does so before it tries again, which it is not asked to."""
        await self._network.sleep(seconds)

    async def _resolve(self, host: str, port: int) -> list[IPAddress]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError) as problem:
            raise httpcore.ConnectError("its host name is unknown") from problem
        if not found:
            raise httpcore.ConnectError("its host name has no address")
        return [ipaddress.ip_address(text) for text in found]

    def _permitted(self, addresses: list[IPAddress]) -> list[IPAddress]:
        refusals = {a: refusal_of_address(a, allow_private=self._allow_private) for a in addresses}
        permitted = [a for a, refusal in refusals.items() if refusal is None]
        if not permitted:
            address, refusal = next(iter(refusals.items()))
            raise AddressRefusedError(f"the address {address} is {refusal}")
        return permitted[:_MOST_ADDRESSES]


class HeadersTooLongError(Exception):
    """An answer does not come to its body; the text says how much came before."""


class LimitedHeaders(httpcore.AsyncNetworkBackend):
    """Network backend of one request, which bounds what comes before the body of its answer.

    httpcore passes over interim answers (1xx), however many there are.

    Args:
        network: Makes the connection.
        at_most_bytes: Before the body.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, *, at_most_bytes: int) -> None:
        self._network = network
        self._at_most_bytes = at_most_bytes
        self._came_bytes = 0
        self.complete = False
        """Set when the headers have come: the body has its own limits."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect, and count what comes."""
        connect = self._network.connect_tcp
        stream = await connect(host, port, timeout, local_address, socket_options)
        return _CountedStream(stream, self.came)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)

    def came(self, size: int) -> None:
        """Count what came. Raises HeadersTooLongError."""
        self._came_bytes += size
        # What has come may hold the beginning of the body; that more is read shows that it doesn't.
        if not self.complete and self._came_bytes - size > self._at_most_bytes:
            raise HeadersTooLongError(f"more than {self._at_most_bytes:,} bytes of headers")


class _CountedStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, came: Callable[[int], None]) -> None:
        self._stream = stream
        self._came = came

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._came(len(data))
        return data

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return _CountedStream(stream, self._came)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _getaddrinfo(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]
