"""A source's own rhythm."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.watch.feeds.rhythm import HOURS_OF_WEEK, Rhythm, Spans, counted
from newsclf.watch.feeds.rhythm import rhythm_of as rhythm_of_seconds

MONDAY = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
WEEK = dt.timedelta(days=7)


def office_hours(at: dt.datetime) -> float:
    return 4.0 if at.weekday() < 5 and 8 <= at.hour < 18 else 0.0


def always(_: dt.datetime) -> float:
    return 4.0


def arrivals(
    per_hour: Callable[[dt.datetime], float], weeks: int, *, seed: int = 1
) -> list[dt.datetime]:
    """A Poisson process with a rate for each hour."""
    rng = np.random.default_rng(seed)
    hours = [MONDAY + n * HOUR for n in range(weeks * HOURS_OF_WEEK)]
    return sorted(h + u * HOUR for h in hours for u in rng.random(rng.poisson(per_hour(h))))


def seconds(*spans: tuple[dt.datetime, dt.datetime]) -> Spans:
    return np.array([(a.timestamp(), b.timestamp()) for a, b in spans]).reshape(-1, 2)


def rhythm_of(at: list[dt.datetime], spans: list[tuple[dt.datetime, dt.datetime]]) -> Rhythm | None:
    return rhythm_of_seconds(np.array([a.timestamp() for a in at]), seconds(*spans))


def rhythm(at: list[dt.datetime], weeks: int) -> Rhythm:
    found = rhythm_of(at, [(MONDAY, MONDAY + weeks * WEEK)])
    assert found is not None
    return found


def test_few_arrivals_have_no_rhythm() -> None:
    at = arrivals(always, 1)

    assert rhythm_of(at[:4], [(MONDAY, MONDAY + WEEK)]) is None
    assert rhythm_of(at[:4] * 2, []) is None
    assert rhythm_of([MONDAY] * 9, [(MONDAY, MONDAY + WEEK)]) is None


def test_rates_follow_the_hours_of_the_week() -> None:
    found = rhythm(arrivals(office_hours, 4), 4)

    noon, night, sunday = (found.per_hour[h] for h in (12, 3, 6 * 24 + 12))
    assert noon == pytest.approx(4, rel=0.4)
    assert night < 0.1
    assert sunday < 0.1
    assert found.usual_gap_s == pytest.approx(0.69 * 900, rel=0.2)  # median of an exponential


def test_a_usual_weekend_is_not_alarming_and_a_silent_day_is() -> None:
    at = arrivals(office_hours, 3)
    found = rhythm(at, 3)
    monday = MONDAY + 3 * WEEK

    weekend = seconds((at[-1], monday + 8 * HOUR))
    day = seconds((monday + 8 * HOUR, monday + 14 * HOUR))

    assert found.expected(weekend, at[-1].timestamp()) < found.alarming
    assert found.expected(day, monday.timestamp()) > found.alarming


def test_the_first_weekend_counts_a_quarter() -> None:
    at = [a for a in arrivals(always, 1) if a.weekday() < 5]
    found = rhythm_of(at, [(MONDAY, MONDAY + WEEK)])

    assert found is not None
    assert found.per_hour[5 * 24 + 1] == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_false_alarms_are_rare(seed: int) -> None:
    at = arrivals(office_hours, 12, seed=seed)
    known = [a for a in at if a < MONDAY + 4 * WEEK]
    found = rhythm(known, 4)
    later = [a for a in at if a >= MONDAY + 4 * WEEK]

    alarms = sum(
        found.expected(seconds((a, b)), a.timestamp()) > found.alarming
        for a, b in itertools.pairwise(later)
    )

    assert alarms <= 3  # in 56 days, of about 1,600 gaps; 0.56 are expected of a known rate


def test_time_that_was_not_watched_is_not_silence() -> None:
    at = arrivals(always, 2)
    asleep = (MONDAY + 4 * 24 * HOUR, MONDAY + 9 * 24 * HOUR)
    heard = [a for a in at if not asleep[0] <= a < asleep[1]]

    found = rhythm_of(heard, [(MONDAY, asleep[0]), (asleep[1], MONDAY + 2 * WEEK)])

    assert found is not None
    assert 24 * sum(found.per_hour) / HOURS_OF_WEEK == pytest.approx(96, rel=0.15)


@settings(max_examples=50)
@given(
    st.lists(st.floats(0, 3e6), min_size=5, max_size=40),
    st.lists(st.floats(0, 3e6), min_size=2, max_size=8).map(sorted),
    st.floats(0, 3e6),
)
def test_more_watching_is_more_expected(
    offsets: list[float], ends: list[float], since_s: float
) -> None:
    times = [MONDAY + dt.timedelta(seconds=s) for s in ends]
    spans = list(zip(times[::2], times[1::2], strict=False))
    found = rhythm_of(sorted(MONDAY + dt.timedelta(seconds=s) for s in offsets), spans)
    since = (MONDAY + dt.timedelta(seconds=since_s)).timestamp()

    if found is not None:
        assert min(found.per_hour) >= 0
        assert found.alarming >= 3
        fewer, more = seconds(*spans[:-1]), seconds(*spans)
        assert 0 <= found.expected(fewer, since) <= found.expected(more, since)


def test_of_a_busy_source_the_latest_arrivals_and_the_number_of_the_others_suffice() -> None:
    at = np.array([a.timestamp() for a in arrivals(office_hours, 4)])
    spans = seconds((MONDAY, MONDAY + 4 * WEEK))

    all_ = rhythm_of_seconds(at, spans)
    few = rhythm_of_seconds(at[-400:], spans, counts=counted(at[1:]), first=float(at[0]))

    assert all_ is not None
    assert few is not None
    assert np.array_equal(few.per_hour, all_.per_hour)
    assert few.usual_gap_s == pytest.approx(all_.usual_gap_s, rel=0.2)
    assert few.alarming == pytest.approx(all_.alarming, rel=0.2)
