"""The trading day on which news and signals count."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from newsclf.watch.study.abnormal import AbnormalReturns, Directed, EventStudy
from newsclf.watch.study.news import News, Reading, by_day, signal_table, trading_day
from newsclf.watch.study.ranking import forward_returns, rank_correlations
from newsclf.watch.study.statistics import clustered_mean
from newsclf.watch.study.words import word_score
from tests.support.market import NEW_YORK, Simulation, simulate

PRICES = simulate(Simulation(days=200), seed=3)[0]
DAY = 100


def at(hour: int, minute: int = 0, *, day: int = DAY) -> float:
    time = dt.time(hour, minute)
    return dt.datetime.combine(PRICES.days[day], time, NEW_YORK).timestamp()


@pytest.mark.parametrize(
    ("known_s", "day"),
    [(at(9), DAY), (at(15, 59), DAY), (at(16), DAY + 1), (at(23), DAY + 1)],
)
def test_news_from_the_close_on_counts_for_the_next_day(known_s: float, day: int) -> None:
    assert trading_day(PRICES, known_s) == day


def test_an_event_counts_once_and_on_its_first_day() -> None:
    def news(event: int, score: float, known_s: float) -> News:
        return News("Entity 2", event, score, "Profit rises", known_s)

    told = [
        news(1, 0.8, at(10)),
        news(1, 0.4, at(11)),
        news(2, -0.6, at(12)),
        news(1, -1.0, at(10, day=DAY + 1)),
    ]
    found = by_day(PRICES, told, lambda each: each.known_s)
    assert found.days.tolist() == [DAY]
    assert found.entities.tolist() == [2]
    assert found.counts.tolist() == [2]
    assert found.scores.tolist() == pytest.approx([0.0])
    assert by_day(PRICES, told, lambda each: each.published_s).days.tolist() == []


@pytest.mark.parametrize("later", [None, 2])
def test_an_event_of_a_day_that_can_not_be_used_is_no_news_the_day_after(later: int | None) -> None:
    before = News("Entity 2", 1, 0.8, "Profit rises", at(10, day=0))
    told = [before, before._replace(known_s=at(10, day=1), published_s=later)]

    assert by_day(PRICES, told, lambda each: each.known_s).days.tolist() == []


def test_headlines_in_the_same_words_at_the_same_time_are_both_counted() -> None:
    told = [News("Entity 2", 1, 0.8, "Profit rises", at(10), when) for when in (None, at(9))]

    assert by_day(PRICES, told, lambda each: each.known_s).scores.tolist() == [0.8]


def test_a_signal_at_the_close_is_too_late_for_it() -> None:
    table = signal_table(
        PRICES,
        [
            Reading("Entity 1", at(15), 0.5),
            Reading("Entity 1", at(15, 59), 0.7),
            Reading("Entity 1", at(16), -0.2),
        ],
    )
    assert table[DAY, 1] == 0.7
    assert table[DAY + 1, 1] == -0.2
    assert np.isnan(table[DAY + 2]).all()


def test_abnormal_returns_are_what_least_squares_leaves() -> None:
    returns = PRICES.close[1:, 4] / PRICES.close[:-1, 4] - 1
    market = PRICES.index[1:] / PRICES.index[:-1] - 1
    days = slice(150 - 130 - 1, 150 - 10 - 1)  # the return of day d is element d - 1
    beta, alpha = np.polyfit(market[days], returns[days], 1)
    window = slice(150 + 1 - 1, 150 + 5)
    expected = np.sum(returns[window] - alpha - beta * market[window])
    found = AbnormalReturns(PRICES).around(1, 5)
    assert found[150, 4] == pytest.approx(expected)
    assert np.isnan(found[40]).all(), "too few days before it"
    assert np.isnan(found[-5:]).all(), "the prices end"


def test_placebos_are_of_the_news_that_have_a_return() -> None:
    rng = np.random.default_rng(0)
    size, count = PRICES.close.shape
    days, entities = rng.integers(0, size, 400), rng.integers(0, count, 400)
    signs = rng.choice([-1.0, 1.0], 400)
    returns = AbnormalReturns(PRICES)
    kept = ~np.isnan(returns.around(1, 5)[days, entities])
    study = EventStudy(returns, draws=200, seed=0)

    of_all = study.window(Directed(days, entities, signs), 1, 5)
    some = study.window(Directed(days[kept], entities[kept], signs[kept]), 1, 5)

    assert 0 < kept.sum() < 400
    assert of_all == some
    assert of_all.placebo_p is not None


def test_rank_correlations_pass_over_what_is_missing() -> None:
    signal = np.array([[1.0, 2.0, 3.0, np.nan], [1.0, 1.0, 1.0, 1.0], [1.0, 2.0, np.nan, np.nan]])
    returns = np.array([[0.1, 0.3, 0.2, 9.0], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]])
    found = rank_correlations(signal, returns)
    assert found[0] == pytest.approx(0.5)
    assert np.isnan(found[1:]).all()


def test_the_entry_is_the_close_or_the_next_open() -> None:
    found = forward_returns(PRICES, 2)
    assert found[7, 0] == pytest.approx(PRICES.close[9, 0] / PRICES.close[7, 0] - 1)
    assert np.isnan(found[-2:]).all()


def test_values_of_a_day_count_as_one_observation() -> None:
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(50), 10)
    shared = np.repeat(rng.normal(size=50), 10)
    together = clustered_mean(shared, days, overlap=0)
    apart = clustered_mean(shared, np.arange(500), overlap=0)
    assert together.high is not None
    assert together.low is not None
    assert apart.high is not None
    assert apart.low is not None
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(10**0.5, rel=0.1)


@pytest.mark.parametrize(
    ("title", "sign"),
    [
        ("Orvane Motors profit beats forecasts", 1),
        ("Tarnholt cuts jobs as losses mount", -1),
        ("No growth at Tarnholt", -1),
        ("Tarnholt to hold its annual meeting", 0),
        ("", 0),
    ],
)
def test_words_are_counted_with_their_negations(title: str, sign: int) -> None:
    assert np.sign(word_score(title)) == sign
