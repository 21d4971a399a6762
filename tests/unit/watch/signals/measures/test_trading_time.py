"""Tests of the clock that runs while an exchange trades."""

from __future__ import annotations

import datetime as dt
import sys
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError, DataError, MissingExtraError
from newsclf.watch.signals.measures.trading_time import (
    MarketClock,
    load_calendar,
    read_calendar,
)

TODAY = dt.date(2026, 11, 27)
NEW_YORK = ZoneInfo("America/New_York")
XNYS = MarketClock(load_calendar("XNYS", TODAY))
ALWAYS_OPEN = MarketClock(load_calendar("24/7", TODAY))
HOUR_S = 3600.0
times = st.floats(
    dt.datetime(2025, 3, 1, tzinfo=dt.UTC).timestamp(),
    dt.datetime(2027, 10, 1, tzinfo=dt.UTC).timestamp(),
)
spans = st.floats(1, 400 * HOUR_S)


def new_york(day: str, time: str) -> float:
    return dt.datetime.fromisoformat(f"{day} {time}").replace(tzinfo=NEW_YORK).timestamp()


def hours(start: float, end: float) -> float:
    return (XNYS.at(end) - XNYS.at(start)) / HOUR_S


# --- days by hand


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (("2026-11-24", "10:00"), ("2026-11-24", "15:00"), 5.0),
        (("2026-11-24", "15:00"), ("2026-11-24", "19:00"), 1.0),  # the close at 16:00
        (("2026-11-24", "18:00"), ("2026-11-25", "09:00"), 0.0),  # a night
        (("2026-11-24", "15:00"), ("2026-11-25", "10:30"), 2.0),
        (("2026-11-25", "15:00"), ("2026-11-27", "10:30"), 2.0),  # Thanksgiving between
        (("2026-11-27", "09:30"), ("2026-11-27", "16:00"), 3.5),  # closes at 13:00
        (("2026-11-27", "12:00"), ("2026-11-30", "10:30"), 2.0),  # a short day and a weekend
        (("2026-03-06", "15:00"), ("2026-03-09", "10:30"), 2.0),  # clocks go forward on Sunday
        (("2026-10-30", "15:00"), ("2026-11-02", "10:30"), 2.0),  # and back
        (("2026-11-23", "00:00"), ("2026-11-30", "00:00"), 3 * 6.5 + 3.5),
    ],
)
def test_hours_of_trading_between_two_times_in_new_york(
    start: tuple[str, str], end: tuple[str, str], expected: float
) -> None:
    assert hours(new_york(*start), new_york(*end)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("time", "session"),
    [
        (("2026-11-25", "08:00"), "2026-11-25"),
        (("2026-11-25", "15:59"), "2026-11-25"),
        (("2026-11-25", "16:00"), "2026-11-27"),  # at the close: the next day, past the holiday
        (("2026-11-26", "12:00"), "2026-11-27"),
        (("2026-11-27", "12:59"), "2026-11-27"),
        (("2026-11-27", "13:00"), "2026-11-30"),  # a half-day
        (("2026-11-28", "12:00"), "2026-11-30"),
    ],
)
def test_news_after_the_close_counts_for_the_next_trading_day(
    time: tuple[str, str], session: str
) -> None:
    assert str(XNYS.session(new_york(*time))) == session


def test_a_break_at_noon_is_no_time_of_trading() -> None:
    tokyo = MarketClock(load_calendar("XTKS", TODAY))
    zone = ZoneInfo("Asia/Tokyo")
    morning, afternoon = (
        dt.datetime(2026, 11, 25, hour, minute, tzinfo=zone).timestamp()
        for hour, minute in [(11, 0), (13, 0)]
    )

    assert tokyo.at(afternoon) - tokyo.at(morning) == HOUR_S
    assert tokyo.session(morning) == tokyo.session(afternoon) == dt.date(2026, 11, 25)


# --- for any time


@given(times, spans)
def test_a_market_that_never_closes_has_plain_time(start: float, span_s: float) -> None:
    end = min(start + span_s, dt.datetime(2027, 12, 31, tzinfo=dt.UTC).timestamp())

    assert ALWAYS_OPEN.at(end) - ALWAYS_OPEN.at(start) == pytest.approx(end - start, abs=1e-3)
    assert ALWAYS_OPEN.before(end, end - start) == pytest.approx(start, abs=1e-3)


@given(times, times)
def test_the_clock_runs_at_most_as_fast_as_time_and_never_back(one: float, other: float) -> None:
    start, end = sorted((one, other))

    assert -1e-6 <= XNYS.at(end) - XNYS.at(start) <= end - start + 1e-3


@given(times, spans)
def test_before_is_the_earliest_time_from_which_no_more_than_the_span_has_passed(
    time_s: float, span_s: float
) -> None:
    found = XNYS.before(time_s, span_s)

    if found > 0:
        assert XNYS.at(time_s) - XNYS.at(found) == pytest.approx(span_s, abs=1e-3)
        assert XNYS.at(time_s) - XNYS.at(found - 1) > span_s + 0.5
    else:  # the whole calendar
        assert XNYS.at(time_s) <= span_s


@given(times)
def test_a_session_closes_after_the_news_that_count_for_it(time_s: float) -> None:
    session = XNYS.session(time_s)
    assert session is not None
    noon = dt.datetime.combine(session, dt.time(12), NEW_YORK).timestamp()

    assert XNYS.session(noon) == session
    assert XNYS.at(max(noon, time_s)) >= XNYS.at(time_s)


@given(times)
def test_without_an_exchange_time_is_plain_and_has_no_sessions(time_s: float) -> None:
    clock = MarketClock()

    assert clock.at(time_s) == time_s
    assert clock.before(time_s, 60) == time_s - 60
    assert clock.session(time_s) is None


# --- the text in the record


@pytest.mark.parametrize("exchange", ["XNYS", "XHKG", "CMES"])
def test_a_calendar_is_read_back_as_it_was(exchange: str) -> None:
    calendar = load_calendar(exchange, TODAY)

    assert read_calendar(calendar.text) == calendar
    assert read_calendar(calendar.text).digest == calendar.digest


def test_what_is_no_calendar_is_refused() -> None:
    with pytest.raises(DataError, match="not the hours of an exchange"):
        read_calendar("XNYS America/New_York\n2026-11-27 morning evening\n")


def test_an_unknown_exchange_and_one_whose_days_are_not_known_are_named() -> None:
    with pytest.raises(ConfigError, match="NASDAQ-100 has no calendar") as caught:
        load_calendar("NASDAQ-100", TODAY)
    assert "XNYS" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="xlom has no calendar") as caught:
        load_calendar("xlom", TODAY)
    assert "XLON" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="known until"):
        load_calendar("XSHG", dt.date(2090, 1, 1))


def test_the_hours_of_an_exchange_need_the_extra_watch_of_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(MissingExtraError, match="exchange_calendars"):
        load_calendar("XNYS", TODAY)
