"""A process of the generator: it sends its part of a load and hands back a sample for each request.

It talks with its parent over a pipe, in tuples that begin with a word:

    worker → parent   ("connected", how many)   ("progress", Progress)   ("done", Result)
                      ("failed", outcome): a connection could not be opened
    parent → worker   ("start", t0)   ("drain",)   ("cancel",)

`t0` is on time.perf_counter_ns, which on Linux and macOS is one clock for all processes.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from threading import Thread
from typing import Any

import httpx
import numpy as np
import uvloop

from newsclf.loadtest.health import HealthWatch
from newsclf.loadtest.judge import judge
from newsclf.loadtest.orders import Order, Progress, Result
from newsclf.loadtest.samples import NEVER, SAMPLE, Outcome, Sample
from newsclf.loadtest.transport import Connection, FailedRequestError

_CONNECT_S = 10.0
_PROGRESS_S = 0.25
_now_ns = time.perf_counter_ns


def main(pipe: Pipe, order: Order) -> None:
    """Run an order; ends when its parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent leads
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
        self._url = httpx.URL(order.url)
        tls = httpx.create_ssl_context() if self._url.scheme == "https" else None
        self._connections = [
            Connection(self._url, tls=tls, number=i) for i in range(order.connections)
        ]
        self._requests = [self._build(body) for body in order.bodies]
        self._records: list[Sample] = []
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
        due: asyncio.Queue[int | None] = asyncio.Queue()
        senders = [
            self._sender(connection, due, self._schedule) for connection in self._connections
        ]
        try:
            await _together([self._dispatch(due, self._schedule), *senders])
        finally:  # each request that was due is accounted for
            while not due.empty():
                if (number := due.get_nowait()) is not None:
                    self._give_up(self._schedule[number], self._choices[number], Outcome.CANCELLED)

    async def _user(self, connection: Connection) -> None:
        """One user of a closed loop: the next request goes out when the last is answered."""
        choices, turn = self._choices, connection.number
        while not self._draining and (now_ns := self._clock_ns()) < self._order.window_end_ns:
            await self._ask(connection, now_ns, choices[turn % len(choices)])
            turn += len(self._connections)

    async def _dispatch(self, due: asyncio.Queue[int | None], schedule: list[int]) -> None:
        """Pass each request on when it is due; never early, never skipped."""
        for number, moment_ns in enumerate(schedule):
            if moment_ns > self._clock_ns():
                await self._until(moment_ns)
            if self._draining:
                break
            if due.qsize() >= self._order.max_backlog:
                self._give_up(moment_ns, self._choices[number], Outcome.DROPPED)
            else:
                due.put_nowait(number)
        for _ in self._connections:
            due.put_nowait(None)

    async def _sender(
        self, connection: Connection, due: asyncio.Queue[int | None], schedule: list[int]
    ) -> None:
        while (number := await due.get()) is not None:
            await self._ask(connection, schedule[number], self._choices[number])

    def _build(self, body: bytes) -> httpx.Request:
        headers = {"content-type": "application/json", **self._order.headers}
        return httpx.Request("POST", self._url, headers=headers, content=body)

    def _give_up(self, intended_ns: int, payload: int, outcome: Outcome) -> None:
        self._record(Sample(intended_ns, payload, outcome, worker=self._order.worker))

    async def _ask(self, connection: Connection, intended_ns: int, payload: int) -> None:
        request = self._requests[payload]
        if self._order.auth is not None:  # a signature holds the time of its request
            request = self._build(self._order.bodies[payload])
            request = next(self._order.auth.auth_flow(request))
        begun_ns = self._clock_ns()
        deadline_ns = intended_ns + round(self._order.timeout_s * 1e9)
        sample = Sample(
            intended_ns, payload, Outcome.CANCELLED, worker=self._order.worker,
            connection=connection.number,
        )  # fmt: skip
        if begun_ns >= deadline_ns:  # its user has gone while it waited for a connection
            self._record(sample._replace(outcome=Outcome.TIMEOUT, ended_ns=begun_ns))
            return
        request.extensions["deadline_ns"] = self._t0_ns + deadline_ns
        self._in_flight += 1
        try:
            answer = await connection.handle_async_request(request)
        except FailedRequestError as error:
            sample = sample._replace(
                outcome=error.outcome,
                sent_ns=begun_ns if error.sent_ns == NEVER else error.sent_ns - self._t0_ns,
                first_byte_ns=self._relative(error.first_byte_ns),
                ended_ns=self._clock_ns(),
                reused=error.reused,
            )
        except asyncio.CancelledError:
            sample = sample._replace(sent_ns=begun_ns, ended_ns=self._clock_ns())
            raise
        else:
            about = answer.extensions
            sample = sample._replace(
                outcome=judge(answer, self._order.headlines),
                sent_ns=self._relative(about["sent_ns"]),
                first_byte_ns=self._relative(about["first_byte_ns"]),
                ended_ns=self._relative(about["ended_ns"]),
                status=answer.status_code,
                response_bytes=len(answer.content),
                reused=about["reused"],
            )
        finally:
            self._in_flight -= 1
            self._record(sample)

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

    def _relative(self, moment_ns: int) -> int:
        return moment_ns if moment_ns == NEVER else moment_ns - self._t0_ns

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
                self._order.worker, tally.ok, tally.failed, self._in_flight,
                tally.response_ms[-1000:],
            )  # fmt: skip
            self._pipe.send(("progress", progress))

    def _result(self) -> Result:
        samples = np.array(self._records, dtype=SAMPLE)
        opened = sum(connection.opened for connection in self._connections)
        return Result(samples, self._health.result(self._clock_ns()), opened)


async def _together(coroutines: list[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)
