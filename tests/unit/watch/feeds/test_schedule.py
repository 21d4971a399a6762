"""When a source is asked next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.schedule import (
    DAY_S,
    Heard,
    Pace,
    back_off_s,
    quota_wait_s,
    should_ask_in_full,
    wait_s,
)

seconds = st.floats(0, 1e7, allow_nan=False)
paces = st.builds(
    Pace,
    every_s=st.none() | st.floats(1, 1e5),
    at_least_s=st.floats(1, 1e4),
    at_most_s=st.floats(1, 1e5),
    per_day=st.none() | st.floats(0.5, 1e5),
)
heards = st.builds(
    Heard,
    outcome=st.sampled_from(Outcome),
    failures=st.integers(0, 10_000),
    retry_after_s=st.none() | seconds,
    fresh_for_s=st.none() | seconds,
    ttl_s=st.none() | seconds,
    usual_gap_s=st.none() | seconds,
    crawl_delay_s=st.none() | seconds,
)
chances = st.floats(0, 1, exclude_max=True)


@given(paces, heards, chances)
def test_a_source_is_never_asked_earlier_than_anyone_wants(
    pace: Pace, heard: Heard, chance: float
) -> None:
    waited = wait_s(pace, heard, chance=chance)

    assert waited >= min(heard.retry_after_s or 0, DAY_S)
    assert waited >= min(heard.crawl_delay_s or 0, DAY_S)
    assert waited >= pace.at_least_s
    assert pace.per_day is None or waited >= DAY_S / pace.per_day
    assert heard.outcome.delivers or pace.every_s is None or waited >= pace.every_s


@given(paces, heards, chances)
def test_a_source_is_asked_again_some_day(pace: Pace, heard: Heard, chance: float) -> None:
    longest = max(
        1.1 * (pace.every_s or 0),
        pace.at_least_s + DAY_S,
        (pace.every_s or 0) + DAY_S,
        1.1 * pace.at_most_s,
        1.1 * DAY_S,
        DAY_S / (pace.per_day or DAY_S),
    )

    assert wait_s(pace, heard, chance=chance) <= longest


@given(st.sampled_from([o for o in Outcome if not o.delivers]), st.integers(1, 100))
def test_back_off_grows_to_a_limit(outcome: Outcome, failures: int) -> None:
    now = back_off_s(Heard(outcome=outcome, failures=failures))
    later = back_off_s(Heard(outcome=outcome, failures=failures + 1))

    assert now <= later <= DAY_S
    assert later == 2 * now or later in (DAY_S, 6 * 3600)


def test_a_wrong_key_is_tried_less_often_than_a_broken_server() -> None:
    key, server = (Heard(outcome=o, failures=1) for o in (Outcome.CREDENTIALS, Outcome.FAILED))

    assert back_off_s(key) > 10 * back_off_s(server)


@pytest.mark.parametrize(
    ("pace", "heard", "waited"),
    [
        (Pace(), {}, 300),
        (Pace(), {"usual_gap_s": 1200}, 600),
        (Pace(), {"usual_gap_s": 10}, 60),
        (Pace(), {"usual_gap_s": 1e6}, 1800),
        (Pace(), {"fresh_for_s": 900}, 900),
        (Pace(), {"ttl_s": 1200, "fresh_for_s": 5}, 1200),
        (Pace(), {"ttl_s": 1e6}, 3600),
        (Pace(every_s=120), {"ttl_s": 1e6, "usual_gap_s": 9.0}, 120),
        (Pace(every_s=120), {"retry_after_s": 500}, 500),
        (Pace(every_s=120), {"crawl_delay_s": 500.0}, 500),
        (Pace(every_s=120, per_day=100), {}, 864),
    ],
)
def test_the_interval_of_a_source_that_answers(
    pace: Pace, heard: dict[str, float], waited: float
) -> None:
    assert wait_s(pace, Heard(outcome=Outcome.OK, **heard), chance=0) == waited  # type: ignore[arg-type]


@given(st.integers(1, 20), st.lists(st.floats(0, 3 * DAY_S), max_size=60))
def test_no_24_hours_have_more_requests_than_the_quota(per_day: int, wished: list[float]) -> None:
    asked: list[float] = []
    for at in sorted(wished):
        now = max([at, *asked[-1:]])
        asked.append(now + quota_wait_s(per_day, asked, now_s=now))

    assert all(b - a >= DAY_S - 1e-6 for a, b in zip(asked, asked[per_day:], strict=False))


def test_unchanged_for_ever_is_doubted() -> None:
    hour = 3600.0
    assert not should_ask_in_full(unchanged=0, since_full_s=9 * DAY_S, usual_gap_s=60)
    assert not should_ask_in_full(unchanged=5, since_full_s=0.5 * hour, usual_gap_s=60)
    assert should_ask_in_full(unchanged=5, since_full_s=hour, usual_gap_s=60)
    assert not should_ask_in_full(unchanged=5, since_full_s=hour, usual_gap_s=hour)
    assert should_ask_in_full(unchanged=5, since_full_s=DAY_S, usual_gap_s=30 * DAY_S)
    assert should_ask_in_full(unchanged=1, since_full_s=DAY_S, usual_gap_s=None)
