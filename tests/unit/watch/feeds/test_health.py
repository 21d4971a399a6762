"""Health of a source, from what each attempt to read it found."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.feeds.health import History, Observation, SourceHealth, duration
from newsclf.watch.feeds.outcome import Outcome

MONDAY = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
POLL = 5 * MINUTE


def observed(at: dt.datetime, outcome: Outcome = Outcome.OK, **more: object) -> Observation:
    return Observation(at=at, outcome=outcome, **more)  # type: ignore[arg-type]


def lively(polls: int = 600, *, start: dt.datetime = MONDAY) -> list[Observation]:
    """A source that has something new with every third answer, on average."""
    chance = random.Random(7)  # noqa: S311 - no secret
    return [
        observed(start + n * POLL, items=20, new=int(chance.random() < 1 / 3)) for n in range(polls)
    ]


def silent(after: list[Observation], polls: int) -> list[Observation]:
    return after + [observed(after[-1].at + n * POLL, items=20) for n in range(1, polls + 1)]


def failing(after: list[Observation], outcome: Outcome, times: int) -> list[Observation]:
    return after + [
        observed(after[-1].at + n * POLL, outcome, reason="access was refused")
        for n in range(1, times + 1)
    ]


def health_of(observations: Iterable[Observation], *, now: dt.datetime) -> SourceHealth:
    history = History()
    for observation in observations:
        history.add(observation)
    return history.health(now=now)


def judged(history: list[Observation], later: dt.timedelta = MINUTE) -> SourceHealth:
    return health_of(history, now=history[-1].at + later)


def test_a_source_that_was_never_asked_is_not_live() -> None:
    found = health_of([], now=MONDAY)

    assert (found.outcome, found.live, found.words) == (None, False, "not asked yet")


def test_a_source_with_news_is_live() -> None:
    history = lively()
    found = judged(history)

    assert found.live
    assert found.outcome is Outcome.OK
    assert found.words.startswith("live")
    assert found.new_items == sum(o.new for o in history)
    assert found.usual_gap_s is not None
    assert 300 <= found.usual_gap_s <= 900


def test_silence_against_the_own_rhythm_is_stale() -> None:
    history = lively()

    assert judged(silent(history, 10)).live
    found = judged(silent(history, 100))
    assert found.outcome is Outcome.STALE
    assert not found.live
    assert found.words.startswith("stale: nothing new for 9 h; usually every 10 min, ")


def test_silence_of_newsclf_is_not_the_sources() -> None:
    history = lively()
    night = [observed(history[-1].at + dt.timedelta(hours=12), items=20)]

    assert judged(history + night).outcome is Outcome.OK


def test_a_source_that_was_not_asked_for_long_is_not_live() -> None:
    found = judged(lively(), dt.timedelta(hours=5))

    assert not found.live
    assert found.words.startswith("not asked since 2026-11-04 10:55 UTC; then live")


@pytest.mark.parametrize(
    ("outcome", "times", "live"),
    [
        (Outcome.UNREACHABLE, 1, True),
        (Outcome.UNREACHABLE, 2, True),
        (Outcome.UNREACHABLE, 3, False),
        (Outcome.BLOCKED, 3, False),
        (Outcome.GONE, 1, False),
        (Outcome.DISALLOWED, 1, False),
        (Outcome.CREDENTIALS, 1, False),
        (Outcome.HOSTILE, 1, False),
    ],
)
def test_failures_count_in_a_row(outcome: Outcome, times: int, *, live: bool) -> None:
    found = judged(failing(lively(), outcome, times))

    assert found.live is live
    assert found.outcome is outcome
    assert found.failures == times
    assert found.words.startswith(f"{outcome}: access was refused")


def test_one_success_ends_the_failures() -> None:
    history = failing(lively(), Outcome.FAILED, 9)

    assert judged([*history, observed(history[-1].at + POLL, items=20, new=1)]).failures == 0


def test_a_source_that_never_succeeded_is_not_live() -> None:
    found = judged([observed(MONDAY, Outcome.UNREACHABLE, reason="no connection in time")])

    assert not found.live
    assert found.words == "unreachable: no connection in time"


def test_the_first_document_tells_the_rhythm_by_its_own_dates() -> None:
    hourly = tuple(MONDAY - n * 60 * MINUTE for n in range(30))
    alive = [observed(MONDAY, items=30, new=30, published=hourly)]
    dead = [observed(MONDAY + dt.timedelta(days=5), items=30, new=30, published=hourly)]

    assert judged(alive).live
    assert judged(alive).usual_gap_s == 3600
    assert judged(dead).outcome is Outcome.STALE


def test_success_without_items_is_stale_after_a_day() -> None:
    empty = [observed(MONDAY + n * POLL, Outcome.EMPTY) for n in range(400)]

    assert judged(empty[:100]).outcome is Outcome.EMPTY
    assert judged(empty).outcome is Outcome.STALE
    assert judged(empty).words == "stale: answers, but has had no new items"


def test_a_weekly_source_may_be_silent_for_more_than_a_week() -> None:
    def days(until: int) -> list[Observation]:
        return [
            observed(MONDAY + dt.timedelta(hours=n), items=9, new=int(n in (24, 8 * 24)))
            for n in range(until * 24)
        ]

    assert judged(days(18)).outcome is Outcome.OK
    assert judged(days(27)).outcome is Outcome.OK
    assert judged(days(29)).outcome is Outcome.OK
    assert judged(days(35)).outcome is Outcome.STALE


def test_lag_is_measured_on_what_came_after_the_first_document() -> None:
    old = (MONDAY - dt.timedelta(days=3),)
    history = [observed(MONDAY, items=1, new=1, published=old)]
    for n, lag_s in enumerate((30, 60, 300, -5), start=1):
        at = MONDAY + n * POLL
        history.append(observed(at, items=2, new=1, published=(at - dt.timedelta(seconds=lag_s),)))

    found = judged(history)

    assert found.lag_median_s == 45


def test_a_new_address_is_believed_when_it_was_named_three_times() -> None:
    to = "https://new.example/rss"
    history = lively(3)
    moved = [observed(history[-1].at + n * POLL, items=20, moved_to=to) for n in (1, 2, 3)]

    assert judged(history + moved[:2]).moved_to is None
    found = judged(history + moved)
    assert found.moved_to == to
    assert found.words.endswith(f"moved for good to {to}: change its address")


observations = st.builds(
    Observation,
    at=st.integers(0, 3_000_000).map(lambda s: MONDAY + dt.timedelta(seconds=s)),
    outcome=st.sampled_from([o for o in Outcome if o is not Outcome.STALE]),
    items=st.integers(0, 30),
    new=st.integers(0, 3),
    published=st.lists(
        st.integers(-9_000_000, 9_000_000).map(lambda s: MONDAY + dt.timedelta(seconds=s)),
        max_size=3,
    ).map(tuple),
)


@given(st.lists(observations, max_size=30))
def test_any_history_has_a_verdict(history: list[Observation]) -> None:
    history.sort(key=lambda o: o.at)
    now = history[-1].at if history else MONDAY

    found = health_of(history, now=now)

    assert found.words
    assert found == health_of(list(history), now=now)
    if found.live:
        assert found.outcome is not Outcome.STALE
        assert found.last_success is not None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (2e5, "2 days")],
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
