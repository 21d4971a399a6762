"""A worker process of the load generator: sends its part of a load, and records each request.

It talks with its parent over a pipe, whose descriptor is its one argument; see `messages`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import math
import resource
import sys
import time
from collections import deque
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from threading import Thread

import numpy as np
import uvloop

from newsclf.loadtest.generator.connection import NOT_CONNECTED, Connection
from newsclf.loadtest.generator.health import HealthMonitor
from newsclf.loadtest.generator.messages import Progress, Result, WorkerTask
from newsclf.loadtest.generator.sender import Sender
from newsclf.loadtest.stop_conditions.condition import DRAIN
from newsclf.loadtest.store.samples import NEVER, SAMPLE, Outcome, Sample

_BACKLOG_PER_CONNECTION = 10
_CONNECT_S = 10.0
_PROGRESS_S = 0.25
_PROGRESS_LATENCIES = 1000
_RECONNECT_S = 0.1
_now_ns = time.perf_counter_ns


def main(descriptor: int) -> None:
    """Read a task from a pipe and run it; ends when the parent does."""
    pipe = Pipe(descriptor)
    with suppress(EOFError, ConnectionError):  # the parent is gone
        task: WorkerTask = pipe.recv()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        needed = task.load.max_in_flight // task.workers + 64
        if soft != resource.RLIM_INFINITY and soft < needed:
            limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Worker(pipe, task).run())


class _Worker:
    """Times are those of time.perf_counter_ns, except in the task and in the result."""

    def __init__(self, pipe: Pipe, task: WorkerTask) -> None:
        self._pipe = pipe
        self._task = task
        self._schedule: list[int] | None = None
        if task.schedule is not None:
            self._schedule = task.schedule.tolist()
        self._choices: list[int] = task.choices.tolist()
        self._sender = Sender(task.target, task.worker)
        count = task.load.connections_of(task.worker, task.workers)
        self._idle = [self._sender.connection(i) for i in range(count)]
        self._connections = tuple(self._idle)
        # A burst is all backlog, which the generator must not drop.
        self._max_backlog = task.load.requests or _BACKLOG_PER_CONNECTION * count
        self._backlog: deque[tuple[int, int]] = deque()
        """Payload and due time of the requests that no connection sends yet."""
        self._samples: list[Sample] = []
        self._left = math.inf if task.max_requests is None else task.max_requests
        self._draining = False
        self._ended_early_ns: int | None = None
        self._in_flight = 0
        self._progress = Progress(task.worker)
        self._start_ns = self._window_end_ns = 0

    async def run(self) -> None:
        opened = await asyncio.gather(*(each.open(_CONNECT_S) for each in self._connections))
        failure = next(filter(None, opened), None)
        self._pipe.send(failure)
        if failure is not None:
            return
        self._start_ns = await asyncio.to_thread(self._pipe.recv)
        gc.collect()
        gc.freeze()
        gc.disable()
        load = self._task.load
        window_begin_ns = self._start_ns + round(load.warmup_s * 1e9)
        self._window_end_ns = self._start_ns + round((load.warmup_s + load.duration_s) * 1e9)
        health = HealthMonitor(window_begin_ns, self._window_end_ns)
        await _until(self._start_ns)
        work = asyncio.create_task(self._send_load())
        Thread(target=self._obey, args=[asyncio.get_running_loop(), work], daemon=True).start()
        others = [asyncio.create_task(health.run()), asyncio.create_task(self._report())]
        with suppress(asyncio.CancelledError):
            await work
        for other in others:
            other.cancel()
        for connection in self._connections:
            connection.close()
        samples = np.array(self._samples, dtype=SAMPLE)
        for name in ("intended_ns", "sent_ns", "first_byte_ns", "ended_ns"):
            samples[name] -= np.where(samples[name] == NEVER, 0, self._start_ns)
        opened_count = sum(connection.opened for connection in self._connections)
        self._pipe.send(Result(samples, health.result(), opened_count, self._ended_early_ns))

    def _obey(self, loop: asyncio.AbstractEventLoop, work: asyncio.Task[None]) -> None:
        """Stop when the parent says so, or is gone; runs in a thread of its own."""
        with suppress(EOFError, ConnectionError):
            while self._pipe.recv() == DRAIN:
                self._draining = True
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(work.cancel)

    async def _send_load(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                if self._schedule is not None:
                    await self._dispatch(self._schedule, group)
                else:
                    for connection in self._connections:
                        group.create_task(self._user(connection))
        finally:  # each request that was due is accounted for
            for payload, due_ns in self._backlog:
                self._give_up(payload, due_ns, Outcome.CANCELLED)

    async def _user(self, connection: Connection) -> None:
        """One user of a closed loop: sends the next request when the last one is answered."""
        for turn in itertools.count(connection.number, len(self._connections)):
            if (now_ns := _now_ns()) >= self._window_end_ns or not self._may_send():
                return
            payload = self._choices[turn % len(self._choices)]
            if await self._send(connection, payload, now_ns) in NOT_CONNECTED:
                await asyncio.sleep(_RECONNECT_S)  # instead of thousands of attempts a second

    async def _dispatch(self, schedule: list[int], group: asyncio.TaskGroup) -> None:
        """Pass each request on when it is due; never early, never skipped."""
        for after_ns, payload in zip(schedule, self._choices, strict=True):
            due_ns = self._start_ns + after_ns
            await _until(due_ns)
            if not self._may_send():
                return
            if len(self._backlog) >= self._max_backlog:
                self._give_up(payload, due_ns, Outcome.DROPPED)
                continue
            self._backlog.append((payload, due_ns))
            if self._idle:  # the one last used is used first, so that few become stale
                group.create_task(self._work_off(self._idle.pop()))

    async def _work_off(self, connection: Connection) -> None:
        """Send what is queued, one after the other on one connection."""
        while self._backlog:
            await self._send(connection, *self._backlog.popleft())
        self._idle.append(connection)

    def _may_send(self) -> bool:
        """Whether one more request may be sent, which then counts."""
        if self._draining:
            return False
        if self._left == 0:
            self._ended_early_ns = self._ended_early_ns or _now_ns() - self._start_ns
            return False
        self._left -= 1
        return True

    async def _send(self, connection: Connection, payload: int, due_ns: int) -> Outcome:
        self._in_flight += 1
        sample = await self._sender.sample(connection, payload, due_ns)
        self._in_flight -= 1
        self._record(sample)
        if sample.outcome == Outcome.CANCELLED:
            raise asyncio.CancelledError
        return sample.outcome

    def _give_up(self, payload: int, due_ns: int, outcome: Outcome) -> None:
        self._record(Sample(due_ns, payload, outcome, worker=self._task.worker))

    def _record(self, sample: Sample) -> None:
        self._samples.append(sample)
        if sample.outcome == Outcome.OK:
            self._progress.ok += 1
            self._progress.response_ms.append((sample.ended_ns - sample.intended_ns) / 1e6)
        else:
            self._progress.failed += 1

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            progress, self._progress = self._progress, Progress(self._task.worker)
            progress.in_flight = self._in_flight
            del progress.response_ms[:-_PROGRESS_LATENCIES]
            self._pipe.send(progress)


async def _until(moment_ns: int) -> None:
    # A timer of whole milliseconds may wake a little early.
    while (left_ns := moment_ns - _now_ns()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(left_ns / 1e9)


if __name__ == "__main__":
    main(int(sys.argv[1]))
