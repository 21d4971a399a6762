"""Does a higher signal go with a higher return: rank correlations by day, and a portfolio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from newsclf.watch.study.news import DayNews
from newsclf.watch.study.prices import Prices
from newsclf.watch.study.records import (
    BaselineResult,
    CostResult,
    HorizonResult,
    PortfolioResult,
)
from newsclf.watch.study.statistics import Values, newey_west_mean

HORIZONS = (1, 2, 3, 5, 10)
ANONYMOUS = "anonymised headlines"
"""Name of the baseline that knows no names."""
COSTS_BP = (5.0, 10.0, 20.0)
_BP = 1e4
_LEAST_ENTITIES = 3
"""With fewer signals on a day there is no ranking."""


def rank_correlations(signal: Values, returns: Values) -> Values:
    """Spearman's correlation over the entities of each day.

    Returns:
        One value a day; nan with fewer than three entities, or where all are equal.
    """
    missing = np.isnan(signal) | np.isnan(returns)
    a, b = (_centred_ranks(each, missing) for each in (signal, returns))
    spread = np.sqrt(np.sum(a * a, axis=1) * np.sum(b * b, axis=1))
    usable = (np.sum(~missing, axis=1) >= _LEAST_ENTITIES) & (spread > 0)
    found: Values = np.where(
        usable, np.sum(a * b, axis=1) / np.where(spread > 0, spread, 1), np.nan
    )
    return found


def _centred_ranks(values: Values, missing: NDArray[np.bool_]) -> Values:
    """Ranks of each row less their mean; 0 where a value is missing."""
    from scipy import stats

    # What is missing ranks last, and so leaves the ranks of the others alone.
    ranks = stats.rankdata(np.where(missing, np.inf, values), axis=1)
    present = np.sum(~missing, axis=1, keepdims=True)
    centred: Values = np.where(missing, 0.0, ranks - (present + 1) / 2)
    return centred


def forward_returns(prices: Prices, horizon: int) -> Values:
    """Return of each entity from the entry on, at each day; nan where the prices end.

    The entry is the day's close, or the next day's open where the prices have opens; the exit is
    the close `horizon` days later.
    """
    found = np.full(prices.close.shape, np.nan)
    if horizon < len(prices.days):
        entry = prices.close[:-horizon]
        if prices.open is not None:
            entry = prices.open[1 : len(prices.days) - horizon + 1]
        found[:-horizon] = prices.close[horizon:] / entry - 1
    return found


def horizons(prices: Prices, signal: Values) -> tuple[HorizonResult, ...]:
    """Mean rank correlation with the return over each horizon."""
    results = []
    for days in HORIZONS:
        found = rank_correlations(signal, forward_returns(prices, days))
        estimate = newey_west_mean(found[~np.isnan(found)], overlap=days - 1)
        results.append(HorizonResult(days=days, estimate=estimate))
    return tuple(results)


def baselines(
    prices: Prices, signal: Values, news: DayNews, nameless: Values | None = None
) -> tuple[BaselineResult, ...]:
    """Simpler signals where the signal is, each compared with it day by day.

    A day on which a baseline is the same for all entities counts as a correlation of 0.

    Args:
        prices: With the trading days.
        signal: That is compared.
        news: From which the simpler signals are made.
        nameless: The signal of the same headlines without names.
    """
    returns = forward_returns(prices, 1)
    own = rank_correlations(signal, returns)
    days = ~np.isnan(own)
    results = []
    simpler = _simpler(prices, news)
    if nameless is not None:
        simpler[ANONYMOUS] = nameless
    for name, table in simpler.items():
        found = rank_correlations(np.where(np.isnan(signal), np.nan, table), returns)
        found = np.where(np.isnan(found), 0.0, found)[days]
        results.append(
            BaselineResult(
                name=name,
                ic=newey_west_mean(found, overlap=0),
                signal_is_better_by=newey_west_mean(own[days] - found, overlap=0),
            )
        )
    return tuple(results)


def _simpler(prices: Prices, news: DayNews) -> dict[str, Values]:
    shape = prices.close.shape
    reversal = np.full(shape, np.nan)
    reversal[1:] = -(prices.close[1:] / prices.close[:-1] - 1)
    count, words = np.zeros(shape), np.zeros(shape)
    count[news.days, news.entities] = news.counts
    words[news.days, news.entities] = news.words
    return {
        "zero": np.zeros(shape),
        "reversal of the day's return": reversal,
        "count of events": count,
        "word count": words,
    }


def portfolio(prices: Prices, signal: Values) -> PortfolioResult | None:
    """Hold entities by the rank of their signal, from entry to entry; None without rankings."""
    missing = np.isnan(signal)
    weights = _centred_ranks(signal, missing)
    gross = np.sum(np.abs(weights), axis=1, keepdims=True)
    ranked = (np.sum(~missing, axis=1, keepdims=True) >= _LEAST_ENTITIES) & (gross > 0)
    weights = np.where(ranked, weights / np.where(gross > 0, gross, 1), 0.0)
    entry = prices.close if prices.open is None else prices.open[1:]
    steps = entry[1:] / entry[:-1] - 1
    held = weights[: len(steps)]
    traded = np.sum(np.abs(np.diff(held, axis=0, prepend=np.zeros((1, held.shape[1])))), axis=1)
    earned = np.nansum(held * steps, axis=1)
    first = int(np.argmax(ranked[: len(steps), 0]))
    if not ranked[: len(steps)].any():
        return None
    traded, earned = traded[first:], earned[first:]
    return PortfolioResult(
        gross_bp=newey_west_mean(_BP * earned, overlap=0),
        turnover=float(traded.mean()),
        after_costs=tuple(
            CostResult(
                cost_bp=cost, net_bp=newey_west_mean(_BP * earned - cost * traded, overlap=0)
            )
            for cost in COSTS_BP
        ),
        entry="close" if prices.open is None else "next open",
    )
