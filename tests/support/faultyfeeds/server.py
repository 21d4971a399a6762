"""Serve faults on loopback, from a thread, to whatever process asks."""

from __future__ import annotations

import asyncio
import select
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Any

from tests.support.faultyfeeds.fault import Asked, Fault, answer_of
from tests.support.feedserver import Reply, reply

_FIRST_HOST = 256
"""Hosts are 127.0.1.0 and those behind it: each source is on its own, as sources are."""
_TURNS_TO_A_TASK = 10
"""Turns of the loop from a connection that is accepted to its task, and more."""


@dataclass
class FaultyFeeds:
    """The server, as long as it runs."""

    faults: tuple[Fault, ...]
    agent: str
    """What each request should name in its User-Agent."""
    secret_file: str
    """URI of a file that no source should learn of."""
    port: int = 0
    elsewhere_port: int = 0
    requests: list[str] = field(default_factory=list)
    """Path of each request, in order."""
    elsewhere: list[str] = field(default_factory=list)
    """First line and headers of each request to the other server."""
    complaints: list[str] = field(default_factory=list)
    """What was wrong with requests."""
    answered: Counter[str] = field(default_factory=Counter)
    """Requests for the feed of each fault, by its name."""
    _stages: dict[str, int] = field(default_factory=dict)
    _repeated: set[str] = field(default_factory=set)
    _answering: set[asyncio.Task[object]] = field(default_factory=set)
    _listening: Sequence[Any] = ()
    """Sockets, as asyncio wraps them."""
    _loop: asyncio.AbstractEventLoop | None = None
    _came: Condition = field(default_factory=Condition)

    def host_of(self, fault: Fault) -> str:
        """Host of a feed: one for each, where all of 127.0.0.0/8 is this machine."""
        if sys.platform != "linux":
            return "127.0.0.1"
        number = _FIRST_HOST + self.faults.index(fault)
        return f"127.0.{number >> 8}.{number & 0xFF}"

    def server_of(self, fault: Fault) -> str:
        """Address of the server of a feed, without a path."""
        return f"http://{self.host_of(fault)}:{self.port}"

    def url_of(self, fault: Fault) -> str:
        """Address of a feed."""
        user = f"{fault.user}@" if fault.user else ""
        return f"http://{user}{self.host_of(fault)}:{self.port}{fault.path}"

    def wait_for(self, requests: int) -> None:
        """Wait until that many requests came in all."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.requests) >= requests, timeout=60)

    @property
    def unfinished(self) -> list[str]:
        """Names of the faults whose last stage has not been asked for."""
        return [
            fault.name
            for fault in self.faults
            if self._stages.get(fault.name, -1) < len(fault.stages) - 1
        ]

    def client_died(self) -> None:
        """Answer each feed's next request as the last: what was sent may not be recorded."""
        done = Event()

        async def repeat() -> None:
            # What the dead process asked last may still be on its way, or being answered.
            quiet = 0
            while quiet < _TURNS_TO_A_TASK:
                to_accept = select.select(self._listening, [], [], 0)[0]
                quiet = 0 if to_accept else quiet + 1
                await asyncio.sleep(0)
            while self._answering:
                await asyncio.wait(self._answering)
                await asyncio.sleep(0)
            self._repeated |= self._stages.keys()
            done.set()

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(repeat(), self._loop)
        assert done.wait(timeout=30)

    def reply_to(self, head: str) -> Reply:
        """The answer to a request."""
        _, target, _ = head.split(maxsplit=2)
        if target == "/robots.txt":
            return reply(b"", status="404 Not Found")
        with self._came:
            self.requests.append(target)
            self._came.notify_all()
        name, _, place = target.removeprefix("/").partition("/")
        fault = next((each for each in self.faults if each.name == name), None)
        if fault is None or (place != "feed" and place not in fault.places):
            self.complaints.append(f"{target}: was never named as an address to fetch")
            return reply(b"", status="404 Not Found")
        lines = (line.partition(":") for line in head.split("\r\n")[1:])
        headers = {field.lower(): value.strip() for field, _, value in lines}
        asked = Asked(
            headers,
            f"{self.server_of(fault)}/{name}",
            f"http://127.0.0.1:{self.elsewhere_port}",
            self.secret_file,
            lambda words: self.complaints.append(f"{target}: {words}"),
        )
        if self.agent not in headers.get("user-agent", ""):
            asked.complain("does not say whom to ask")
        if place != "feed":
            return answer_of(fault.places[place], asked)
        self.answered[name] += 1
        return answer_of(fault.stages[self._stage(fault)], asked)

    def _stage(self, fault: Fault) -> int:
        if fault.name in self._repeated:
            self._repeated.remove(fault.name)
        else:
            following = self._stages.get(fault.name, -1) + 1
            self._stages[fault.name] = min(following, len(fault.stages) - 1)
        return self._stages[fault.name]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await _send(self.reply_to(head), reader, writer)
        finally:
            self._answering.remove(task)
            writer.close()

    async def answer_elsewhere(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Note a request to the other server."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.elsewhere.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            await _send(reply(b"<rss><channel/></rss>"), reader, writer)
        writer.close()

    async def serve(self, started: Event, stop: asyncio.Event) -> None:
        """Listen until told to stop."""
        self._loop = asyncio.get_running_loop()
        other = await asyncio.start_server(self.answer_elsewhere, "127.0.0.1", 0)
        self.elsewhere_port = other.sockets[0].getsockname()[1]
        first, *more = sorted({self.host_of(fault) for fault in self.faults})
        feeds = await asyncio.start_server(self.answer, first, 0)
        self.port = feeds.sockets[0].getsockname()[1]
        others = await asyncio.start_server(self.answer, more, self.port) if more else feeds
        self._listening = [*feeds.sockets, *others.sockets]
        started.set()
        await stop.wait()
        for server in (feeds, others, other):
            server.close()


async def _send(sent: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    gone = asyncio.ensure_future(_until_gone(reader))
    for piece in sent.pieces:
        if gone.done():
            return
        writer.write(piece)
        await writer.drain()
        if sent.every_s:
            await asyncio.wait([gone], timeout=sent.every_s)
        else:
            await asyncio.sleep(0)
    if sent.hang:
        await gone
    gone.cancel()


async def _until_gone(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        await reader.read()


@contextmanager
def faulty_feeds(
    faults: Iterable[Fault], *, agent: str, secret_file: Path
) -> Iterator[FaultyFeeds]:
    """Run the server.

    Args:
        faults: What it serves, each below its name.
        agent: What each request should name in its User-Agent, such as the contact.
        secret_file: A file that hostile sources try to read.
    """
    server = FaultyFeeds(tuple(faults), agent, secret_file.as_uri())
    started, stops = Event(), []

    async def run() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        await server.serve(started, stop)

    thread = Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert started.wait(timeout=30)
    try:
        yield server
    finally:
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
