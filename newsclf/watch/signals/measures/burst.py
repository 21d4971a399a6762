"""Bursts: whether more events come than usual at this hour of the week.

The events of an entity in the last hour are compared with those of the same hour of the week in the
last eight weeks. What is usual is learned as the rhythm of a source is (`feeds.rhythm`): a rate for
each hour of the week, shrunk to that of the same hour on working days or weekends. A rate that is
known from few weeks is uncertain, so the count has a negative binomial distribution (a Poisson
process whose rate has a gamma distribution); z is the normal deviate of its mid-p value.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from newsclf.watch.feeds.rhythm import HOURS_OF_WEEK, Floats, of_kind, posterior
from newsclf.watch.signals.rows import ScoredRow

HOUR_S = 3600.0
WEEKS = 8
_LARGEST = 10.0
"""Deviates beyond are given as this."""
_WATCHED = 0.9
"""Share of the bars of an hour that must be there for its count to be one."""


class Burst(NamedTuple):
    """What came in the last hour, against what is usual."""

    new_events: int | None
    """None if the hour was not watched as a whole."""
    usual: float | None = None
    """Events that were to be expected; None as long as it is not known."""
    z: float | None = None


class HourlyCount(NamedTuple):
    """New events of the hour before a bar, by entity, None for all headlines."""

    bar_s: float
    counts: Mapping[str | None, int | None]


class Bursts:
    """Counts of new events by entity and hour, in memory that does not grow."""

    def __init__(self, entities: Sequence[str], *, bar_s: float, time_zone: str = "UTC") -> None:
        """Begin without a history.

        Args:
            entities: Names of the watch list.
            bar_s: Length of a bar.
            time_zone: Whose hours of the week are compared.
        """
        self._groups: tuple[str | None, ...] = (None, *entities)
        self._bar_s = bar_s
        self._zone = ZoneInfo(time_zone)
        self._seen: dict[str | None, dict[int, float]] = {group: {} for group in self._groups}
        """When each event began, of those that may come again."""
        self._arrived: dict[str | None, deque[float]] = {group: deque() for group in self._groups}
        """When events of the last hour counted first."""
        self._bars: deque[float] = deque()
        """Ends of the bars of the last hour."""
        self._last: HourlyCount | None = None
        self._hours: deque[tuple[int, int, list[int]]] = deque()
        """Of hours that were watched: their number since 1970, hour of the week, and counts."""
        self._usual: tuple[Floats, Floats, npt.NDArray[np.bool_]] | None = None

    def restore(self, hours: Sequence[HourlyCount], bars_s: Sequence[float]) -> None:
        """Take in what was recorded: the last bar of each hour, and the bars of the last hour."""
        for hour in hours:
            self._note(hour)
        self._bars.extend(bars_s)

    def add(self, row: ScoredRow) -> None:
        """Count an event when the first of its headlines counts; rows come as they are known."""
        if row.scores is None:
            return
        for group in (None, row.counts_for) if row.counts_for is not None else (None,):
            seen = self._seen.get(group)
            if seen is not None and row.event not in seen:
                seen[row.event] = row.event_began_s
                self._arrived[group].append(row.known_s)

    def forget(self, before_s: float) -> None:
        """Forget events that began before a time, of which no row comes any more."""
        for seen in self._seen.values():
            for event in [event for event, began_s in seen.items() if began_s < before_s]:
                del seen[event]

    def at(self, at_s: float) -> dict[str | None, Burst]:
        """The bursts at the end of a bar."""
        bars = 1 + sum(at_s - HOUR_S < bar_s < at_s for bar_s in self._bars)
        is_watched = bars >= _WATCHED * HOUR_S / self._bar_s
        counts: dict[str | None, int | None] = {}
        for group, arrived in self._arrived.items():
            while arrived and arrived[0] <= at_s - HOUR_S:
                arrived.popleft()
            counts[group] = sum(known_s <= at_s for known_s in arrived) if is_watched else None
        return {
            group: self._burst(place, counts[group], at_s)
            for place, group in enumerate(self._groups)
        }

    def take(self, found: HourlyCount) -> None:
        """Take the counts of a bar, after which `at` is for later ones; a bar is taken once."""
        if self._last is not None and found.bar_s <= self._last.bar_s:
            return
        while self._bars and self._bars[0] <= found.bar_s - HOUR_S:
            self._bars.popleft()
        self._bars.append(found.bar_s)
        self._note(found)

    def _note(self, found: HourlyCount) -> None:
        """Keep the count of an hour once a bar of a later hour is there."""
        before, self._last = self._last, found
        if before is None or _hour(before.bar_s) == _hour(found.bar_s):
            return
        counts = [before.counts.get(group) for group in self._groups]
        hour = _hour(before.bar_s)
        if None not in counts:
            self._hours.append((hour, self._of_week(hour), [count or 0 for count in counts]))
        while self._hours and self._hours[0][0] < _hour(found.bar_s) - WEEKS * HOURS_OF_WEEK:
            self._hours.popleft()
        self._usual = None

    def _of_week(self, hour: int) -> int:
        """The hour of the week, by the local clock, in which an hour of UTC begins."""
        local = dt.datetime.fromtimestamp(hour * HOUR_S, self._zone)
        return 24 * local.weekday() + local.hour

    def _burst(self, place: int, count: int | None, at_s: float) -> Burst:
        if count is None or not self._hours:
            return Burst(count)
        shapes, hours, is_known = self._learned()
        parts = [self._of_week(_hour(at_s)), self._of_week(_hour(at_s - HOUR_S))]
        if not is_known[place, parts].all():
            return Burst(count)
        share = (at_s - _hour(at_s) * HOUR_S) / HOUR_S
        shares = np.array([share, 1 - share])
        means = shapes[place, parts] / hours[place, parts]
        mean = float(np.add.reduce(shares * means))
        variance = float(np.add.reduce(shares**2 * means / hours[place, parts]))
        return Burst(count, mean, deviate(count, mean, mean**2 / variance))

    def _learned(self) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Of each entity and hour of the week: shape and hours of the rate, whether it is known."""
        if self._usual is None:
            of_week = np.array([each[1] for each in self._hours])
            exposure = np.bincount(of_week, minlength=HOURS_OF_WEEK).astype(np.float64)
            counts = np.array([each[2] for each in self._hours], dtype=np.float64)
            unknown = np.ones(HOURS_OF_WEEK)
            shapes, hours, known = [], [], []
            for place in range(len(self._groups)):
                of_entity = np.bincount(of_week, counts[:, place], HOURS_OF_WEEK)
                has_any = bool(of_entity.sum() > 0)
                shape, seen = (
                    posterior(of_entity.astype(np.float64), exposure)
                    if has_any
                    else (unknown, unknown)
                )
                shapes.append(shape)
                hours.append(seen)
                known.append((of_kind(exposure) > 0) & has_any)
            self._usual = np.array(shapes), np.array(hours), np.array(known)
        return self._usual


def deviate(count: int, mean: float, shape: float) -> float:
    """The normal deviate of the mid-p value of a count that is negative binomial.

    Args:
        count: Events.
        mean: Of the distribution.
        shape: How well the rate is known: its variance is mean² / shape. Variance of the count is
            mean + mean² / shape.
    """
    from scipy.special import betainc, ndtri

    share = mean / (shape + mean)
    # Each tail from its own end: 1 less a small share is 1.
    at_least = float(betainc(count, shape, share)) if count else 1.0
    upper = (at_least + float(betainc(count + 1, shape, share))) / 2
    less = float(betainc(shape, count, 1 - share)) if count else 0.0
    lower = (less + float(betainc(shape, count + 1, 1 - share))) / 2
    found = float(ndtri(lower)) if lower < upper else float(-ndtri(upper))
    return max(-_LARGEST, min(found, _LARGEST))


def _hour(bar_s: float) -> int:
    """The hour of the clock in which a bar ends; one on the hour belongs to the hour before."""
    return int(-(-bar_s // HOUR_S)) - 1
