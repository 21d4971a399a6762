"""Runs one load with one or several processes, and gathers what they saw."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, cast

import httpx
import numpy as np

from newsclf.common.errors import NewsclfError, ServiceError
from newsclf.common.interpreter import module_command
from newsclf.common.urls import without_secrets
from newsclf.loadtest.generator.messages import Order, Progress, Result
from newsclf.loadtest.generator.unresponsive import Silence
from newsclf.loadtest.load.arrivals import Schedule, deal
from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Samples

BACKLOG_PER_CONNECTION = 10
_WORKER = "newsclf.loadtest.generator.worker"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_START_PAUSE_NS = 50_000_000
_LOOK_S = 0.2
_CONNECT_S = 60.0
_DRAIN_S = 10.0
"""After word to stop, requests have so long to be answered; then they are given up."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and what is in them."""

    url: str
    headers: Mapping[str, str]
    """Beside the content type; may hold a credential, so they are never written anywhere."""
    auth: httpx.Auth | None
    """Puts a credential into each request."""
    bodies: Sequence[bytes]
    headlines_per_request: int
    timeout_s: float


class Stop:
    """How often the user has asked to stop: once drains, twice cancels, three times kills."""

    def __init__(self) -> None:
        self.asked = 0

    def ask(self) -> None:
        """Ask once more."""
        self.asked += 1

    def wait(self, seconds: float) -> None:
        """Wait, unless and until it is asked to stop."""
        deadline_s = time.monotonic() + seconds
        while not self.asked and (left_s := deadline_s - time.monotonic()) > 0:
            threading.Event().wait(min(left_s, _LOOK_S))

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Count signals here instead of ending at once, up to the third.

        Not Ctrl-C alone: what the load test has brought up must go when the terminal does, too.
        """

        def count(_number: int, _frame: FrameType | None) -> None:
            self.ask()
            if self.asked > 2:  # noqa: PLR2004
                raise KeyboardInterrupt

        before = {
            number: signal.signal(number, count)
            for number in _SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN  # which is how nohup works
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a load gave."""

    samples: Samples
    window_end_ns: int
    """Earlier than planned, if the run was interrupted or the target fell silent."""
    results: Sequence[Result]
    interrupted: bool
    silent: bool
    """The target had answered nothing for a while, so it was left alone."""


def generate(
    load: Load,
    target: Target,
    *,
    schedule: Schedule | None,
    choices: Schedule,
    workers: int,
    stop: Stop,
    on_progress: Callable[[Progress], None],
    max_requests: int | None = None,
) -> Generated:
    """Run one load.

    Args:
        load: What to send.
        target: Where.
        schedule: When, for an open loop; covers warm-up and window.
        choices: Which payload each request has, in turn.
        workers: Processes.
        stop: Looked at while it runs.
        on_progress: Called some four times a second for each process.
        max_requests: The load ends when so many were sent (rounded up to the processes).

    Raises:
        ServiceError: a connection could not be opened.
        NewsclfError: a process of the generator died; its samples are lost, so nothing is kept.
    """
    orders = _orders(load, target, schedule, choices, workers=workers, max_requests=max_requests)
    pipes: list[Pipe] = []
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in orders:
            ours, theirs = multiprocessing.Pipe()
            pipes.append(ours)
            with theirs:  # only the worker's copy stays, so that its death is seen
                processes.append(_start_unharmed(theirs))
        for pipe, order in zip(pipes, orders, strict=True):
            _send(pipe, order)
        for pipe in pipes:
            _expect_connected(pipe, target.url)
        t0_ns = time.perf_counter_ns() + _START_PAUSE_NS
        for pipe in pipes:
            _send(pipe, ("start", t0_ns))
        results, stopped_ns, silent = _gather(pipes, stop, on_progress, t0_ns)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for pipe in pipes:
            pipe.close()
    samples = np.concatenate([result.samples for result in results]).astype(SAMPLE)
    samples = samples[np.argsort(samples["intended_ns"], kind="stable")]
    ends_ns = [orders[0].window_end_ns, *(r.ended_early_ns for r in results if r.ended_early_ns)]
    if stopped_ns is not None:
        ends_ns.append(stopped_ns)
    return Generated(
        samples=samples,
        window_end_ns=min(ends_ns),
        results=results,
        interrupted=len(ends_ns) > 1 and not silent,
        silent=silent,
    )


