"""Prices from CSV files: what is taken, and what is refused with which words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from newsclf.common.errors import ConfigError, DataError
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.signals.measures.trading_time import read_calendar
from newsclf.watch.study.prices import Prices, read_prices

WATCHLIST = (
    WatchedEntity(name="Orvane Motors", tickers=("ORV",)),
    WatchedEntity(name="Tarnholt", tickers=("TBK", "LON:TBK")),
)
GOOD = """date,symbol,close
2026-03-02,ORV,10
2026-03-02,Tarnholt,20
2026-03-02,SPY,100
2026-03-03,ORV,11
2026-03-03,Tarnholt,19
2026-03-03,SPY,101
"""


def read(text: str, *, index: str | None = "SPY", time_zone: str = "America/New_York") -> Prices:
    path = Path("prices.csv")
    path.write_text(text, encoding="utf-8")
    return read_prices(path, WATCHLIST, index=index, time_zone=time_zone, close=dt.time(16))


def test_a_row_with_a_date_closes_when_the_exchange_of_the_record_does() -> None:
    Path("prices.csv").write_text(GOOD, encoding="utf-8")
    london = ZoneInfo("Europe/London")
    ends = [
        dt.datetime(2026, 3, 2, 12, 30, tzinfo=london).timestamp(),  # an early close
        dt.datetime(2026, 3, 3, 16, tzinfo=london).timestamp(),  # not in the calendar
    ]
    calendar = read_calendar(
        f"XLON Europe/London\n2026-03-02 {int(ends[0]) - 3600} {int(ends[0])}\n"
    )

    prices = read_prices(
        Path("prices.csv"),
        WATCHLIST,
        index="SPY",
        time_zone="Europe/London",
        close=dt.time(16),
        calendar=calendar,
    )

    assert prices.closed_s.tolist() == ends


def test_symbols_and_names_become_entities_and_the_index_stands_apart() -> None:
    prices = read(GOOD)
    assert prices.entities == ("Orvane Motors", "Tarnholt")
    assert prices.close.tolist() == [[10, 20], [11, 19]]
    assert prices.index.tolist() == [100, 101]
    assert prices.open is None
    closed = dt.datetime.fromtimestamp(prices.closed_s[0], dt.UTC)
    assert closed == dt.datetime(2026, 3, 2, 21, tzinfo=dt.UTC), "16:00 in New York"


def test_the_number_of_a_row_is_no_opening_price() -> None:
    head, *rows = GOOD.splitlines()
    numbered = "\n".join([f",{head}", *(f"{i},{row}" for i, row in enumerate(rows, start=5))])
    assert read(numbered).open is None


def test_times_say_when_a_short_day_ended() -> None:
    prices = read(
        "datetime,entity,close,open\n2026-11-25T16:00-05:00,ORV,10,9\n2026-11-27T13:00-05:00,ORV,11,10\n"
        "2026-11-25T16:00-05:00,SPY,1,1\n2026-11-27T18:00Z,SPY,1,1\n"
    )
    assert prices.days == (dt.date(2026, 11, 25), dt.date(2026, 11, 27))
    assert dt.datetime.fromtimestamp(prices.closed_s[1], dt.UTC).hour == 18
    assert prices.open is not None


def test_a_listing_that_begins_or_ends_is_no_gap() -> None:
    prices = read(GOOD.replace("2026-03-02,Tarnholt,20\n", ""))
    assert np.isnan(prices.close[0, 1])
    assert not np.isnan(prices.close[1, 1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when,symbol,close\n", "lacks a column"),
        ("date,symbol,close\n", "no prices"),
        ('date,symbol,close,note\n2026-03-02,ORV,10,"as of\n2026-03-03,ORV,11,\n', "end of data"),
        (GOOD + "2026-03-03,ORV,11\n", "line 8: ORV has a second price on 2026-03-03"),
        (GOOD + "2026-02-27,ORV,11\n", "line 8: ORV goes back from 2026-03-03 to 2026-02-27"),
        (GOOD + "2026-03-03,NVDX,11\n", "line 8: NVDX is neither on the watch list"),
        (GOOD + "2026-03-03,TBK,11\n", "TBK is Tarnholt, which has prices under another symbol"),
        (GOOD + "2026-03-04 16:00,ORV,11\n", "has no time zone"),
        (GOOD + "9999-12-31T23:59-14:00,ORV,11\n", "neither a date nor a time"),
        (GOOD + "2026-03-04T00:00Z,ORV,11\n", "midnight"),
        (GOOD + "2026-03-04T05:00Z,ORV,11\n", "midnight"),  # in New York
        (GOOD + "yesterday,ORV,11\n", "neither a date nor a time"),
        (GOOD + "2026-03-04,ORV,\n", "the close '' is not a price"),
        (GOOD + "2026-03-04,ORV,0\n", "is not a price"),
        (GOOD + "2026-03-04,ORV,nan\n", "is not a price"),
        (
            GOOD + "2026-03-04,ORV,11\n2026-03-05,ORV,11\n2026-03-05,Tarnholt,9\n",
            "Tarnholt has no price on 2026-03-04",
        ),
        (GOOD + "2026-03-04,ORV,11\n", "the index has no price on 2026-03-04"),
        ("date,symbol,close\n2026-03-02,SPY,1\n", "no prices but those of the index"),
    ],
)
def test_what_cannot_be_used_says_where_and_why(text: str, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read(text)
    assert said in raised.value.message
    assert raised.value.hint


def test_few_entities_need_an_index_of_their_own() -> None:
    two = "".join(line for line in GOOD.splitlines(keepends=True) if "SPY" not in line)
    with pytest.raises(ConfigError, match="too few"):
        read(two, index=None)
    with pytest.raises(ConfigError, match="neither a symbol"):
        read(two, index="QQQ")
    Path("index.csv").write_text("date,symbol,close\n2026-03-02,Q,5\n2026-03-03,Q,6\n", "utf-8")
    assert read(two, index="index.csv").index.tolist() == [5, 6]
    Path("alone.csv").write_text("date,close\n2026-03-02,5\n2026-03-03,7\n", "utf-8")
    assert read(two, index="alone.csv").index.tolist() == [5, 7]
    with pytest.raises(DataError, match="it has 2 symbols"):
        read(two, index="prices.csv")
    with pytest.raises(ConfigError, match="no such time zone"):
        read(GOOD, time_zone="New York")


def test_what_looks_wrong_is_warned_of() -> None:
    prices = read(GOOD.replace("2026-03-03,ORV,11", "2026-03-03,ORV,2").replace("03-03", "03-23"))
    assert any("splits" in warning for warning in prices.warnings)
    assert any("no prices between" in warning for warning in prices.warnings)
    assert any("chosen today" in warning for warning in prices.warnings)
