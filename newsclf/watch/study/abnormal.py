"""Event study: abnormal returns around news, by a market model, with placebos.

For news that counts on day d, alpha and beta of the entity are estimated by least squares on the
120 trading days that end 11 days before d, so that the news is not among them. The abnormal return
is r − alpha − beta · r_index, summed up over a window (MacKinlay 1997).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from newsclf.watch.study.news import DayNews
from newsclf.watch.study.prices import Prices
from newsclf.watch.study.records import WindowResult
from newsclf.watch.study.statistics import Positions, Values, clustered_mean

DRIFT, REACTION, AFTER = (-5, -1), (0, 1), (1, 5)
WINDOWS = (DRIFT, (-1, 0), REACTION, AFTER)
BP = 1e4
_ESTIMATION_DAYS = 120
_LEAST_DAYS = 60
_APART_DAYS = 10
"""Between the estimation and the news."""
_LEAST_ENTITIES = 5
"""With fewer there are too few ways to exchange them."""


class Directed(NamedTuple):
    """News with a direction: where they are in the tables, and +1 or −1."""

    days: Positions
    entities: Positions
    signs: Values


def directed(news: DayNews, *, min_score: float) -> Directed:
    """The news whose score is at least `min_score` away from 0, or just not 0."""
    kept = (np.abs(news.scores) >= min_score) & (news.scores != 0)
    return Directed(news.days[kept], news.entities[kept], np.sign(news.scores[kept]))


class AbnormalReturns:
    """Abnormal returns in windows around any day, for any entity."""

    def __init__(self, prices: Prices) -> None:
        returns = prices.close[1:] / prices.close[:-1] - 1
        market = np.broadcast_to((prices.index[1:] / prices.index[:-1] - 1)[:, None], returns.shape)
        usable = ~np.isnan(returns)
        y, x = np.where(usable, returns, 0.0), np.where(usable, market, 0.0)
        # Row k of each holds the sum of the first k days; day 0 has no return.
        self._n, self._y, self._x = (_running(each) for each in (usable.astype(float), y, x))
        self._alpha, self._beta = _market_model(
            self._n, self._y, self._x, _running(x * x), _running(x * y)
        )

    def around(self, first: int, last: int) -> Values:
        """Sum over days d + first … d + last, for each day d and entity; nan where one lacks."""
        days = len(self._n) - 1
        found = np.full((days, self._n.shape[1]), np.nan)
        low, high = max(0, -first), min(days, days - last)
        if low >= high:
            return found
        begin, end = slice(low + first, high + first), slice(low + last + 1, high + last + 1)
        length = last - first + 1
        y, x, n = (each[end] - each[begin] for each in (self._y, self._x, self._n))
        here = slice(low, high)
        abnormal = y - length * self._alpha[here] - self._beta[here] * x
        found[here] = np.where(n == length, abnormal, np.nan)
        return found


def _running(values: Values) -> Values:
    return np.concatenate([np.zeros((2, values.shape[1])), np.cumsum(values, axis=0)])


def _market_model(n: Values, y: Values, x: Values, xx: Values, xy: Values) -> tuple[Values, Values]:
    """Alpha and beta before each day; nan where there are too few returns."""
    days = np.arange(len(n) - 1)
    end = np.maximum(0, days - _APART_DAYS)
    begin = np.maximum(0, end - _ESTIMATION_DAYS)
    count, sum_y, sum_x, sum_xx, sum_xy = (each[end] - each[begin] for each in (n, y, x, xx, xy))
    with np.errstate(invalid="ignore", divide="ignore"):
        beta = (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x**2)
        alpha = (sum_y - beta * sum_x) / count
    too_few = count < _LEAST_DAYS
    return np.where(too_few, np.nan, alpha), np.where(too_few, np.nan, beta)


class EventStudy:
    """Abnormal returns in the direction of the news, and the same for news that never was."""

    def __init__(self, returns: AbnormalReturns, *, draws: int, seed: int) -> None:
        self._returns = returns
        self._draws = draws
        self._seed = seed

    def used(self, news: Directed) -> int:
        """How many news have a market model and a return on their day."""
        return int(np.sum(~np.isnan(self._returns.around(0, 0)[news.days, news.entities])))

    def window(self, news: Directed, first: int, last: int) -> WindowResult:
        """The mean over a window, clustered by day, beside placebo dates and shuffled entities.

        Placebo dates move all news by the same number of trading days, around the end of the
        prices, so that news of one day stay together. Shuffled entities give each entity the news
        of another one.
        """
        table = self._returns.around(first, last)
        values = BP * news.signs * table[news.days, news.entities]
        kept = ~np.isnan(values)
        estimate = clustered_mean(values[kept], news.days[kept], overlap=last - first)
        # What has no value here would have one elsewhere, and a mean of more values varies less.
        used = Directed(news.days[kept], news.entities[kept], news.signs[kept])
        placebo = shuffled = None
        if estimate.p is not None and estimate.mean is not None:
            rng = np.random.default_rng(self._seed)
            size = abs(estimate.mean)
            placebo = self._share_as_large(size, self._moved(used, table, rng))
            if table.shape[1] >= _LEAST_ENTITIES:
                shuffled = self._share_as_large(size, self._exchanged(used, table, rng))
        return WindowResult(
            first_day=first,
            last_day=last,
            estimate=estimate,
            placebo_p=placebo,
            shuffled_p=shuffled,
        )

    def _moved(self, news: Directed, table: Values, rng: np.random.Generator) -> Values:
        usable = np.flatnonzero(~np.isnan(table).all(axis=1))
        first, count = int(usable[0]), len(usable)
        offsets = rng.integers(1, max(2, count), size=self._draws)
        days = first + (news.days[None, :] - first + offsets[:, None]) % count
        return _means(BP * news.signs * table[days, news.entities[None, :]])

    def _exchanged(self, news: Directed, table: Values, rng: np.random.Generator) -> Values:
        names = np.tile(np.arange(table.shape[1]), (self._draws, 1))
        exchanged = rng.permuted(names, axis=1)[:, news.entities]
        return _means(BP * news.signs * table[news.days[None, :], exchanged])

    @staticmethod
    def _share_as_large(size: float, means: Values) -> float:
        return float((1 + np.sum(np.abs(means) >= size)) / (1 + len(means)))


def _means(values: Values) -> Values:
    """Mean of each row without its nan; 0 for a row of nan."""
    counted = np.maximum(1, np.sum(~np.isnan(values), axis=1))
    found: Values = np.nansum(values, axis=1) / counted
    return found
