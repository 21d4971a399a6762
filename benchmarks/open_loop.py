"""An open-loop client: requests leave on time, whether or not earlier ones have been answered.

Run as `python -m benchmarks.open_loop PORT REQUESTS_PER_S SECONDS < bodies`, it prints JSON.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_GIVE_UP_S = 60


class Answer(NamedTuple):
    """What became of one request."""

    status: int
    latency_s: float
    """From the time at which it was due."""
    retry_after: bool
    """Whether it was told when to come again."""


class Run(NamedTuple):
    """What became of all of them."""

    answers: list[Answer]
    elapsed_s: float
    """From the first request to the last answer."""

    @property
    def goodput_per_s(self) -> float:
        """Requests answered with 200, per second."""
        return sum(answer.status == 200 for answer in self.answers) / self.elapsed_s  # noqa: PLR2004 - HTTP


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answered: asyncio.Future[bytes] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # of TCP it is; uvloop has its own

    async def ask(self, request: bytes) -> bytes:
        """Send a request; returns the head of its answer."""
        assert self._transport is not None  # noqa: S101 - it is connected
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]) and self._answered:
            self._received = b""
            self._answered.set_result(head)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError())

    def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()


def post(path: str, body: bytes) -> bytes:
    """The bytes of a request."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def offer(port: int, requests: Iterable[bytes], *, rate_per_s: float, seconds: float) -> Run:
    """Send requests at a constant rate to a port of this machine, and wait for all answers.

    Raises:
        TimeoutError: not all came.
    """
    stream: Iterator[bytes] = itertools.cycle(list(requests))
    idle: list[_Connection] = []
    loop = asyncio.get_running_loop()

    async def one(request: bytes, due_s: float) -> Answer:
        if idle:
            connection = idle.pop()
        else:
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        head = await connection.ask(request)
        idle.append(connection)
        status = int(head.split(b" ", 2)[1])
        return Answer(status, time.perf_counter() - due_s, b"\r\nRetry-After: " in head)

    started_s = time.perf_counter()
    tasks = []
    async with asyncio.timeout(seconds + _GIVE_UP_S):
        for i in range(round(rate_per_s * seconds)):
            due_s = started_s + i / rate_per_s
            if (early_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            tasks.append(asyncio.create_task(one(next(stream), due_s)))
        answers = await asyncio.gather(*tasks)
    elapsed_s = time.perf_counter() - started_s
    for connection in idle:
        connection.close()
    return Run(answers, elapsed_s)


def main() -> None:
    """Offer what the command line says."""
    port, rate_per_s, seconds = sys.argv[1:]
    requests = [post("/invocations", line.strip()) for line in sys.stdin.buffer]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run = runner.run(
            offer(int(port), requests, rate_per_s=float(rate_per_s), seconds=float(seconds))
        )
    refused = sorted(answer.latency_s for answer in run.answers if answer.status != 200)  # noqa: PLR2004 - HTTP
    document = {
        "offered_per_s": len(run.answers) / float(seconds),
        "goodput_per_s": run.goodput_per_s,
        "refused": len(refused),
        "refused_p99_ms": 1000 * refused[int(0.99 * len(refused))] if refused else 0.0,
    }
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
