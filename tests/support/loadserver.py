"""A server of exactly known behaviour, to test load generators; it runs as a process.

`python -m tests.support.loadserver '<JSON of Behaviour>'` prints its port and serves until it is
killed.
POST gets a prediction after `service_s`; GET / tells what it has seen.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import struct
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import httptools
import httpx
import uvloop

GOOD = json.dumps(
    {
        "predictions": [
            {
                "label": "positive",
                "score": 0.8,
                "scores": {"negative": 0.1, "neutral": 0.1, "positive": 0.8},
            }
        ],
        "model": "none",
    }
).encode()


@dataclass(frozen=True)
class Behaviour:
    """Behaviour of the server."""

    service_s: float = 0.0
    servers: int | None = None
    """Requests served at the same time; None: all."""
    freeze_s: tuple[float, float] | None = None
    """From and until when nothing moves, counted from the first request."""
    script: list[str] = field(default_factory=list)
    """What becomes of the n-th request, over and over: ok, a status, reset, hang, garbage, page
    (200 with HTML), trickle (the body in pieces), large (1 MB)."""
    close_after: int | None = None
    """Answers on a connection, after which it is closed without a word."""


class _Server:
    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.loop = asyncio.get_running_loop()
        self.seen: Counter[str] = Counter()
        self.requests = 0
        self.first_s: float | None = None
        self.busy = 0
        self.queue: deque[_Peer] = deque()

    def arrived(self, peer: _Peer) -> None:
        if self.first_s is None:
            self.first_s = self.loop.time()
        script = self.behaviour.script or ["ok"]
        peer.fate = script[self.requests % len(script)]
        self.requests += 1
        self.seen[peer.fate] += 1
        if self.behaviour.servers is not None and self.busy >= self.behaviour.servers:
            self.queue.append(peer)
        else:
            self._serve(peer)

    def _serve(self, peer: _Peer) -> None:
        self.busy += 1
        now_s = self.loop.time()
        done_s = self._moved(self._moved(now_s) + self.behaviour.service_s)
        if done_s <= now_s:
            self._done(peer)
        else:
            self.loop.call_at(done_s, self._done, peer)

    def _moved(self, moment_s: float) -> float:
        """A moment, or the end of the freeze if it lies within."""
        if self.behaviour.freeze_s is None or self.first_s is None:
            return moment_s
        begin_s, end_s = (self.first_s + offset for offset in self.behaviour.freeze_s)
        return end_s if begin_s <= moment_s < end_s else moment_s

    def _done(self, peer: _Peer) -> None:
        self.busy -= 1
        if self.queue:
            self._serve(self.queue.popleft())
        peer.answer()


class _Peer(asyncio.Protocol):
    def __init__(self, server: _Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._answers = 0
        self.fate = "ok"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of another class
        self._server.seen["connections"] += 1

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._send(400, b"{}")
            self._transport.close()

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._send(200, json.dumps(self._server.seen).encode())
        else:
            self._server.arrived(self)

    def answer(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        if self.fate == "reset":
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            transport.abort()
        elif self.fate == "garbage":
            transport.write(b"this is not HTTP\r\n\r\n")
        elif self.fate == "page":
            self._send(200, b"<html>welcome</html>")
        elif self.fate == "large":
            self._send(200, GOOD + b" " * 1_000_000)
        elif self.fate == "trickle":
            self._trickle()
        elif self.fate == "ok":
            self._send(200, GOOD)
        elif self.fate != "hang":
            self._send(int(self.fate), b"{}")

    def _send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        self._transport.write(head + body)
        self._answers += 1
        if self._answers == self._server.behaviour.close_after:
            self._transport.close()

    def _trickle(self) -> None:
        pieces = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]
        pieces += [b"%x\r\n%s\r\n" % (len(part), part) for part in (GOOD[:20], GOOD[20:])]
        pieces.append(b"0\r\n\r\n")
        for i, piece in enumerate(pieces):
            self._server.loop.call_later(0.02 * i, self._transport.write, piece)


@dataclass(frozen=True)
class Running:
    """A running server."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """URL of the server."""
        return f"http://127.0.0.1:{self.port}/classify"

    def seen(self) -> dict[str, int]:
        """Numbers of connections and of requests by outcome."""
        counts: dict[str, int] = httpx.get(f"http://127.0.0.1:{self.port}/", timeout=60).json()
        return counts | {"connections": counts["connections"] - 1}


@contextmanager
def running(behaviour: Behaviour) -> Iterator[Running]:
    """Run a server of this behaviour."""
    document = json.dumps(dataclasses.asdict(behaviour))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.loadserver", document],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            yield Running(int(process.stdout.readline()), process.pid)
        finally:
            process.kill()


async def _main(behaviour: Behaviour) -> None:
    server = _Server(behaviour)
    listening = await asyncio.get_running_loop().create_server(
        lambda: _Peer(server), "127.0.0.1", 0, backlog=1024
    )
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main(Behaviour(**json.loads(sys.argv[1]))))
