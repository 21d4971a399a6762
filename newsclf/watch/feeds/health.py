"""Health of a source, from what each attempt to read it found."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.rhythm import Floats, Rhythm, Spans, counted, rhythm_of
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Attempt, Hour, SourcePast

_LATEST_KEPT = 200
"""Attempts that are kept one by one; of those before, what each hour had counts."""
_ARRIVALS_KEPT = 1000
"""Latest answers with something new whose times are kept, for the gaps between them."""
_LAGS_KEPT = 100
"""Latest answers with something new whose delays are kept."""
_WEEKS = 8
"""What a rhythm is learned from: they have each hour of the week eight times."""
_HOUR_S = 3600.0
_HISTORY_S = _WEEKS * 7 * 24 * _HOUR_S
_SHORTEST_PAUSE_S = 3600.0
"""Two attempts in one hour have no pause between them, so that the hour's first and last count."""
_ATTEMPTS_IN_A_PAUSE = 3
_NEIGHBOURS = 5
"""Hours with attempts, to either side, that tell how long a pause is usual at a time."""
_FAILURES_UNTIL_DOWN = 3
_SAYS_MOVED = 3
_QUIET_WITHOUT_RHYTHM_S = 7 * 86_400.0
_GAPS_WITHOUT_RHYTHM = 3
"""Of the longest gap, where arrivals are too few for a rhythm."""
_QUIET_WITHOUT_ITEMS_S = 86_400.0
_DEFINITE = frozenset({Outcome.GONE, Outcome.CREDENTIALS, Outcome.DISALLOWED, Outcome.HOSTILE})
"""Errors that another attempt does not mend."""
_FIRST, _LAST, _HEADLINES, _ARRIVALS, _FIRST_ARRIVAL = range(5)
"""Columns of the table of hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one attempt to read a source found."""

    at: dt.datetime
    """When it ended, in UTC."""
    outcome: Outcome
    reason: str = ""
    """Why it failed, without secrets."""
    items: int = 0
    """In the document."""
    new: int = 0
    """Items that had not been seen before."""
    published: tuple[dt.datetime, ...] = ()
    """When the new items say that they were published, in UTC, of those that say so."""
    moved_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """State of a source at one moment."""

    outcome: Outcome | None
    """Of the last attempt, or `stale`; None before the first."""
    live: bool
    """Whether signals may count on the source. One or two failures in between don't matter."""
    live_until: dt.datetime | None = None
    """Until when that holds without another answer; None if it isn't live."""
    words: str
    """Verdict for people."""
    failures: int = 0
    """In a row, up to now, of the last 200 attempts."""
    new_items: int = 0
    """In eight weeks."""
    last_attempt: dt.datetime | None = None
    last_success: dt.datetime | None = None
    last_new: dt.datetime | None = None
    """When something new was last seen, or published if all was new with the first document."""
    silent_s: float | None = None
    """Since `last_new`."""
    usual_gap_s: float | None = None
    missed: float | None = None
    """Arrivals that the rhythm expected since the last one, while the source was watched."""
    lag_median_s: float | None = None
    """From published to seen, of the last 100 answers with something new after the first."""
    moved_to: str | None = None
    """New address, if the last three answers named the same."""


def recorded_history(record: Record, source: str, *, now: dt.datetime) -> History:
    """The history of a source as a record has it.

    Raises:
        StateError: The record can't be read.
        DataError: It is damaged.
    """
    past = record.past(
        source,
        since=_since(now),
        answers=[outcome.value for outcome in Outcome if outcome.delivers],
        latest=_LATEST_KEPT,
        arrivals=_ARRIVALS_KEPT,
        newest=_LAGS_KEPT,
    )
    return History(past)


