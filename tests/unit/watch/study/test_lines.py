"""Time lines of a study: what they hold, and how they are drawn."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import numpy as np
import pytest

from newsclf.watch.study.line_charts import line_figure
from newsclf.watch.study.lines import TimeLine, time_lines
from newsclf.watch.study.news import News, Reading
from newsclf.watch.study.page import render_page
from newsclf.watch.study.prices import Prices
from newsclf.watch.study.records import StudySettings
from newsclf.watch.study.run import study
from tests.support.market import NEW_YORK, Simulation, simulate, trading_days

DAYS = trading_days(60)
EVIL = "</svg><script>alert(1)</script>"


def at(day: int, hour: int) -> float:
    return dt.datetime.combine(DAYS[day], dt.time(hour), NEW_YORK).timestamp()


def prices(*names: str) -> Prices:
    closes = np.cumsum(np.ones((len(DAYS), len(names))), axis=0)
    return Prices(
        days=DAYS,
        closed_s=np.array([at(day, 16) for day in range(len(DAYS))]),
        entities=names,
        close=closes,
        open=None,
        index=closes[:, 0],
        index_name="INDEX",
    )


NEWS = [
    News("Orvane", 1, 0.9, "Orvane wins", at(20, 12)),
    News("Orvane", 1, 0.7, "Orvane wins order", at(20, 13)),
    News("Orvane", 2, -0.5, "Orvane recalls", at(20, 14)),
    News("Orvane", 3, -0.8, EVIL, at(30, 17)),
    News("Korvath", 4, 0.1, "Korvath meets", at(40, 12)),
]


def lines(readings: Sequence[Reading] = ()) -> tuple[TimeLine, ...]:
    return time_lines(prices("Korvath", "Orvane", "Silent"), NEWS, readings)


def test_a_line_has_the_news_on_the_days_on_which_it_counts_and_some_days_around() -> None:
    orvane, korvath = lines([Reading("Orvane", at(20, 15), 0.2)])
    assert (orvane.entity, korvath.entity) == ("Orvane", "Korvath"), "most events first"
    assert (orvane.days[0], orvane.days[-1]) == (DAYS[10], DAYS[41])
    assert [(orvane.days[each.day], each.events) for each in orvane.news] == [
        (DAYS[20], 2),
        (DAYS[31], 1),
    ]
    assert orvane.news[0].score == pytest.approx((0.8 - 0.5) / 2)
    assert orvane.news[0].titles == ("Orvane wins", "Orvane wins order", "Orvane recalls")
    assert orvane.signal[10] == 0.2
    assert np.isnan(orvane.signal[11])
    assert orvane.close[10] == 21


def test_news_from_before_a_listing_have_no_line() -> None:
    listed_late = prices("Korvath", "Orvane")
    listed_late.close[:50, 1] = np.nan
    (only,) = time_lines(listed_late, NEWS, [])
    assert only.entity == "Korvath"


@pytest.mark.parametrize("has_interval", [False, True])
def test_a_chart_shows_the_interval_that_the_signals_have(*, has_interval: bool) -> None:
    ends = {"low": -0.1, "high": 0.5} if has_interval else {}
    readings = [Reading("Orvane", at(day, 15), 0.2, **ends) for day in (20, 21, 22, 31)]
    drawn = line_figure("line-0", lines(readings)[0], min_score=0.25)
    areas = re.findall(r'<path d="[^"]*Z" class="s0 between"/>', drawn.svg)
    assert len(areas) == 2 * has_interval + has_interval, "two stretches, and the legend"
    assert ("95 % interval" in drawn.svg) is has_interval
    assert "3 events on 2 trading days, a signal at 4 closes" in drawn.subtitle


def test_news_are_marked_by_their_direction_on_signal_and_price() -> None:
    first, _ = lines()
    drawn = line_figure("line-0", first, min_score=0.25).svg
    counts = {css: len(re.findall(f'class="{css} mark"', drawn)) for css in ("s1", "s3", "s7")}
    assert counts == {"s1": 3, "s3": 1, "s7": 3}, "legend, signal and price"
    assert "2 events, +0.15: Orvane wins; " in drawn
    assert "&lt;/svg&gt;" in drawn
    assert "<script" not in drawn


def test_the_page_has_a_line_for_the_entities_with_most_events() -> None:
    data = simulate(Simulation(days=150, entities=30, news_a_day=0.05), 1)
    found = time_lines(*data)
    report = study(*data, StudySettings(draws=19))
    html = render_page(report, found)
    assert len(found) == 30
    assert html.count('id="line-') == 2 * 24, "a title and a description each"
    assert "The 24 entities with the most events; 6 more are left out" in html
    assert "Signal, news and price" not in render_page(report)
