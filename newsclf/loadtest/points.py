"""Run the points of a load test, those of the plan and those of a rate search, and store them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from newsclf.common.errors import ServiceError
from newsclf.loadtest.analysis.probes import ProbeResult, probe_result
from newsclf.loadtest.analysis.search import find_rate
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.generator import preflight
from newsclf.loadtest.generator.controller import generate
from newsclf.loadtest.generator.messages import Progress, Target
from newsclf.loadtest.load.arrivals import digest
from newsclf.loadtest.load.plan import choose_payloads, make_schedule, point_id, point_seed
from newsclf.loadtest.stop_conditions.condition import StopConditions
from newsclf.loadtest.stop_conditions.limits import RequestLimit
from newsclf.loadtest.stop_conditions.unresponsive import Unresponsive
from newsclf.loadtest.store.records import Load, Objective, Point, PointSummary, Search
from newsclf.loadtest.store.run_folder import RunFolder, file_name
from newsclf.loadtest.store.samples import Outcome, Samples

_PROBE_WARMUP_S = 2.0
_COOLDOWN_S = 0.5
_COOLDOWN_LIMIT_S = 30.0
_COOLED = 2.0
_PROBE_CONNECTIONS = 256
_ALONE = Load(model="closed", concurrency=1, warmup_s=1, duration_s=4, max_in_flight=1)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions that a load test calls while it runs."""

    on_point: Callable[[str, Load, str], None] = lambda *_: None
    """Takes name, load and place (such as `2 of 6`) of a point that begins."""
    on_progress: Callable[[Progress], None] = lambda _: None
    on_point_done: Callable[[PointSummary], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Everything that all points of one instance share."""

    folder: RunFolder
    target: Target
    instance: str
    seed: int
    workers: int
    stop: StopConditions
    request_limit: RequestLimit
    """One of them, which counts the requests."""
    callbacks: Callbacks
    timestamps_s: Sequence[float] | None = None
    """Request times of a replay."""


class StoppedError(Exception):
    """A condition to stop the load test is met."""


class MeasuredPoint(NamedTuple):
    """A point as it was run, its samples, and what they say."""

    point: Point
    samples: Samples
    summary: PointSummary


def measure(context: RunContext, load: Load, repeat: int, name: str, place: str) -> MeasuredPoint:
    """Run a point and store it; one that is already complete is read instead.

    Raises:
        StoppedError: a stop condition was met before the point's window began.
        ServiceError: the target can't be reached.
        NewsclfError: the generator failed.
    """
    context.callbacks.on_point(name, load, place)
    found = context.folder.read_point(name)
    if found is None or found[0].interrupted or not _any_answer(found[1]):
        found = _run(context, load, repeat, name)
        context.folder.write_point(*found)
    summary = summarise(*found)
    context.callbacks.on_point_done(summary)
    return MeasuredPoint(*found, summary)


def _any_answer(samples: Samples) -> bool:
    return bool((samples["outcome"] == Outcome.OK).any())


def _run(context: RunContext, load: Load, repeat: int, name: str) -> tuple[Point, Samples]:
    if context.stop.met():
        raise StoppedError
    seed = point_seed(context.seed, name)
    due = make_schedule(load, seed, context.timestamps_s)
    generated = generate(
        load,
        context.target,
        schedule=due,
        choices=choose_payloads(due, len(context.target.bodies), seed),
        workers=context.workers,
        stop=context.stop | Unresponsive(),
        on_progress=context.callbacks.on_progress,
        max_requests=context.request_limit.left,
    )
    context.request_limit.sent += len(generated.samples)
    window_begin_ns = round(load.warmup_s * 1e9)
    if generated.window_end_ns <= window_begin_ns:  # in the warm-up: nothing to keep
        if generated.interrupted or generated.stopped_by is None:
            raise StoppedError
        raise ServiceError(
            f"{name}: {generated.stopped_by.reason()} of the warm-up",
            hint="newsclf status shows what is up",
        )
    point = Point(
        id=name,
        load=load,
        repeat=repeat,
        instance=context.instance,
        started_utc=generated.started.isoformat(timespec="milliseconds"),
        window_begin_ns=window_begin_ns,
        window_end_ns=generated.window_end_ns,
        schedule_sha256=None if due is None else digest(due),
        workers=[result.health for result in generated.results],
        connections_opened=sum(result.connections_opened for result in generated.results),
        interrupted=generated.interrupted,
    )
    return point, generated.samples


def _cool_down(context: RunContext, alone_s: float) -> None:
    """Wait until one request alone is answered as fast as before, or for half a minute."""
    until_s = time.monotonic() + _COOLDOWN_LIMIT_S
    while context.stop.met() is None and time.monotonic() < until_s:
        context.stop.wait(_COOLDOWN_S)
        with suppress(ServiceError):  # it is still overloaded
            if preflight.service_s(context.target) <= _COOLED * alone_s:
                return


def search_rate(
    context: RunContext, objectives: Sequence[Objective], alone_s: float | None
) -> Search:
    """Find the highest Poisson rate that meets the objectives.

    The points are numbered as they come; a resumed search reads those that are complete.

    Args:
        context: What to load.
        objectives: At least one.
        alone_s: Service time of one request at a time, if it was measured.

    Raises:
        StoppedError: a stop condition was met.
    """
    prefix = f"{file_name(context.instance)}-search"
    if alone_s is None:
        alone = measure(context, _ALONE, 1, f"{prefix}-alone", "search").summary
        alone_s = (alone.service_ms["p50"].value or 1000.0) / 1000
    points = itertools.count(1)

    def probe(rate_per_s: float, requests: int) -> ProbeResult:
        load = Load(
            model="poisson",
            rate_per_s=rate_per_s,
            warmup_s=_PROBE_WARMUP_S,
            duration_s=requests / rate_per_s,
            max_in_flight=_PROBE_CONNECTIONS,
        )
        number = next(points)
        name = point_id(load, 1, f"{prefix}-{number:02}")
        point, samples, summary = measure(context, load, 1, name, f"search, point {number}")
        if point.interrupted:
            raise StoppedError
        if summary.verdict != "OK":
            _cool_down(context, alone_s)
        return probe_result(point, samples, summary, objectives)

    return find_rate(probe, objectives, 0.5 / alone_s, instance=context.instance)
