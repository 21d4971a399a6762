"""How much signals depend on the half-life: the same bars with half of it and twice that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from newsclf.common.records import StrictRecord
from newsclf.watch.record.replay import Record
from newsclf.watch.replaying import bars_again
from newsclf.watch.signals.computation import Computation, ComputedBar
from newsclf.watch.signals.configuration import Configuration, ReferenceData

_FACTORS = (1.0, 0.5, 2.0)


class OtherHalfLife(StrictRecord):
    """Signals of an entity with another half-life, beside those that it has."""

    half_life_s: float
    score: float | None
    """At the last bar."""
    mean_difference: float | None
    """Mean of the absolute differences, over the bars in which both have a score."""
    other_sign: float | None
    """Share of these bars in which one is positive and the other negative."""
    alerts: int
    """Raised, over all bars."""


class Sensitivity(StrictRecord):
    """How much the signals of an entity depend on the half-life."""

    entity: str | None
    """None: all headlines."""
    bars: int
    half_life_s: float
    score: float | None
    """At the last bar."""
    alerts: int
    """Raised, over all bars."""
    half: OtherHalfLife
    twice: OtherHalfLife


@dataclass(slots=True)
class _Series:
    """Signals of an entity with one half-life."""

    scores: list[float | None] = field(default_factory=list)
    alerts: int = 0


def sensitivity(
    record: Record,
    configuration: Configuration,
    reference: ReferenceData,
    *,
    until: dt.datetime | None = None,
) -> list[Sensitivity]:
    """Compute the bars of a record with three half-lives, and compare.

    Args:
        record: What was known, and when.
        configuration: Of the signals.
        reference: Its companies and hours of trading.
        until: Nothing that became known later is used.

    Returns:
        All headlines, then each entity of the watch list.
    """
    half_lives_s = [factor * configuration.signals.half_life_s for factor in _FACTORS]
    names: tuple[str | None, ...] = (None, *configuration.entities)
    series = [{name: _Series() for name in names} for _ in _FACTORS]
    computations = [
        Computation(_with_half_life(configuration, half_life_s), reference)
        for half_life_s in half_lives_s
    ]
    for bars in _together(record, configuration, computations, until):
        for found, bar in zip(series, bars, strict=True):
            for signal in bar.signals:
                found[signal.entity].scores.append(signal.score)
            for alert in bar.raised:
                found[alert.entity].alerts += 1
    return [
        Sensitivity(
            entity=name,
            bars=len(series[0][name].scores),
            half_life_s=half_lives_s[0],
            score=_last(series[0][name]),
            alerts=series[0][name].alerts,
            half=_compared(series[0][name], series[1][name], half_lives_s[1]),
            twice=_compared(series[0][name], series[2][name], half_lives_s[2]),
        )
        for name in names
    ]


def _with_half_life(configuration: Configuration, half_life_s: float) -> Configuration:
    signals = configuration.signals.model_copy(update={"half_life_s": half_life_s})
    return configuration.model_copy(update={"signals": signals})


def _together(
    record: Record,
    configuration: Configuration,
    computations: list[Computation],
    until: dt.datetime | None,
) -> Iterator[list[ComputedBar]]:
    digest = configuration.digest
    for commit in record.commits(until=until):
        for end_s in bars_again(commit, digest):
            yield [_bar(computation, end_s) for computation in computations]
        for computation in computations:
            computation.take(commit)


def _bar(computation: Computation, end_s: float) -> ComputedBar:
    found = computation.bar(end_s)
    computation.take_bar(found.signals)
    computation.take_alerts(found.alerts)
    return found


def _compared(usual: _Series, other: _Series, half_life_s: float) -> OtherHalfLife:
    pairs = [
        (one, two)
        for one, two in zip(usual.scores, other.scores, strict=True)
        if one is not None and two is not None
    ]
    count = len(pairs)
    return OtherHalfLife(
        half_life_s=half_life_s,
        score=_last(other),
        mean_difference=sum(abs(one - two) for one, two in pairs) / count if count else None,
        other_sign=sum(one * two < 0 for one, two in pairs) / count if count else None,
        alerts=other.alerts,
    )


def _last(series: _Series) -> float | None:
    return series.scores[-1] if series.scores else None
