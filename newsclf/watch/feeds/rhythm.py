"""A source's own rhythm: how often it has something new, by hour of the week.

Times are seconds since 1970, UTC, in arrays: eight weeks of a source are judged in well below a
millisecond, after each of its answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HOURS_OF_WEEK = 168
_HOUR_S = 3600.0
_MONDAY = 72
"""Hour of the week in which 1970 began, a Thursday."""
_DAYS, _WORKING_DAYS, _HOURS_OF_DAY = 7, 5, 24
_FEWEST_ARRIVALS = 5
_FEWEST_GAPS = 20
_PRIOR_ARRIVALS = 0.5
_UNSEEN_HOURS_COUNT = 0.25
_FALSE_ALARMS_EVERY_DAYS = 100
_LEAST_EXPECTED = 3.0
_LARGEST_STRETCH = 4.0
_STRETCH_OF_FEW_GAPS = 2.0
_TAIL = 0.05

Floats = npt.NDArray[np.float64]
Spans = npt.NDArray[np.float64]
"""Times in which a source was watched, as start and end, ascending, without overlaps; shape
(spans, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """How often something new arrives, and how silent the source is between."""

    usual_gap_s: float
    """Median of the watched time between arrivals."""
    per_hour: Floats
    """Expected arrivals in each hour of the week, from Monday 00:00 UTC; shape (168,)."""
    alarming: float
    """Arrivals that must have been expected and missed before silence means something."""

    def expected(self, spans: Spans, since: float) -> float:
        """Arrivals to be expected in the watched time since a moment."""
        within = _clipped(spans, since, math.inf)
        return float(_expected(self.per_hour, within).sum())


def rhythm_of(
    arrivals: Floats, spans: Spans, *, counts: Floats | None = None, first: float | None = None
) -> Rhythm | None:
    """The rhythm of a source.

    Arrivals are taken for a Poisson process whose rate depends on the hour of the week. Each rate
    is shrunk to that of the same hour on all working days or weekends, and this to the overall
    rate; the priors weigh half an arrival. An hour of a kind that was never watched counts a
    quarter of the overall rate, so that the first weekend raises no alarm at once.

    The time without arrivals that is alarming is measured in expected arrivals. If the model held,
    a gap would exceed `x` with probability exp(-x); `x` is chosen for one false alarm in 100 days,
    and stretched by how much longer the longest 5 % of the gaps are than the model's.

    Args:
        arrivals: When something new was seen, ascending; of a busy source the latest. Several items
            at once are one.
        spans: When the source was watched. What comes after the last arrival is not used: it is
            what the rhythm will judge.
        counts: All arrivals after the first in each hour of the week, as `counted` has them, if
            `arrivals` are not all.
        first: Time of the first of all.

    Returns:
        None for fewer than five arrivals, or no watched time.
    """
    if counts is None:
        counts = counted(arrivals[1:])
    if counts.sum() + 1 < _FEWEST_ARRIVALS:
        return None
    watched = _clipped(spans, float(arrivals[0]) if first is None else first, float(arrivals[-1]))
    exposure = _hours_of_week(watched)
    if exposure.sum() <= 0:
        return None
    per_hour = _rates(counts, exposure)
    per_day = 24 * float(per_hour.sum()) / HOURS_OF_WEEK
    alarming = max(_LEAST_EXPECTED, math.log(_FALSE_ALARMS_EVERY_DAYS * max(per_day, 0.01)))
    gaps_s, expected = _between(arrivals, watched, per_hour)
    return Rhythm(
        usual_gap_s=float(np.median(gaps_s)),
        per_hour=per_hour,
        alarming=alarming * _stretch(expected),
    )


def counted(at: Floats, weights: Floats | None = None) -> Floats:
    """How many times are in each hour of the week; shape (168,)."""
    hours = (np.floor(at / _HOUR_S).astype(np.int64) + _MONDAY) % HOURS_OF_WEEK
    return np.bincount(hours, weights, minlength=HOURS_OF_WEEK).astype(np.float64)


def posterior(counts: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """The gamma distributions of the rates in each hour of the week: shapes, and hours.

    Args:
        counts: Arrivals in each hour of the week; shape (168,), not all 0.
        exposure: Watched hours in each.
    """
    overall = counts.sum() / exposure.sum()
    kind = (of_kind(counts) + _PRIOR_ARRIVALS) / (of_kind(exposure) + _PRIOR_ARRIVALS / overall)
    return counts + _PRIOR_ARRIVALS, exposure + _PRIOR_ARRIVALS / kind


def _rates(counts: Floats, exposure: Floats) -> Floats:
    shapes, hours = posterior(counts, exposure)
    overall = counts.sum() / exposure.sum()
    rates = shapes / hours
    found: Floats = np.where(of_kind(exposure) > 0, rates, _UNSEEN_HOURS_COUNT * overall)
    return found


def of_kind(values: Floats) -> Floats:
    """For each hour of the week the sum over the same hour of all working days, or weekends."""
    by_day = values.reshape(_DAYS, _HOURS_OF_DAY)
    kinds = by_day[:_WORKING_DAYS].sum(0), by_day[_WORKING_DAYS:].sum(0)
    return np.concatenate([np.tile(kinds[0], _WORKING_DAYS), np.tile(kinds[1], 2)])


def _stretch(expected: Floats) -> float:
    """How much longer the longest gaps are than those of a Poisson process, from 1 on."""
    if len(expected) < _FEWEST_GAPS:
        return _STRETCH_OF_FEW_GAPS
    long = float(np.sort(expected)[math.ceil((1 - _TAIL) * len(expected)) - 1])
    return min(max(1.0, long / -math.log(_TAIL)), _LARGEST_STRETCH)


def _clipped(spans: Spans, since: float, until: float) -> Spans:
    within = spans[(spans[:, 1] > since) & (spans[:, 0] < until)]
    return np.clip(within, since, until)


def _hours_of_week(spans: Spans) -> Floats:
    """Hours that spans have in each hour of the week; shape (168,)."""
    first = np.floor(spans[:, 0] / _HOUR_S).astype(np.int64)
    touched = np.ceil(spans[:, 1] / _HOUR_S).astype(np.int64) - first
    of_span = np.repeat(np.arange(len(spans)), touched)
    hours = np.arange(len(of_span)) + np.repeat(first - touched.cumsum() + touched, touched)
    start = np.maximum(spans[of_span, 0], hours * _HOUR_S)
    end = np.minimum(spans[of_span, 1], (hours + 1) * _HOUR_S)
    of_week = np.bincount((hours + _MONDAY) % HOURS_OF_WEEK, (end - start) / _HOUR_S, HOURS_OF_WEEK)
    return of_week.astype(np.float64)


def _expected(per_hour: Floats, spans: Spans) -> Floats:
    """Arrivals to be expected in each of some spans, however long."""
    before = np.concatenate([[0.0], per_hour.cumsum()])
    hours, part = np.divmod(spans / _HOUR_S + _MONDAY, 1.0)
    weeks, hour = np.divmod(hours.astype(np.int64), HOURS_OF_WEEK)
    until = weeks * before[-1] + before[hour] + per_hour[hour] * part
    found: Floats = np.maximum(until[:, 1] - until[:, 0], 0.0)
    return found


def _between(at: Floats, spans: Spans, per_hour: Floats) -> tuple[Floats, Floats]:
    """Between each two neighbouring times: the watched seconds, and the arrivals to be expected."""
    nearest = np.searchsorted(spans[:, 0], at, side="right") - 1
    inside = np.maximum(nearest, 0)
    begun = np.stack([spans[inside, 0], np.clip(at, spans[inside, 0], spans[inside, 1])], axis=1)

    def between(of_all: Floats, of_begun: Floats) -> Floats:
        before = np.concatenate([[0.0], of_all.cumsum()])[inside]
        return np.maximum(np.diff(before + np.where(nearest < 0, 0.0, of_begun)), 0.0)

    seconds = between(spans[:, 1] - spans[:, 0], begun[:, 1] - begun[:, 0])
    return seconds, between(_expected(per_hour, spans), _expected(per_hour, begun))
