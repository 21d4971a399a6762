"""A source's own rhythm: how often it has something new, by hour of the week."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HOURS_OF_WEEK = 168
_FEWEST_ARRIVALS = 5
_FEWEST_GAPS = 20
_PRIOR_ARRIVALS = 0.5
_UNSEEN_HOURS_COUNT = 0.25
_FALSE_ALARMS_EVERY_DAYS = 100
_LEAST_EXPECTED = 3.0
_LARGEST_STRETCH = 4.0
_STRETCH_OF_FEW_GAPS = 2.0
_TAIL = 0.05

Span = tuple[dt.datetime, dt.datetime]
"""A time in which a source was watched; the end is not before the start."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often something new arrives, and how silent the source is between."""

    usual_gap_s: float
    """Median of the watched time between arrivals."""
    per_hour: tuple[float, ...]
    """Expected arrivals in each hour of the week, from Monday 00:00 UTC; shape (168,)."""
    alarming: float
    """Arrivals that must have been expected and missed before silence means something."""
    arrivals: int

    def expected(self, spans: Sequence[Span], since: dt.datetime) -> float:
        """Arrivals to be expected in the watched time since a moment."""
        return sum(
            self.per_hour[hour] * hours
            for span in spans
            for hour, hours in _hours(max(span[0], since), span[1])
        )


def rhythm_of(arrivals: Sequence[dt.datetime], spans: Sequence[Span]) -> Rhythm | None:
    """The rhythm of a source.

    Arrivals are taken for a Poisson process whose rate depends on the hour of the week. Each rate
    is shrunk to that of the same hour on all working days or weekends, and this to the overall
    rate; the priors weigh half an arrival. An hour of a kind that was never watched counts a
    quarter of the overall rate, so that the first weekend raises no alarm at once.

    The time without arrivals that is alarming is measured in expected arrivals. If the model held,
    a gap would exceed `x` with probability exp(-x); `x` is chosen for one false alarm in 100 days,
    and stretched by how much longer the longest 5 % of the gaps are than the model's.

    Args:
        arrivals: When something new was seen, in UTC, ascending. Several items at once are one.
        spans: When the source was watched, ascending, without overlaps. What comes after the last
            arrival is not used: it is what the rhythm will judge.

    Returns:
        None for fewer than five arrivals, or no watched time.
    """
    if len(arrivals) < _FEWEST_ARRIVALS:
        return None
    first, last = arrivals[0], arrivals[-1]
    watched = [(max(a, first), min(b, last)) for a, b in spans if a < last and b > first]
    exposure = [0.0] * HOURS_OF_WEEK
    for span in watched:
        for hour, hours in _hours(*span):
            exposure[hour] += hours
    if sum(exposure) <= 0:
        return None
    per_hour = _rates(arrivals[1:], exposure)
    gaps = [
        (_watched_s(watched, a, b), _expected(per_hour, watched, a, b))
        for a, b in itertools.pairwise(arrivals)
    ]
    per_day = 24 * sum(per_hour) / HOURS_OF_WEEK
    alarming = max(_LEAST_EXPECTED, math.log(_FALSE_ALARMS_EVERY_DAYS * max(per_day, 0.01)))
    return Rhythm(
        usual_gap_s=statistics.median(s for s, _ in gaps),
        per_hour=tuple(per_hour),
        alarming=alarming * _stretch([x for _, x in gaps]),
        arrivals=len(arrivals),
    )


def _rates(arrivals: Sequence[dt.datetime], exposure: Sequence[float]) -> list[float]:
    counts = [0] * HOURS_OF_WEEK
    for at in arrivals:
        counts[_hour_of_week(at)] += 1
    overall = sum(counts) / sum(exposure)
    prior_hours = _PRIOR_ARRIVALS / overall
    rates = []
    for hour in range(HOURS_OF_WEEK):
        alike = [h for h in range(hour % 24, HOURS_OF_WEEK, 24) if (h >= 120) == (hour >= 120)]  # noqa: PLR2004 - Saturday begins at 5 x 24
        seen_hours = sum(exposure[h] for h in alike)
        if seen_hours == 0:
            rates.append(_UNSEEN_HOURS_COUNT * overall)
            continue
        kind = (sum(counts[h] for h in alike) + _PRIOR_ARRIVALS) / (seen_hours + prior_hours)
        own_prior_hours = _PRIOR_ARRIVALS / kind
        rates.append((counts[hour] + _PRIOR_ARRIVALS) / (exposure[hour] + own_prior_hours))
    return rates


def _stretch(expected: Sequence[float]) -> float:
    """How much longer the longest gaps are than those of a Poisson process, from 1 on."""
    if len(expected) < _FEWEST_GAPS:
        return _STRETCH_OF_FEW_GAPS
    long = sorted(expected)[math.ceil((1 - _TAIL) * len(expected)) - 1]
    return min(max(1.0, long / -math.log(_TAIL)), _LARGEST_STRETCH)


def _expected(
    per_hour: Sequence[float], spans: Sequence[Span], since: dt.datetime, until: dt.datetime
) -> float:
    return sum(
        per_hour[hour] * hours
        for a, b in spans
        if a < until and b > since
        for hour, hours in _hours(max(a, since), min(b, until))
    )


def _watched_s(spans: Sequence[Span], since: dt.datetime, until: dt.datetime) -> float:
    pieces = ((max(a, since), min(b, until)) for a, b in spans)
    return sum((b - a).total_seconds() for a, b in pieces if b > a)


def _hours(start: dt.datetime, end: dt.datetime) -> Iterator[tuple[int, float]]:
    """The hours of the week that a span touches, and how much of each it covers."""
    while start < end:
        next_hour = start.replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=1)
        until = min(next_hour, end)
        yield _hour_of_week(start), (until - start).total_seconds() / 3600
        start = until


def _hour_of_week(at: dt.datetime) -> int:
    return at.weekday() * 24 + at.hour
