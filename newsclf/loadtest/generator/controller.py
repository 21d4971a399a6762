"""Controller of the load generator: runs one load with worker processes and collects results."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from typing import cast

import numpy as np

from newsclf.common.errors import NewsclfError, ServiceError
from newsclf.common.interpreter import module_command
from newsclf.common.urls import without_secrets
from newsclf.loadtest.generator.messages import Progress, Result, Target, WorkerTask
from newsclf.loadtest.load.arrivals import Schedule
from newsclf.loadtest.stop_conditions.condition import CANCEL, StopCondition, StopConditions
from newsclf.loadtest.stop_conditions.interrupt import SIGNALS
from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Samples

_WORKER = "newsclf.loadtest.generator.worker"
_START_PAUSE_NS = 50_000_000
_CHECK_S = 0.2
_CONNECT_S = 60.0
_DRAIN_S = 10.0
"""Limit for the answers to requests in flight after a stop; then they are given up."""


@dataclass(frozen=True, slots=True)
class Generated:
    """Samples of one load, and how it ended."""

    samples: Samples
    started: datetime
    """Time of day at which the clock of the samples began, once all processes were connected."""
    window_end_ns: int
    """Earlier than planned if the load was stopped."""
    results: Sequence[Result]
    stopped_by: StopCondition | None
    interrupted: bool
    """It ended early, and so did the load test."""


def generate(
    load: Load,
    target: Target,
    *,
    schedule: Schedule | None,
    choices: Schedule,
    workers: int,
    stop: StopConditions,
    on_progress: Callable[[Progress], None],
    max_requests: int | None = None,
) -> Generated:
    """Run one load.

    Args:
        load: What to send.
        target: Where.
        schedule: When, for an open loop; covers warm-up and window.
        choices: Index of the payload of each request, in turn.
        workers: Processes.
        stop: Checked while the load runs.
        on_progress: Called some four times a second for each process.
        max_requests: The load ends when so many were sent (rounded up to the processes).

    Raises:
        ServiceError: a connection could not be opened.
        NewsclfError: a process of the generator died; its samples are lost, so nothing is kept.
    """
    workers = min(workers, load.max_in_flight)
    tasks = [
        WorkerTask(
            target=target,
            load=load,
            worker=i,
            workers=workers,
            schedule=None if schedule is None else schedule[i::workers],
            choices=choices[i::workers],
            max_requests=None if max_requests is None else -(-max_requests // workers),
        )
        for i in range(workers)
    ]
    pipes: list[Pipe] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in tasks:
            ours, theirs = multiprocessing.Pipe()
            pipes.append(ours)
            with theirs:  # only the worker's copy stays, so that its death is noticed
                processes.append(_start_worker(theirs))
        with _workers_alive():
            for pipe, task in zip(pipes, tasks, strict=True):
                pipe.send(task)
        for pipe in pipes:
            _expect_connected(pipe, target.url)
        start_ns = time.perf_counter_ns() + _START_PAUSE_NS
        started = datetime.now(UTC) + timedelta(microseconds=_START_PAUSE_NS / 1000)
        with _workers_alive():
            for pipe in pipes:
                pipe.send(start_ns)
        results, stopped_by, stopped_ns = _gather(pipes, stop, on_progress)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for pipe in pipes:
            pipe.close()
    samples = np.concatenate([result.samples for result in results]).astype(SAMPLE)
    early_ns = [result.ended_early_ns for result in results if result.ended_early_ns]
    if stopped_by is not None:
        early_ns.append(stopped_ns - start_ns)
    return Generated(
        samples=samples[np.argsort(samples["intended_ns"], kind="stable")],
        started=started,
        window_end_ns=min([round((load.warmup_s + load.duration_s) * 1e9), *early_ns]),
        results=results,
        stopped_by=stopped_by,
        interrupted=bool(early_ns) and (stopped_by is None or stopped_by.ends_test),
    )


def _start_worker(pipe: Pipe) -> subprocess.Popen[bytes]:
    """Start a worker that gets none of the signals that a terminal sends to its whole group.

    Nothing may be written to it here: that waits for it to read, while no signal is heard.
    """
    descriptor = pipe.fileno()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return subprocess.Popen(  # noqa: S603 - our own worker; it inherits what is blocked
            module_command(_WORKER, str(descriptor)),
            stdin=subprocess.DEVNULL,
            pass_fds=[descriptor],
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _expect_connected(pipe: Pipe, url: str) -> None:
    if not pipe.poll(_CONNECT_S):
        raise NewsclfError("a process of the load generator did not start")
    with _workers_alive():
        failure: Outcome | None = pipe.recv()
    if failure is not None:
        raise ServiceError(
            f"{without_secrets(url)}: no connection ({failure.words})",
            hint="newsclf status shows what is up",
        )


def _gather(
    pipes: Sequence[Pipe], stop: StopConditions, on_progress: Callable[[Progress], None]
) -> tuple[list[Result], StopCondition | None, int]:
    """All results, what stopped the load if anything did, and when, on time.perf_counter_ns."""
    results: dict[Pipe, Result] = {}
    stopped_by: StopCondition | None = None
    stopped_ns = told = 0
    while working := [pipe for pipe in pipes if pipe not in results]:
        now_ns = time.perf_counter_ns()
        if stopped_by is None and (stopped_by := stop.met()):
            stopped_ns = now_ns
        if stopped_by is not None:
            drained = now_ns - stopped_ns > _DRAIN_S * 1e9
            urgency = CANCEL if drained else max(stopped_by.urgency, stop.urgency())
            if urgency > told:
                told = urgency
                for pipe in working:
                    with suppress(OSError):  # it is just ending; what it sent can be read
                        pipe.send(urgency)
        for pipe in cast("list[Pipe]", wait(working, timeout=_CHECK_S)):
            with _workers_alive():
                message: Progress | Result = pipe.recv()
            if isinstance(message, Result):
                results[pipe] = message
            else:
                stop.observe(message.ok, message.failed)
                on_progress(message)
    return [results[pipe] for pipe in pipes], stopped_by, stopped_ns


@contextmanager
def _workers_alive() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise NewsclfError(
            "a process of the load generator died; what it had measured is lost",
            hint="run it again; --resume keeps the points that were complete",
        ) from None