class History:
    """What the attempts to read a source found, in memory that does not grow with them.

    The rhythm takes, of each hour, the first and the last answer and how many had something new:
    between two answers in one hour there is no pause. Of the latest attempts more is kept.
    """

    def __init__(self, past: SourcePast | None = None) -> None:
        """Begin with what is known."""
        past = past or SourcePast()
        self._latest = deque(map(_observed, past.latest), maxlen=_LATEST_KEPT)
        self._arrivals = np.array([at.timestamp() for at in past.arrivals])
        self._lags_s = deque(map(_lags_s, map(_observed, past.newest)), maxlen=_LAGS_KEPT)
        self._first = _First.of(_observed(past.first)) if past.first is not None else None
        self._hours = np.array([_hour_row(hour) for hour in past.hours]).reshape(-1, 5)

    @property
    def last(self) -> Observation | None:
        """The latest attempt."""
        return self._latest[-1] if self._latest else None

    def with_(self, observation: Observation) -> History:
        """The history with one more attempt; this one stays as it is."""
        copy = History()
        copy._latest = self._latest.copy()
        copy._arrivals = self._arrivals
        copy._lags_s = self._lags_s.copy()
        copy._first = self._first
        copy._hours = self._hours.copy()
        copy.add(observation)
        return copy

    def add(self, observation: Observation) -> None:
        """Take in one more attempt, which ended after the others."""
        self._latest.append(observation)
        if not observation.outcome.delivers:
            return
        at = observation.at.timestamp()
        arrived = self._first is not None and observation.new > 0
        if self._first is None:
            self._first = _First.of(observation)
        if arrived:
            self._arrivals = np.append(self._arrivals[1 - _ARRIVALS_KEPT :], at)
            self._lags_s.append(_lags_s(observation))
        # A clock that was put back must not begin an hour again.
        if not len(self._hours) or at // _HOUR_S > self._hours[-1, _FIRST] // _HOUR_S:
            since = at // _HOUR_S * _HOUR_S - _HISTORY_S
            kept = self._hours[self._hours[:, _FIRST] >= since]
            self._hours = np.vstack([kept, [[at, at, 0, 0, np.nan]]])
        hour = self._hours[-1]
        hour[_LAST] = max(hour[_LAST], at)
        hour[_HEADLINES] += observation.new
        hour[_ARRIVALS] += arrived
        if arrived and np.isnan(hour[_FIRST_ARRIVAL]):
            hour[_FIRST_ARRIVAL] = at

    def health(self, *, now: dt.datetime) -> SourceHealth:
        """Judge the source."""
        since = _since(now)
        recent = [o for o in self._latest if o.at >= since]
        if not recent:
            return SourceHealth(outcome=None, live=False, words="not asked yet")
        watched = self._watched(since.timestamp())
        rhythm = missed = None
        if watched.count > 0 and len(watched.arrivals):
            rhythm = rhythm_of(
                watched.arrivals, watched.spans, counts=watched.counts, first=watched.first_arrival
            )
        if rhythm is not None:
            missed = rhythm.expected(watched.spans, float(watched.arrivals[-1]))
        last_new_s = float(watched.arrivals[-1]) if len(watched.arrivals) else None
        failures = _failures(recent)
        last = recent[-1]
        outcome = last.outcome
        if not failures and _is_stale(watched, recent, rhythm, missed):
            outcome = Outcome.STALE
        until = last.at + dt.timedelta(seconds=_longest_pause_s([o.at for o in recent]))
        paused = now > until
        down = failures >= _FAILURES_UNTIL_DOWN or outcome in _DEFINITE
        live = len(watched.hours) > 0 and not (paused or down or outcome is Outcome.STALE)
        lags_s = [lag_s for at, lags in self._lags_s if at >= since.timestamp() for lag_s in lags]
        health = SourceHealth(
            outcome=outcome,
            live=live,
            live_until=until if live else None,
            words="",
            failures=failures,
            new_items=int(watched.hours[:, _HEADLINES].sum()),
            last_attempt=last.at,
            last_success=_moment(watched.hours[-1, _LAST]) if len(watched.hours) else None,
            last_new=_moment(last_new_s) if last_new_s is not None else None,
            silent_s=now.timestamp() - last_new_s if last_new_s is not None else None,
            usual_gap_s=rhythm.usual_gap_s if rhythm else None,
            missed=missed,
            lag_median_s=statistics.median(lags_s) if lags_s else None,
            moved_to=_moved_to(recent),
        )
        return _with_words(health, last, paused=paused)

    def _watched(self, since: float) -> _Watched:
        """What counts from a time on, with what the first document told of the time before it."""
        hours = self._hours[self._hours[:, _FIRST] >= since]
        arrivals = self._arrivals[self._arrivals >= since]
        spans = _spans(hours)
        with_news = hours[hours[:, _ARRIVALS] > 0]
        counts = counted(with_news[:, _FIRST], with_news[:, _ARRIVALS])
        first_arrival = float(with_news[0, _FIRST_ARRIVAL]) if len(with_news) else None
        if self._first is not None and self._first.at >= since and len(self._first.claimed):
            claimed = self._first.claimed
            first_arrival = float(claimed[0])
            counts += counted(claimed)
            arrivals = np.concatenate([claimed, arrivals])[-_ARRIVALS_KEPT:]
            spans = np.vstack([[[claimed[0], self._first.at]], spans])
        if first_arrival is not None:
            counts -= counted(np.array([first_arrival]))
        return _Watched(hours, spans, arrivals, counts, first_arrival)


