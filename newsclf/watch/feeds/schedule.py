"""When each source is asked next: its interval, what its server asks for, back-off, quotas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from newsclf.watch.feeds.outcome import Outcome

DAY_S = 86_400.0
_UNKNOWN_RHYTHM_S = 300.0
_LONGEST_HINT_S = 3_600.0
"""Servers of live feeds send max-age of a month by mistake; they are believed up to this."""
_FIRST_BACK_OFF_S = 60.0
_LONGEST_BACK_OFF_S = 6 * 3_600.0
_NEEDS_A_PERSON = frozenset(
    {Outcome.GONE, Outcome.CREDENTIALS, Outcome.DISALLOWED, Outcome.HOSTILE}
)
_BACK_OFF_FOR_A_PERSON_S = 3_600.0
_JITTER = 0.1
_FULL_AT_LEAST_EVERY_S = DAY_S
_FULL_AT_MOST_EVERY_S = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a source may be asked, as it is configured."""

    every_s: float | None = None
    """Interval; None follows the source's own rhythm and the hints of its server."""
    at_least_s: float = 60.0
    """Never more often than this."""
    at_most_s: float = 1_800.0
    """Longest interval for a source that is rarely new."""
    per_day: float | None = None
    """Requests that a vendor allows in 24 hours: this source's share of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the last answer of a source says about the next request."""

    outcome: Outcome
    failures: int = 0
    """In a row, with this one."""
    retry_after_s: float | None = None
    fresh_for_s: float | None = None
    ttl_s: float | None = None
    """`ttl` of an RSS channel."""
    usual_gap_s: float | None = None
    """Between new items, by the source's history."""
    crawl_delay_s: float | None = None
    """Between requests, as robots.txt asks; None if it was not read."""


def wait_s(pace: Pace, heard: Heard, *, chance: float) -> float:
    """How long to leave a source alone after an answer.

    Never less than Retry-After and Crawl-delay (up to a day), than `pace.at_least_s`, or than its
    share of a vendor's quota takes. After failures: exponential back-off with full jitter, on top
    of the minimum (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    Args:
        pace: Of the source.
        heard: Of its last answer.
        chance: Uniform in [0, 1); spreads sources that would otherwise ask at the same time.

    Returns:
        Seconds from the end of the answer on.
    """
    wanted_s = (
        _interval_s(pace, heard) * (1 + _JITTER * chance)
        if heard.outcome.delivers
        else _usual_interval_s(pace) + chance * back_off_s(heard)
    )
    share_s = DAY_S / pace.per_day if pace.per_day else 0.0
    asked_s = min(heard.retry_after_s or 0.0, DAY_S)
    delay_s = min(heard.crawl_delay_s or 0.0, DAY_S)
    return max(wanted_s, pace.at_least_s, share_s, delay_s, asked_s * (1 + _JITTER * chance))


def back_off_s(heard: Heard) -> float:
    """Upper end of the random wait after failures: doubled by each, up to six hours.

    Where only a person can help (a key is wrong, a source has ended), it starts at an hour and
    ends at a day.
    """
    for_a_person = heard.outcome in _NEEDS_A_PERSON
    first_s = _BACK_OFF_FOR_A_PERSON_S if for_a_person else _FIRST_BACK_OFF_S
    longest_s = DAY_S if for_a_person else _LONGEST_BACK_OFF_S
    doublings = min(max(heard.failures, 1) - 1, 30)
    return float(min(first_s * 2**doublings, longest_s))


def quota_wait_s(per_day: int, asked_at_s: Sequence[float], *, now_s: float) -> float:
    """How long until a vendor's daily quota has room for one more request.

    The 24 hours are rolling, since vendors reset their counters at times of their own.

    Args:
        per_day: Requests in any 24 hours.
        asked_at_s: Times of the latest requests, ascending, on the clock of `now_s`.
        now_s: The present.

    Returns:
        Seconds; 0 if there is room.
    """
    if len(asked_at_s) < per_day:
        return 0.0
    return max(0.0, asked_at_s[-per_day] + DAY_S - now_s)


def should_ask_in_full(*, unchanged: int, since_full_s: float, usual_gap_s: float | None) -> bool:
    """Whether to leave out the validators: a server that says "unchanged" for ever may be wrong.

    Args:
        unchanged: Answers in a row that nothing changed.
        since_full_s: Since the last document came whole.
        usual_gap_s: Between new items; None if unknown.
    """
    if unchanged == 0:
        return False
    suspicious_s = 8 * usual_gap_s if usual_gap_s is not None else _FULL_AT_LEAST_EVERY_S
    return since_full_s >= min(max(suspicious_s, _FULL_AT_MOST_EVERY_S), _FULL_AT_LEAST_EVERY_S)


def _usual_interval_s(pace: Pace) -> float:
    return pace.every_s if pace.every_s is not None else pace.at_least_s


def _interval_s(pace: Pace, heard: Heard) -> float:
    if pace.every_s is not None:
        return pace.every_s
    gap_s = heard.usual_gap_s
    # Twice within the usual gap, so that an item waits a quarter of it on average.
    own_s = gap_s / 2 if gap_s is not None else _UNKNOWN_RHYTHM_S
    hints_s = max(heard.fresh_for_s or 0.0, heard.ttl_s or 0.0)
    own_s = min(max(own_s, pace.at_least_s), pace.at_most_s)
    return max(own_s, min(hints_s, _LONGEST_HINT_S))
