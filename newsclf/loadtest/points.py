"""Running one point of a load test, and keeping what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from newsclf.loadtest.generator import Stop, Target, generate
from newsclf.loadtest.plan import choose_payloads, make_schedule, point_seed
from newsclf.loadtest.records import Load, Point
from newsclf.loadtest.run_folder import RunFolder
from newsclf.loadtest.samples import Samples
from newsclf.loadtest.schedule import digest
from newsclf.loadtest.worker import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What all points of one instance have in common."""

    folder: RunFolder
    target: Target
    instance: str
    seed: int
    workers: int
    stop: Stop
    on_progress: Callable[[Progress], None]
    timestamps_s: Sequence[float] | None = None
    """Of a replay."""


def run_point(bench: Bench, load: Load, repeat: int, name: str) -> tuple[Point, Samples]:
    """Run a point and write it down; one that is complete already is read instead.

    Raises:
        ServiceError: the target can't be reached.
        NewsclfError: the generator failed.
    """
    found = bench.folder.read_point(name)
    if found is not None and not found[0].interrupted:
        return found
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
        on_progress=bench.on_progress,
    )
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