@dataclass(frozen=True, slots=True)
class _Watched:
    hours: Floats
    spans: Spans
    """When the source was watched: not while newsclf was off, or could not read it."""
    arrivals: Floats
    """When something new came: by its own account for the first document, then as it was seen."""
    counts: Floats
    """Of all arrivals after the first, in each hour of the week."""
    first_arrival: float | None

    @property
    def count(self) -> float:
        """Arrivals after the first."""
        return float(self.counts.sum())


@dataclass(frozen=True, slots=True)
class _First:
    """The first answer, whose items were all new and tell of the time before it."""

    at: float
    claimed: Floats
    """When they were published, as they say: up to eight weeks before the last of them."""

    @classmethod
    def of(cls, observation: Observation) -> _First:
        at = observation.at.timestamp()
        claimed = np.unique([p.timestamp() for p in observation.published if p <= observation.at])
        if len(claimed):
            claimed = claimed[claimed >= claimed[-1] - _HISTORY_S]
        return cls(at, claimed)


def _since(now: dt.datetime) -> dt.datetime:
    """From when on attempts count: for eight weeks, in whole hours."""
    return now.replace(minute=0, second=0, microsecond=0) - dt.timedelta(weeks=_WEEKS)


def _observed(attempt: Attempt) -> Observation:
    return Observation(
        at=attempt.at,
        outcome=Outcome(attempt.outcome),
        reason=attempt.detail or "",
        items=attempt.items,
        new=attempt.headlines,
        published=attempt.published,
    )


def _hour_row(hour: Hour) -> list[float]:
    arrived = hour.first_arrival.timestamp() if hour.first_arrival is not None else np.nan
    counts = [hour.headlines, hour.arrivals]
    return [hour.first.timestamp(), hour.last.timestamp(), *counts, arrived]


def _lags_s(observation: Observation) -> tuple[float, list[float]]:
    lags = [max(0.0, (observation.at - p).total_seconds()) for p in observation.published]
    return observation.at.timestamp(), lags


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(float(seconds), dt.UTC)


