"""Time lines of a study: for each entity its signal, its news and its price, by trading day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from newsclf.watch.study.news import News, Reading, by_day, signal_table, trading_day
from newsclf.watch.study.prices import Prices
from newsclf.watch.study.statistics import Values

_MARGIN_DAYS = 10
"""Trading days that are shown before the first news, and after the last."""


class NewsDay(NamedTuple):
    """The news of an entity on a trading day."""

    day: int
    """Position among the days of the line."""
    score: float
    """Mean over its events."""
    events: int
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeLine:
    """An entity over the trading days on which there is news of it, and some around these."""

    entity: str
    days: tuple[dt.date, ...]
    close: Values
    """nan before and after a listing."""
    signal: Values
    """The last before each close, nan without one."""
    low: Values
    """Of the signal's 95 % interval, nan where it has none."""
    high: Values
    news: tuple[NewsDay, ...]


def time_lines(
    prices: Prices, news: Sequence[News], readings: Sequence[Reading]
) -> tuple[TimeLine, ...]:
    """The time line of each entity with news and prices around it, most events first."""
    found = by_day(prices, news, lambda each: each.known_s)
    signals = (
        signal_table(prices, readings),
        signal_table(prices, readings, lambda each: each.low),
        signal_table(prices, readings, lambda each: each.high),
    )
    titles: dict[tuple[str, int], list[str]] = {}
    for each in news:
        titles.setdefault((each.entity, trading_day(prices, each.known_s)), []).append(each.title)
    of_entity: dict[int, list[NewsDay]] = {}
    for day, column, score, events in zip(
        found.days.tolist(),
        found.entities.tolist(),
        found.scores.tolist(),
        found.counts.tolist(),
        strict=True,
    ):
        there = tuple(titles[prices.entities[column], day])
        of_entity.setdefault(column, []).append(NewsDay(day, score, int(events), there))
    lines = [
        _line(prices, column, [each[:, column] for each in signals], sorted(days))
        for column, days in of_entity.items()
    ]
    lines = [line for line in lines if not np.isnan(line.close).all()]
    return tuple(sorted(lines, key=lambda line: (-sum(d.events for d in line.news), line.entity)))


def _line(prices: Prices, column: int, signals: Sequence[Values], news: list[NewsDay]) -> TimeLine:
    signal, low, high = signals
    known = [*np.flatnonzero(~np.isnan(signal)).tolist(), news[0].day, news[-1].day]
    first = max(min(known) - _MARGIN_DAYS, 0)
    shown = slice(first, max(known) + _MARGIN_DAYS + 1)
    return TimeLine(
        entity=prices.entities[column],
        days=prices.days[shown],
        close=prices.close[shown, column],
        signal=signal[shown],
        low=low[shown],
        high=high[shown],
        news=tuple(each._replace(day=each.day - first) for each in news),
    )
