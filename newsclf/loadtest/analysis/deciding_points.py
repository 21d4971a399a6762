"""Points of a run that decide the cost of each instance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from newsclf.loadtest.store.records import PointSummary, Search

OK_LOWER_BOUND = "OK, lower bound"
"""Status of an instance whose highest reliable point is only a lower bound of its rate."""
_LEAD = 1.03
"""Ratio of throughputs above which one is faster; repeats of one load differ by less."""
_STEADY_MODELS = ("closed", "constant", "poisson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The points of one instance that decide its cost."""

    instance: str
    status: str
    peak: PointSummary | None
    """Point of the highest sustained throughput: a closed loop, or the objective's rate."""
    faster: PointSummary | None
    """An unreliable point that is faster than every reliable one: the peak is a lower bound."""
    unmeasured_above_users: int | None
    """Users above which the load generator was always saturated: the peak is a lower bound."""
    search: Search | None
    rate_per_s: float | None
    """Usable rate: the highest that met the objective; without a search, the peak's throughput."""
    latency_ms: float | None
    """Mean latency at `rate_per_s`."""
    attempts_per_answer: float
    """Requests per successful one at `rate_per_s`; failed ones are billed too."""
    alone_ms: float | None
    """Mean latency at the least concurrency measured."""


def by_instance(points: Sequence[PointSummary], searches: Sequence[Search]) -> list[Measured]:
    """Each instance with its deciding points, in the order of the points."""
    groups: dict[str, list[PointSummary]] = defaultdict(list)
    for point in points:
        groups[point.instance].append(point)
    return [
        _measured(instance, group, next((s for s in searches if s.instance == instance), None))
        for instance, group in groups.items()
    ]


def _measured(instance: str, points: Sequence[PointSummary], search: Search | None) -> Measured:
    levels = _levels(points)
    passed = _passed(points, search)
    sustained = [*levels, passed] if passed else levels
    peak = max(sustained, key=lambda point: point.throughput_per_s, default=None)
    operating = passed or (peak if search is None else None)
    believed = [p for p in points if p.verdict == "OK" and p.load.model == "closed"]
    best = max([*believed, *sustained], key=lambda point: point.throughput_per_s, default=None)
    faster = faster_than(best, points, search) if best else None
    above = _unmeasured_above(points)
    ok = OK_LOWER_BOUND if faster or above else "OK"
    return Measured(
        instance=instance,
        status=ok if peak else _worst(points).verdict,
        peak=peak,
        faster=faster,
        unmeasured_above_users=above,
        search=search,
        rate_per_s=search.low_per_s if search else peak.throughput_per_s if peak else None,
        latency_ms=operating.mean_ms if operating else None,
        attempts_per_answer=1 / (1 - operating.error_fraction) if operating else 1.0,
        alone_ms=levels[0].mean_ms if levels else operating.mean_ms if operating else None,
    )


def faster_than(
    best: PointSummary, points: Sequence[PointSummary], search: Search | None
) -> PointSummary | None:
    """The fastest unreliable point, if it is clearly faster than the best reliable one.

    The probes of a search do not count: beyond the rate that it found they are meant to fail.
    """
    probed = {
        point
        for probe in (search.probes if search else ())
        for point in (probe.point, *probe.points)
    }
    more = [
        point
        for point in points
        if point.verdict in ("CLIENT-LIMITED", "UNSTABLE")
        and point.load.model in _STEADY_MODELS
        and point.throughput_per_s > _LEAD * best.throughput_per_s
        and point.id not in probed
    ]
    return max(more, key=lambda point: point.throughput_per_s, default=None)


def _unmeasured_above(points: Sequence[PointSummary]) -> int | None:
    """The most users of an OK closed loop, if the client limited all loops of more users."""
    closed = [(p.load.concurrency or 0, p.verdict) for p in points if p.load.model == "closed"]
    best = max((users for users, verdict in closed if verdict == "OK"), default=0)
    more = {verdict for users, verdict in closed if users > best > 0}
    return best if more == {"CLIENT-LIMITED"} else None


def _levels(points: Sequence[PointSummary]) -> list[PointSummary]:
    """The OK point of each concurrency, rising; of several repeats the one of median throughput."""
    repeats: dict[int, list[PointSummary]] = defaultdict(list)
    for point in points:
        if point.verdict == "OK" and point.load.model == "closed" and point.throughput_per_s > 0:
            repeats[point.load.concurrency or 1].append(point)
    return [
        sorted(repeats[level], key=lambda point: point.throughput_per_s)[
            (len(repeats[level]) - 1) // 2
        ]
        for level in sorted(repeats)
    ]


def _passed(points: Sequence[PointSummary], search: Search | None) -> PointSummary | None:
    """The point of the highest rate that met the objective; of its repeats the last."""
    if search is None or search.low_per_s is None:
        return None
    by_id = {point.id: point for point in points if point.throughput_per_s > 0}
    passed = [
        probe
        for probe in search.probes
        if probe.passed and probe.rate_per_s <= search.low_per_s and probe.point in by_id
    ]
    if not passed:
        return None
    highest = max(probe.rate_per_s for probe in passed)
    return by_id[[probe.point for probe in passed if probe.rate_per_s == highest][-1]]


def _worst(points: Sequence[PointSummary]) -> PointSummary:
    """Point to show when none is OK: that of the highest throughput."""
    return max(points, key=lambda point: point.throughput_per_s)