def _spans(hours: Floats) -> Spans:
    """From the first answer of each hour to the last, and on to the next unless there was a pause.

    How long a pause is usual is learned from the hours around it, since how often a source is asked
    may have been changed.
    """
    if not len(hours):
        return np.empty((0, 2))
    apart_s = hours[1:, _FIRST] - hours[:-1, _LAST]
    paused = apart_s > _SHORTEST_PAUSE_S
    if paused.any():
        padded = np.pad(apart_s, _NEIGHBOURS, constant_values=np.inf)
        around = sliding_window_view(padded, 2 * _NEIGHBOURS + 1)[paused]
        around = np.sort(around, axis=1)
        middle = (np.isfinite(around).sum(axis=1) - 1) // 2
        usual_s = around[np.arange(len(around)), middle]
        paused[paused] = apart_s[paused] > _ATTEMPTS_IN_A_PAUSE * usual_s
    start = hours[np.concatenate([[True], paused]), _FIRST]
    end = hours[np.concatenate([paused, [True]]), _LAST]
    return np.stack([start, end], axis=1)


def _longest_pause_s(times: Sequence[dt.datetime]) -> float:
    """Time after an attempt beyond which the source is not watched any more."""
    if len(times) < 2:  # noqa: PLR2004 - a pause has two ends
        return _SHORTEST_PAUSE_S
    usual = statistics.median((b - a).total_seconds() for a, b in itertools.pairwise(times))
    return max(_SHORTEST_PAUSE_S, _ATTEMPTS_IN_A_PAUSE * usual)


def _failures(recent: Sequence[Observation]) -> int:
    return next((n for n, o in enumerate(reversed(recent)) if o.outcome.delivers), len(recent))


def _is_stale(
    watched: _Watched,
    recent: Sequence[Observation],
    rhythm: Rhythm | None,
    missed: float | None,
) -> bool:
    until = float(watched.hours[-1, _LAST])
    if rhythm is not None and missed is not None:
        return missed > rhythm.alarming
    if len(watched.arrivals):
        gaps_s = _GAPS_WITHOUT_RHYTHM * np.diff(watched.arrivals)
        quiet_s = max(_QUIET_WITHOUT_RHYTHM_S, float(gaps_s.max(initial=0.0)))
        return until - float(watched.arrivals[-1]) > quiet_s
    watched_s = until - float(watched.hours[0, _FIRST])
    if any(o.items for o in recent):  # items without times, nothing new since
        return watched_s > _QUIET_WITHOUT_RHYTHM_S
    return watched_s > _QUIET_WITHOUT_ITEMS_S


def _moved_to(recent: Sequence[Observation]) -> str | None:
    named = [o.moved_to for o in recent if o.outcome.delivers][-_SAYS_MOVED:]
    return named[0] if len(named) == _SAYS_MOVED and len(set(named)) == 1 else None


def _with_words(health: SourceHealth, last: Observation, *, paused: bool) -> SourceHealth:
    if health.failures:
        what = f"{last.outcome.replace('_', ' ')}: {last.reason or 'no document'}"
        times = f" ({health.failures} attempts in a row)" if health.failures > 1 else ""
        words = f"{what}{times}"
    elif health.outcome is Outcome.STALE:
        words = _words_of_silence(health)
    else:
        words = _words_of_life(health)
    if paused and health.last_attempt is not None:
        words = f"not asked since {health.last_attempt:%Y-%m-%d %H:%M} UTC; then {words}"
    if health.moved_to:
        words = f"{words}; moved for good to {health.moved_to}: change its address"
    return replace(health, words=words)


def _words_of_silence(health: SourceHealth) -> str:
    if health.silent_s is None:
        return "stale: answers, but has had no new items"
    words = f"stale: nothing new for {duration(health.silent_s)}"
    if health.usual_gap_s is not None and health.missed is not None:
        words += f"; usually every {duration(health.usual_gap_s)}, {health.missed:.0f} missed"
    return words


def _words_of_life(health: SourceHealth) -> str:
    if health.silent_s is None:
        return "live: nothing new yet"
    if health.usual_gap_s is not None:
        return f"live: something new every {duration(health.usual_gap_s)}"
    return "live"  # since when is shown beside it, and goes on while the words stand still


def duration(seconds: float) -> str:
    """A time span in its largest sensible unit, such as `12 min`."""
    for unit, size_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} s"
