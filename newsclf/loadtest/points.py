"""Running the points of a load test, alone and in a search, and keeping what came of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from newsclf.common.errors import ServiceError
from newsclf.loadtest.analysis.probes import ProbeResult, probe_result
from newsclf.loadtest.analysis.search import find_rate
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.generator import preflight
from newsclf.loadtest.generator.controller import Stop, Target, generate
from newsclf.loadtest.generator.messages import Progress
from newsclf.loadtest.generator.unresponsive import SILENT_S
from newsclf.loadtest.load.arrivals import digest
from newsclf.loadtest.load.plan import choose_payloads, make_schedule, point_id, point_seed
from newsclf.loadtest.store.records import Load, Objective, Point, PointSummary, Search
from newsclf.loadtest.store.run_folder import RunFolder, file_name
from newsclf.loadtest.store.samples import Outcome, Samples

_PROBE_WARMUP_S = 2.0
_COOLDOWN_S = 0.5
_COOLDOWN_TRIES = 60
_COOLED = 2.0
_PROBE_CONNECTIONS = 256
_ALONE = Load(model="closed", concurrency=1, warmup_s=1, duration_s=4, max_in_flight=1)


@dataclass(frozen=True, slots=True)
class Watch:
    """Is told what happens."""

    on_point: Callable[[str, Load, str], None]
    """Name and load of a point that begins, and which it is, such as `2 of 6`."""
    on_progress: Callable[[Progress], None]
    on_point_done: Callable[[PointSummary], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all points of one instance have in common."""

    folder: RunFolder
    target: Target
    instance: str
    seed: int
    workers: int
    stop: Stop
    watch: Watch
    requests_left: Callable[[], int | None]
    """How many requests may still be sent; None: any number."""
    on_sent: Callable[[int], None]
    """Is told how many were."""
    timestamps_s: Sequence[float] | None = None
    """Of a replay."""


class StoppedError(Exception):
    """The user asked to stop, or a limit was reached."""


def run_point(bench: Bench, load: Load, repeat: int, name: str) -> tuple[Point, Samples]:
    """Run a point and write it down; one that is complete already is read instead.

    Raises:
        StoppedError: there was word to stop before it began.
        ServiceError: the target can't be reached.
        NewsclfError: the generator failed.
    """
    found = bench.folder.read_point(name)
    if found is not None and not found[0].interrupted and _answered(found[1]):
        return found
    if bench.stop.asked or bench.requests_left() == 0:
        raise StoppedError
    seed = point_seed(bench.seed, name)
    due = make_schedule(load, seed, bench.timestamps_s)
    started = datetime.now(UTC)
    generated = generate(
        load,
        bench.target,
        schedule=due,
        choices=choose_payloads(due, len(bench.target.bodies), seed),
        workers=bench.workers,
        stop=bench.stop,
        on_progress=bench.watch.on_progress,
        max_requests=bench.requests_left(),
    )
    bench.on_sent(len(generated.samples))
    if generated.window_end_ns <= round(load.warmup_s * 1e9):  # in the warm-up: nothing to keep
        if generated.silent:
            raise ServiceError(
                f"{name}: nothing was answered well for {SILENT_S:g} s of the warm-up",
                hint="newsclf status shows what is up",
            )
        raise StoppedError
    point = Point(
        id=name,
        load=load,
        repeat=repeat,
        instance=bench.instance,
        started_utc=started.isoformat(timespec="milliseconds"),
        window_begin_ns=round(load.warmup_s * 1e9),
        window_end_ns=generated.window_end_ns,
        schedule_sha256=None if due is None else digest(due),
        workers=[result.health for result in generated.results],
        connections_opened=sum(result.connections_opened for result in generated.results),
        interrupted=generated.interrupted,
    )
    bench.folder.write_point(point, generated.samples)
    return point, generated.samples


def _answered(samples: Samples) -> bool:
    """Whether any request was: a point without one is run again when a run is gone on with."""
    return bool((samples["outcome"] == Outcome.OK).any())


def measure(bench: Bench, load: Load, repeat: int, name: str, place: str) -> PointSummary:
    """Run a point and summarise it; raises what `run_point` does."""
    bench.watch.on_point(name, load, place)
    summary = summarise(*run_point(bench, load, repeat, name))
    bench.watch.on_point_done(summary)
    return summary


def _cool_down(bench: Bench, alone_s: float) -> None:
    """Wait until a request alone is answered as fast as before, or for half a minute."""
    for _ in range(_COOLDOWN_TRIES):
        bench.stop.wait(_COOLDOWN_S)
        if bench.stop.asked or preflight.service_s(bench.target) <= _COOLED * alone_s:
            return


def search_rate(bench: Bench, objectives: Sequence[Objective], alone_s: float | None) -> Search:
    """Find the highest Poisson rate that meets the objectives.

    The points are numbered as they come; a search that is gone on with reads those that it has.

    Args:
        bench: What to load.
        objectives: At least one.
        alone_s: Service time of one request at a time, if it was measured.

    Raises:
        StoppedError: there was word to stop.
    """
    prefix = f"{file_name(bench.instance)}-search"
    if alone_s is None:
        alone = measure(bench, _ALONE, 1, f"{prefix}-alone", "search").service_ms["p50"].value
        alone_s = (alone or 1000.0) / 1000
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
        bench.watch.on_point(name, load, f"search, point {number}")
        point, samples = run_point(bench, load, 1, name)
        if point.interrupted:
            raise StoppedError
        summary = summarise(point, samples)
        bench.watch.on_point_done(summary)
        if summary.verdict != "OK":
            _cool_down(bench, alone_s)
        return probe_result(point, samples, summary, objectives)

    return find_rate(probe, objectives, 0.5 / alone_s, instance=bench.instance)
