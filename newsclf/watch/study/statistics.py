"""Means of dependent observations: errors clustered by day, and over neighbouring days."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from newsclf.watch.study.records import Estimate

Values = NDArray[np.float64]
Positions = NDArray[np.int64]
_LEAST_DAYS = 10


def clustered_mean(
    values: Values, days: Positions, *, overlap: int, lag: int | None = None
) -> Estimate:
    """The mean of values, whose errors are dependent within a day and over neighbouring days.

    Values of a day are summed up first (clustering); sums of different days are weighted as by
    Newey and West (1987). Driscoll and Kraay (1998) have the combination. Their falling weights
    leave out a third of the variance that windows of several days share, so that too much would be
    found; where equal weights over the overlap (Hansen and Hodrick 1980) give more, these count.
    Never less than the error by clusters alone.

    Args:
        values: Without nan.
        days: Position of the trading day of each.
        overlap: Of days whose values overlap, less one.
        lag: Of the falling weights, if it is more than the overlap.
    """
    clusters = np.unique(days)
    n = len(values)
    if len(clusters) < _LEAST_DAYS:
        return Estimate(mean=float(values.mean()) if n else None, n=n, days=len(clusters))
    mean = float(values.mean())
    sums = np.zeros(int(days.max() - days.min()) + 1)
    np.add.at(sums, days - days.min(), values - mean)
    reach = min(max(lag or 0, overlap), len(sums) - 1)
    own = float(sums @ sums)
    pairs = [2 * float(sums[step:] @ sums[:-step]) for step in range(1, reach + 1)]
    falling = own + sum((1 - step / (reach + 1)) * pair for step, pair in enumerate(pairs, 1))
    equal = own + sum(pairs[:overlap])
    groups = len(clusters)
    variance = max(own, falling, equal)
    error = math.sqrt(variance * groups / (groups - 1)) / n
    return _estimate(mean, error, n=n, days=groups)


def newey_west_mean(values: Values, *, overlap: int) -> Estimate:
    """The mean of a series, one value a day, with errors as those of `clustered_mean`.

    The lag is at least that of the rule of thumb of Newey and West, 4 (n / 100)^(2/9). A series
    that is less than ten times as long as its values overlap has no interval.
    """
    n = len(values)
    if n < _LEAST_DAYS * (overlap + 1):
        return Estimate(mean=float(values.mean()) if n else None, n=n, days=n)
    rule = math.floor(4 * (n / 100) ** (2 / 9))
    return clustered_mean(values, np.arange(n, dtype=np.int64), overlap=overlap, lag=rule)


def _estimate(mean: float, error: float, *, n: int, days: int) -> Estimate:
    from scipy import stats

    if error <= 0:
        return Estimate(mean=mean, n=n, days=days)
    reach = float(stats.t.ppf(0.975, days - 1)) * error
    t = mean / error
    return Estimate(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        t=t,
        p=float(2 * stats.t.sf(abs(t), days - 1)),
        n=n,
        days=days,
    )
