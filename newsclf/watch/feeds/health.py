"""Health of a source, from what each attempt to read it found."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.rhythm import Rhythm, Span, rhythm_of

_HISTORY = dt.timedelta(days=56)
"""What a rhythm is learned from: eight weeks have each hour of the week eight times."""
ATTEMPTS = 1000
"""Attempts that count at most: most of a day of the busiest source."""
_SHORTEST_PAUSE = dt.timedelta(hours=1)
_POLLS_IN_A_PAUSE = 3
_FAILURES_UNTIL_DOWN = 3
_SAYS_MOVED = 3
_QUIET_WITHOUT_RHYTHM = dt.timedelta(days=7)
_GAPS_WITHOUT_RHYTHM = 3
"""Of the longest gap, where arrivals are too few for a rhythm."""
_QUIET_WITHOUT_ITEMS = dt.timedelta(days=1)
_DEFINITE = frozenset({Outcome.GONE, Outcome.CREDENTIALS, Outcome.HOSTILE})
"""Errors that another attempt does not mend."""


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
    attempts: int = 0
    failures: int = 0
    """In a row, up to now."""
    new_items: int = 0
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
    """From published to seen, without the items of the first document."""
    lag_p95_s: float | None = None
    moved_to: str | None = None
    """New address, if the last three answers named the same."""


def health_of(observations: Sequence[Observation], *, now: dt.datetime) -> SourceHealth:
    """Judge a source by its history.

    Args:
        observations: In the order of their times, none after `now`. The last eight weeks count.
        now: The moment to judge, in UTC.
    """
    recent = [o for o in observations if o.at >= now - _HISTORY]
    if not recent:
        return SourceHealth(outcome=None, live=False, words="not asked yet")
    good = [o for o in recent if o.outcome.delivers]
    arrivals, spans = _arrivals(good), _watched(good)
    rhythm = rhythm_of(arrivals, spans)
    missed = rhythm.expected(spans, arrivals[-1]) if rhythm else None
    failures = _failures(recent)
    last = recent[-1]
    last_new = arrivals[-1] if arrivals else None
    outcome = last.outcome
    if not failures and _is_stale(good, arrivals, rhythm, missed):
        outcome = Outcome.STALE
    until = last.at + _longest_pause([o.at for o in recent])
    paused = now > until
    down = failures >= _FAILURES_UNTIL_DOWN or outcome in _DEFINITE
    live = bool(good) and not (paused or down or outcome is Outcome.STALE)
    lags_s = sorted(max(0.0, (o.at - p).total_seconds()) for o in good[1:] for p in o.published)
    health = SourceHealth(
        outcome=outcome,
        live=live,
        live_until=until if live else None,
        words="",
        attempts=len(recent),
        failures=failures,
        new_items=sum(o.new for o in recent),
        last_attempt=last.at,
        last_success=good[-1].at if good else None,
        last_new=last_new,
        silent_s=(now - last_new).total_seconds() if last_new else None,
        usual_gap_s=rhythm.usual_gap_s if rhythm else None,
        missed=missed,
        lag_median_s=statistics.median(lags_s) if lags_s else None,
        lag_p95_s=lags_s[int(0.95 * (len(lags_s) - 1))] if lags_s else None,
        moved_to=_moved_to(recent),
    )
    return _with_words(health, last, paused=paused)


class History:
    """What the attempts to read a source found, of which the latest count."""

    def __init__(self, observations: Iterable[Observation] = ()) -> None:
        """Begin with what is known, in the order of time."""
        self._observations = deque(observations, maxlen=ATTEMPTS)

    @property
    def last(self) -> Observation | None:
        """The latest attempt."""
        return self._observations[-1] if self._observations else None

    def add(self, observation: Observation) -> None:
        """Take in one more attempt, which ended after the others."""
        self._observations.append(observation)

    def health(self, *, now: dt.datetime) -> SourceHealth:
        """Judge the source."""
        return health_of(self._observations, now=now)


def _arrivals(good: Sequence[Observation]) -> list[dt.datetime]:
    """When something new came: by its own account for the first document, then as it was seen."""
    if not good:
        return []
    first, *later = good
    claimed = sorted({p for p in first.published if p <= first.at})
    claimed = [p for p in claimed if p >= claimed[-1] - _HISTORY]
    return claimed + [o.at for o in later if o.new]


def _watched(good: Sequence[Observation]) -> list[Span]:
    """When the source was watched: not while newsclf was off, or could not read it."""
    if not good:
        return []
    times = [o.at for o in good]
    longest = _longest_pause(times)
    claimed = [p for p in good[0].published if p <= times[0]]
    before = [(min(claimed), times[0])] if claimed else []
    spans: list[Span] = before
    for a, b in itertools.pairwise(times):
        if spans and spans[-1][1] == a and b - a <= longest:
            spans[-1] = (spans[-1][0], b)
        elif b - a <= longest:
            spans.append((a, b))
    return spans


def _longest_pause(times: Sequence[dt.datetime]) -> dt.timedelta:
    """Time between two attempts beyond which the source was not watched."""
    if len(times) < 2:  # noqa: PLR2004 - a pause has two ends
        return _SHORTEST_PAUSE
    usual = statistics.median((b - a).total_seconds() for a, b in itertools.pairwise(times))
    return max(_SHORTEST_PAUSE, dt.timedelta(seconds=_POLLS_IN_A_PAUSE * usual))


def _failures(recent: Sequence[Observation]) -> int:
    return next((n for n, o in enumerate(reversed(recent)) if o.outcome.delivers), len(recent))


def _is_stale(
    good: Sequence[Observation],
    arrivals: Sequence[dt.datetime],
    rhythm: Rhythm | None,
    missed: float | None,
) -> bool:
    until = good[-1].at
    if rhythm is not None and missed is not None:
        return missed > rhythm.alarming
    if arrivals:
        gaps = [b - a for a, b in itertools.pairwise(arrivals)]
        quiet = max([_QUIET_WITHOUT_RHYTHM, *(_GAPS_WITHOUT_RHYTHM * gap for gap in gaps)])
        return until - arrivals[-1] > quiet
    if any(o.items for o in good):  # items without times, nothing new since
        return until - good[0].at > _QUIET_WITHOUT_RHYTHM
    return until - good[0].at > _QUIET_WITHOUT_ITEMS


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
    words = f"live: last new {duration(health.silent_s)} ago"
    if health.usual_gap_s is not None:
        words += f", usually every {duration(health.usual_gap_s)}"
    return words


def duration(seconds: float) -> str:
    """A time span in its largest sensible unit, such as `12 min`."""
    for unit, size_s in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} s"
