"""A server on loopback that answers byte for byte as it is told, however wrong that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

RSS = b"<rss version='2.0'><channel><item><title>Profit rose</title></item></channel></rss>"


@dataclass(frozen=True)
class Reply:
    """What is sent, and what follows it."""

    pieces: Iterable[bytes]
    hang: bool = False
    """Whether the connection stays open and silent; else it is closed."""
    every_s: float = 0.0
    """Pause after each piece, in servers that can be slow."""


@dataclass
class FeedServer:
    """The server, as long as it runs."""

    port: int
    requests: list[str] = field(default_factory=list)
    """First line and headers of each request, in order."""
    sent_bytes: int = 0

    @property
    def url(self) -> str:
        """URL of the server, without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """Path and query of each request."""
        return [r.split()[1] for r in self.requests]


def reply(body: bytes = RSS, *, status: str = "200 OK", **headers: str) -> Reply:
    """An answer in good order.

    Args:
        body: Sent as it is.
        status: Code and reason.
        headers: Names with `_` for `-`. Content-Length is added.
    """
    fields = {"Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
    return Reply(["\r\n".join([*lines, "", ""]).encode("latin-1"), body])


def redirect(to: str, status: str = "302 Found") -> Reply:
    """A redirection."""
    return reply(b"", status=status, Location=to)


@asynccontextmanager
async def feed_server(replies: Mapping[str, Reply]) -> AsyncIterator[FeedServer]:
    """Run the server.

    Args:
        replies: By path and query; the others are answered with 404.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            server.requests.append(head)
            found = replies.get(head.split()[1], reply(b"", status="404 Not Found"))
            for piece in found.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(found.every_s)  # an endless reply lets the client take its turn
                server.sent_bytes += len(piece)
            if found.hang:
                await reader.read()  # until the client has had enough
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        server = FeedServer(listener.sockets[0].getsockname()[1])
        yield server