def _start_unharmed(pipe: Pipe) -> subprocess.Popen[bytes]:
    """Start a worker that never sees the signals that all of a terminal's group are sent.

    Nothing may be written to it here: that waits for it to read, while no signal is heard.
    """
    descriptor = pipe.fileno()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        return subprocess.Popen(  # noqa: S603 - our own worker; it inherits what is blocked
            module_command(_WORKER, str(descriptor)),
            stdin=subprocess.DEVNULL,
            pass_fds=[descriptor],
        )
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _orders(
    load: Load,
    target: Target,
    schedule: Schedule | None,
    choices: Schedule,
    *,
    workers: int,
    max_requests: int | None,
) -> list[Order]:
    connections = load.max_in_flight
    workers = min(workers, connections)
    begin_ns = round(load.warmup_s * 1e9)
    common = Order(
        worker=0,
        url=target.url,
        headers=dict(target.headers),
        auth=target.auth,
        bodies=list(target.bodies),
        headlines=target.headlines_per_request,
        connections=0,
        timeout_s=target.timeout_s,
        window_begin_ns=begin_ns,
        window_end_ns=begin_ns + round(load.duration_s * 1e9),
        schedule=None,
        choices=choices,
        max_backlog=0,
        max_requests=max_requests,
    )
    schedules = deal(schedule, workers) if schedule is not None else [None] * workers
    shares = [connections // workers + (i < connections % workers) for i in range(workers)]
    return [
        replace(
            common,
            worker=i,
            connections=share,
            schedule=part,
            choices=choices[i::workers],
            # A burst is all backlog, and that is not the generator's to refuse.
            max_backlog=load.requests or BACKLOG_PER_CONNECTION * share,
            max_requests=None if max_requests is None else -(-max_requests // workers),
        )
        for i, (share, part) in enumerate(zip(shares, schedules, strict=True))
    ]


def _expect_connected(pipe: Pipe, url: str) -> None:
    if not pipe.poll(_CONNECT_S):
        raise NewsclfError("a process of the load generator did not start")
    word, what = _receive(pipe)
    if word == "failed":
        why = Outcome(what).name.lower().replace("_", " ")
        raise ServiceError(
            f"{without_secrets(url)}: no connection ({why})",
            hint="newsclf status shows what is up",
        )


def _gather(
    pipes: Sequence[Pipe], stop: Stop, on_progress: Callable[[Progress], None], t0_ns: int
) -> tuple[list[Result], int | None, bool]:
    """All results, when they were told to stop, and whether that was for silence."""
    results: dict[int, Result] = {}
    told, stopped_ns, silent = 0, None, False
    silence = Silence()
    while len(results) < len(pipes):
        now_ns = time.perf_counter_ns() - t0_ns
        silent = silent or (stopped_ns is None and silence.lasts(now_ns))
        asked = max(stop.asked, silent)
        if stopped_ns is not None and now_ns - stopped_ns > _DRAIN_S * 1e9:
            asked = max(asked, 2)
        if asked > told:
            stopped_ns = stopped_ns or now_ns
            told = asked
            for i, pipe in enumerate(pipes):
                if i not in results:
                    with suppress(OSError):  # it is just ending; what it sent is there to read
                        pipe.send(("drain",) if told == 1 else ("cancel",))
        at_work = [pipe for i, pipe in enumerate(pipes) if i not in results]
        for pipe in cast("list[Pipe]", wait(at_work, timeout=_LOOK_S)):
            word, what = _receive(pipe)
            if word == "done":
                results[pipes.index(pipe)] = what
            else:
                silence.note(what, time.perf_counter_ns() - t0_ns)
                on_progress(what)
    return [results[i] for i in range(len(pipes))], stopped_ns, silent and not stop.asked


def _send(pipe: Pipe, what: object) -> None:
    try:
        pipe.send(what)
    except OSError:
        raise _died() from None


def _receive(pipe: Pipe) -> tuple[str, Any]:
    try:
        word, what = pipe.recv()
    except (EOFError, OSError):
        raise _died() from None
    return word, what


def _died() -> NewsclfError:
    return NewsclfError(
        "a process of the load generator died; what it had seen is lost",
        hint="run it again; --resume keeps the points that were complete",
    )
