"""Simulated prices, news and signals, with an effect that is known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from newsclf.watch.study.news import News, Reading
from newsclf.watch.study.prices import Prices

NEW_YORK = ZoneInfo("America/New_York")
_CLOSE = dt.time(16)
_SIGNAL_DAYS = 5


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A market of entities that move with an index, and news about them."""

    days: int = 500
    entities: int = 20
    news_a_day: float = 0.1
    """Of each entity."""
    reaction_bp: float = 0.0
    """On the day of the news."""
    after_bp: float = 0.0
    """On the day after it."""
    late_days: int = 0
    """Trading days between publication, which moves prices, and being known."""
    effect_days: int = 1
    """Number of days over which `reaction_bp` comes, from the day of publication on."""


def simulate(wanted: Simulation, seed: int) -> tuple[Prices, list[News], list[Reading]]:
    """Prices, news and the signal at each close; news comes at 14:00 or, after hours, at 18:00."""
    rng = np.random.default_rng(seed)
    days = trading_days(wanted.days)
    market = rng.normal(2e-4, 0.01, wanted.days)
    beta = rng.uniform(0.5, 1.5, wanted.entities)
    returns = market[:, None] * beta + rng.standard_t(5, (wanted.days, wanted.entities)) * 0.012
    names = tuple(f"Entity {number}" for number in range(wanted.entities))
    news: list[News] = []
    signal = np.full(returns.shape, np.nan)
    for day, entity in np.argwhere(rng.random(returns.shape) < wanted.news_a_day):
        score = float(rng.uniform(0.3, 1) * rng.choice((-1, 1)))
        evening = bool(rng.random() < 0.5)
        hour = dt.time(18) if evening else dt.time(14)
        known_day = day + wanted.late_days
        if day + evening + wanted.effect_days + 1 >= wanted.days or known_day >= wanted.days:
            continue
        moved = slice(day + evening, day + evening + wanted.effect_days)
        returns[moved, entity] += np.sign(score) * wanted.reaction_bp / 1e4 / wanted.effect_days
        returns[day + evening + 1, entity] += np.sign(score) * wanted.after_bp / 1e4
        counts = known_day + evening
        for age, at in enumerate(range(counts, min(counts + _SIGNAL_DAYS, wanted.days))):
            before = signal[at, entity]
            signal[at, entity] = score / 2**age + (0.0 if np.isnan(before) else before)
        known_s = _at(days[known_day], hour)
        title = "Shares rise" if score > 0 else "Shares fall"
        news.append(News(names[entity], len(news), score, title, known_s, _at(days[day], hour)))
    closed_s = np.array([_at(day, _CLOSE) for day in days])
    readings = [
        Reading(names[entity], float(closed_s[day]) - 60, float(signal[day, entity]))
        for day, entity in np.argwhere(~np.isnan(signal))
    ]
    prices = Prices(
        days=days,
        closed_s=closed_s,
        entities=names,
        close=np.cumprod(1 + returns, axis=0, dtype=np.float64),
        open=None,
        index=np.cumprod(1 + market, dtype=np.float64),
        index_name="INDEX",
    )
    return prices, news, readings


def trading_days(count: int) -> tuple[dt.date, ...]:
    """Weekdays from 2024 on."""
    day, found = dt.date(2024, 1, 2), list[dt.date]()
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += dt.timedelta(days=1)
    return tuple(found)


def _at(day: dt.date, time: dt.time) -> float:
    return dt.datetime.combine(day, time, NEW_YORK).timestamp()
