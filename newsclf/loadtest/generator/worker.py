"""A process of the generator: it sends its part of a load and hands back a sample for each request.

It talks with its parent over a pipe, whose descriptor is its one argument. The pipe brings it an
Order; all else are tuples that begin with a word:

    worker → parent   ("connected", how many)   ("progress", Progress)   ("done", Result)
                      ("failed", outcome): a connection could not be opened
    parent → worker   ("start", t0)   ("drain",)   ("cancel",)

`t0` is on time.perf_counter_ns, which on Linux and macOS is one clock for all processes.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from threading import Thread
from typing import Any

import httpx
import numpy as np
import uvloop

from newsclf.loadtest.generator.connection import Connection, FailedRequestError
from newsclf.loadtest.generator.health import HealthWatch
from newsclf.loadtest.generator.messages import Order, Progress, Result
from newsclf.loadtest.generator.sender import Asker
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Sample

_CONNECT_S = 10.0
_PROGRESS_S = 0.25
_RECONNECT_S = 0.1
_NOT_CONNECTED = {
    Outcome.DNS,
    Outcome.CONNECT_REFUSED,
    Outcome.CONNECT_TIMEOUT,
    Outcome.CONNECT_FAILED,
    Outcome.TLS,
}
_now_ns = time.perf_counter_ns


def main(descriptor: int) -> None:
    """Read an order from a pipe and run it; ends when the parent does."""
    pipe = Pipe(descriptor)
    try:
        order: Order = pipe.recv()
    except (EOFError, OSError):
        return  # the parent is gone
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = order.connections + 64
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(BrokenPipeError):
        runner.run(_Worker(pipe, order).run())


@dataclass(slots=True)
class _Tally:
    ok: int = 0
    failed: int = 0
    response_ms: list[float] = field(default_factory=list)


class _Worker:
    def __init__(self, pipe: Pipe, order: Order) -> None:
        self._pipe = pipe
        self._order = order
        self._schedule = None if order.schedule is None else order.schedule.tolist()
        self._choices: list[int] = order.choices.tolist()
        url = httpx.URL(order.url)
        tls = httpx.create_ssl_context() if url.scheme == "https" else None
        self._connections = [Connection(url, tls=tls, number=i) for i in range(order.connections)]
        self._asker = Asker(order)
        self._records: list[Sample] = []
        self._backlog: deque[int] = deque()
        self._idle: list[asyncio.Future[int | None]] = []
        self._all_due = False
        self._taken = 0
        self._ended_early_ns: int | None = None
        self._in_flight = 0
        self._tally = _Tally()
        self._health = HealthWatch(order.window_begin_ns, order.window_end_ns)
        self._draining = False
        self._begin: asyncio.Future[int]
        self._work: asyncio.Task[None] | None = None
        self._t0_ns = 0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        opening = [connection.open(_CONNECT_S) for connection in self._connections]
        for error in await asyncio.gather(*opening, return_exceptions=True):
            if isinstance(error, FailedRequestError):
                self._pipe.send(("failed", error.outcome))
                return
            if error is not None:
                raise error
        self._pipe.send(("connected", len(self._connections)))
        self._begin = loop.create_future()
        Thread(target=self._listen, args=[loop], daemon=True).start()
        self._t0_ns = await self._begin
        gc.collect()
        gc.freeze()
        gc.disable()
        await self._until(0)
        self._work = asyncio.create_task(self._load())
        watchers = [
            asyncio.create_task(self._health.watch_lag(self._clock_ns)),
            asyncio.create_task(self._measure_cpu()),
            asyncio.create_task(self._report()),
        ]
        with suppress(asyncio.CancelledError):
            await self._work
        for watcher in watchers:
            watcher.cancel()
        for connection in self._connections:
            await connection.aclose()
        self._pipe.send(("done", self._result()))

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read the parent's words, in a thread of its own."""
        while True:
            try:
                word, *rest = self._pipe.recv()
            except (EOFError, OSError):
                word, rest = "cancel", []  # the parent is gone
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._obey, word, *rest)
            if word == "cancel":
                return

    def _obey(self, word: str, *rest: int) -> None:
        if word == "start":
            self._begin.set_result(rest[0])
        elif word == "drain":
            self._draining = True
        elif self._work is not None:
            self._work.cancel()
        else:
            self._begin.cancel()

    # Loads

    async def _load(self) -> None:
        if self._schedule is None:
            await _together([self._user(connection) for connection in self._connections])
            return
        senders = [self._sender(connection, self._schedule) for connection in self._connections]
        try:
            await _together([self._dispatch(self._schedule), *senders])
        finally:  # each request that was due is accounted for
            for number in self._backlog:
                self._give_up(self._schedule[number], self._choices[number], Outcome.CANCELLED)

    async def _user(self, connection: Connection) -> None:
        """One user of a closed loop: the next request goes out when the last is answered."""
        choices, turn = self._choices, connection.number
        while self._may_send() and (now_ns := self._clock_ns()) < self._order.window_end_ns:
            outcome = await self._ask(connection, now_ns, choices[turn % len(choices)])
            turn += len(self._connections)
            if outcome in _NOT_CONNECTED:  # nobody tries thousands of times a second
                await asyncio.sleep(_RECONNECT_S)

    def _may_send(self) -> bool:
        if self._draining:
            return False
        limit = self._order.max_requests
        if limit is not None and self._taken >= limit:
            self._ended_early_ns = self._ended_early_ns or self._clock_ns()
            return False
        self._taken += 1
        return True

    async def _dispatch(self, schedule: list[int]) -> None:
        """Pass each request on when it is due; never early, never skipped."""
        for number, moment_ns in enumerate(schedule):
            if moment_ns > self._clock_ns():
                await self._until(moment_ns)
            if not self._may_send():
                break
            if self._idle:
                self._idle.pop().set_result(number)
            elif len(self._backlog) < self._order.max_backlog:
                self._backlog.append(number)
            else:
                self._give_up(moment_ns, self._choices[number], Outcome.DROPPED)
        self._all_due = True
        for idle in self._idle:
            idle.set_result(None)

    async def _sender(self, connection: Connection, schedule: list[int]) -> None:
        """Send what is due on one connection; the one last used is used first, so few get stale."""
        while (number := await self._next_due()) is not None:
            await self._ask(connection, schedule[number], self._choices[number])

    async def _next_due(self) -> int | None:
        if self._backlog:
            return self._backlog.popleft()
        if self._all_due:
            return None
        turn: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._idle.append(turn)
        return await turn

    def _give_up(self, intended_ns: int, payload: int, outcome: Outcome) -> None:
        self._record(Sample(intended_ns, payload, outcome, worker=self._order.worker))

    async def _ask(self, connection: Connection, intended_ns: int, payload: int) -> Outcome:
        self._in_flight += 1
        try:
            sample = await self._asker.ask(connection, intended_ns, payload, self._t0_ns)
        finally:
            self._in_flight -= 1
        self._record(sample)
        if sample.outcome == Outcome.CANCELLED:
            raise asyncio.CancelledError
        return sample.outcome

    def _record(self, sample: Sample) -> None:
        self._records.append(sample)
        if sample.outcome == Outcome.OK:
            self._tally.ok += 1
            self._tally.response_ms.append((sample.ended_ns - sample.intended_ns) / 1e6)
        else:
            self._tally.failed += 1

    # Clocks and health

    def _clock_ns(self) -> int:
        return _now_ns() - self._t0_ns

    async def _until(self, moment_ns: int) -> None:
        # A timer of whole milliseconds may wake a little early.
        while (left_ns := moment_ns - self._clock_ns()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left_ns / 1e9)

    async def _measure_cpu(self) -> None:
        for moment_ns in (self._order.window_begin_ns, self._order.window_end_ns):
            await self._until(moment_ns)
            self._health.note_cpu()

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            tally, self._tally = self._tally, _Tally()
            progress = Progress(
                self._order.worker,
                tally.ok,
                tally.failed,
                self._in_flight,
                tally.response_ms[-1000:],
            )
            self._pipe.send(("progress", progress))

    def _result(self) -> Result:
        samples = np.array(self._records, dtype=SAMPLE)
        opened = sum(connection.opened for connection in self._connections)
        health = self._health.result(self._clock_ns())
        return Result(samples, health, opened, self._ended_early_ns)


async def _together(coroutines: list[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)


if __name__ == "__main__":
    main(int(sys.argv[1]))
