"""Words for loads, groups of points for charts, and the subtitle of each chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from newsclf.loadtest.store.records import Load, PointSummary
from newsclf.reporting.text import amount, short

MODELS = {
    "closed": "closed loop",
    "constant": "constant rate",
    "poisson": "Poisson arrivals",
    "stairs": "rising steps",
    "burst": "one burst",
    "replay": "replayed arrivals",
}
"""The models of a load in words."""
_ROUNDED_S = 10
"""From this length on, a window is shown in whole seconds."""


class Group(NamedTuple):
    """Points of one chart: one instance under one kind of load, by rising load."""

    instance: str
    model: str
    points: list[PointSummary]

    @property
    def loads(self) -> list[list[PointSummary]]:
        """The points of each load, that is, its repeats."""
        by_load: dict[str, list[PointSummary]] = {}
        for point in self.points:
            by_load.setdefault(point.load.model_dump_json(), []).append(point)
        return list(by_load.values())


def groups_of(points: Iterable[PointSummary]) -> list[Group]:
    """Groups in the order in which their first points were run."""
    found: dict[tuple[str, str], list[PointSummary]] = {}
    for point in points:
        found.setdefault((point.instance, point.load.model), []).append(point)
    return [
        Group(instance, model, sorted(members, key=lambda p: (size_of(p), p.repeat, p.id)))
        for (instance, model), members in found.items()
    ]


def size_of(point: PointSummary) -> float:
    """Size of a point's load: users of a closed loop, or requests offered per second."""
    if point.load.model == "closed":
        return float(point.load.concurrency or 0)
    return point.load.rate_per_s if point.load.rate_per_s is not None else point.offered_per_s


def subtitle(points: Sequence[PointSummary]) -> str:
    """Subtitle of a chart: instances, n, window, load models, verdicts."""
    if not points:
        return "no points"
    instances = ", ".join(dict.fromkeys(p.instance for p in points))
    return f"{instances} · {about(points)}"


def about(points: Sequence[PointSummary]) -> str:
    """Facts about points: n, window, load models, verdicts."""
    models = " and ".join(sorted({MODELS[p.load.model] for p in points}))
    # A search measures until it knows, so its windows are odd fractions of a second.
    spans = sorted(
        {round(p.load.duration_s, 0 if p.load.duration_s >= _ROUNDED_S else 1) for p in points}
    )
    span = "–".join(short(s) for s in dict.fromkeys([spans[0], spans[-1]])) if spans else "0"
    n = sum(p.requests for p in points)
    return f"n = {n:,} · window {span} s · {models} · {verdicts(p.verdict for p in points)}"


def verdicts(names: Iterable[str]) -> str:
    """Counts of verdicts; for a single point, its verdict."""
    counts = Counter(names)
    if counts.total() == 1:
        return next(iter(counts))
    return ", ".join(f"{n} {name}" for name, n in counts.most_common())


def middle(values: Iterable[float]) -> float:
    """The lower median of repeats, which is a measured figure."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def point_words(point: PointSummary, repeats: int) -> str:
    """A point in the words of the tables: instance, load, and which of several repeats."""
    repeat = f", repeat {point.repeat}" if repeats > 1 else ""
    return f"{point.instance} ({load_words(point.load)}{repeat})"


def load_words(load: Load) -> str:
    """A load in words, without its times."""
    if load.model == "closed":
        return (
            f"{MODELS[load.model]}, {load.concurrency} user{'' if load.concurrency == 1 else 's'}"
        )
    if load.rate_per_s is None:
        return MODELS[load.model]
    return f"{MODELS[load.model]}, {amount(load.rate_per_s)}/s"
