"""News and signals as a study uses them: at the trading day on which they could be acted upon."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.record.replay import Record
from newsclf.watch.signals.score import headline_score
from newsclf.watch.study.anonymous import StudyModel, WithoutNames
from newsclf.watch.study.prices import Prices
from newsclf.watch.study.statistics import Positions, Values
from newsclf.watch.study.words import word_score

if TYPE_CHECKING:
    from newsclf.watch.replaying import History
    from newsclf.watch.signals.configuration import Configuration, ReferenceData
    from newsclf.watch.signals.measures.trading_time import TradingCalendar


class News(NamedTuple):
    """A headline about an entity, in the first text that was scored."""

    entity: str
    event: int
    """Group of near-duplicates, which count once."""
    score: float
    """P(positive) − P(negative)."""
    title: str
    known_s: float
    """When the record had it with its score."""
    published_s: float | None = None
    """As the source claims; None where it claims no time of day."""


class Reading(NamedTuple):
    """A signal at a time."""

    entity: str
    at_s: float
    score: float
    low: float | None = None
    """Of its 95 % interval; None without one."""
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a study needs of a record."""

    watchlist: tuple[WatchedEntity, ...]
    news: list[News]
    readings: list[Reading]
    nameless: Nameless | None = None
    calendar: TradingCalendar | None = None
    """Of the exchange by whose days its signals count."""


@dataclass(frozen=True, slots=True)
class Nameless:
    """The same news and signals, with the scores that headlines have without names."""

    model: StudyModel
    scored_the_news: bool
    """Whether the scores of the record are of the same model."""
    texts: int
    """How many were scored."""
    news: list[News]
    readings: list[Reading]


def read_recorded(
    record: Record, *, until: dt.datetime | None, model: StudyModel | None = None
) -> Recorded:
    """News and signals of a record, computed again with its last configuration.

    Args:
        record: What was known, and when.
        until: Nothing that became known later is used.
        model: Scores the headlines again without names.

    Raises:
        StateError: It has no signals.
    """
    from newsclf.watch.replaying import last_configuration, recorded_reference

    used = last_configuration(record)
    reference = recorded_reference(record, used)
    news, readings = _computed(record, used, reference, until)
    nameless = None
    if model is not None:
        without = WithoutNames(record, used, reference, model, until=until)
        computed = _computed(without, used, reference, until)
        nameless = Nameless(model, model.digest == used.model, without.texts, *computed)
    return Recorded(used.watchlist, news, readings, nameless, reference.calendar)


def _computed(
    record: History,
    used: Configuration,
    reference: ReferenceData,
    until: dt.datetime | None,
) -> tuple[list[News], list[Reading]]:
    from newsclf.watch.replaying import first_scored, replay

    news = [
        News(
            row.counts_for,
            row.event,
            headline_score(row.scores),
            row.title,
            row.known_s,
            None if row.published_day_only else row.published_s,
        )
        for row in first_scored(record, used, reference, until=until)
        if row.counts_for is not None and row.scores is not None
    ]
    readings = [
        Reading(signal.entity, signal.at.timestamp(), signal.score, signal.low, signal.high)
        for bar in replay(record, used, reference, until=until)
        for signal in bar.signals
        if signal.entity is not None and signal.score is not None
    ]
    return news, readings


@dataclass(frozen=True, slots=True)
class DayNews:
    """The news of an entity on a trading day, one element each."""

    days: Positions
    entities: Positions
    scores: Values
    """Mean over events of the mean of each event's headlines."""
    counts: Values
    """Events."""
    words: Values
    """Mean of the word score."""


def trading_day(prices: Prices, at_s: float) -> int:
    """Position of the trading day on which something counts that became known at a time.

    It is the first one that closes later: news known at the close, or after it, counts on the
    next day. One past the last day if the prices end before it.
    """
    return int(np.searchsorted(prices.closed_s, at_s, side="right"))


def by_day(prices: Prices, news: Sequence[News], time_s: Callable[[News], float | None]) -> DayNews:
    """Group news by entity and trading day; an event counts on its first day only.

    Args:
        prices: With the trading days; news after the last one is left out.
        news: Of any entities; those without prices are left out.
        time_s: When a headline counts; without a time it is left out.
    """
    columns = {entity: number for number, entity in enumerate(prices.entities)}
    timed = sorted(
        (
            (at_s, each)
            for each in news
            if each.entity in columns and (at_s := time_s(each)) is not None
        ),
        key=itemgetter(0),
    )
    first: dict[tuple[str, int], int] = {}
    cells: dict[tuple[int, int], dict[int, list[News]]] = {}
    for at_s, each in timed:
        day = trading_day(prices, at_s)
        is_first = first.setdefault((each.entity, each.event), day) == day
        # Before the first close there is no return that the day could be compared with.
        if not is_first or day in (0, len(prices.days)):
            continue
        of_cell = cells.setdefault((day, columns[each.entity]), {})
        of_cell.setdefault(each.event, []).append(each)
    events = [list(of_cell.values()) for of_cell in cells.values()]
    return DayNews(
        days=np.array([day for day, _ in cells], dtype=np.int64),
        entities=np.array([column for _, column in cells], dtype=np.int64),
        scores=_means(events, lambda each: each.score),
        counts=np.array([len(each) for each in events], dtype=np.float64),
        words=_means(events, lambda each: word_score(each.title)),
    )


def _means(cells: Sequence[Sequence[Sequence[News]]], score: Callable[[News], float]) -> Values:
    """Mean over the events of a cell of the mean over each event's headlines."""
    return np.array(
        [
            sum(sum(map(score, event)) / len(event) for event in events) / len(events)
            for events in cells
        ],
        dtype=np.float64,
    )


def signal_table(
    prices: Prices,
    readings: Sequence[Reading],
    value: Callable[[Reading], float | None] = lambda reading: reading.score,
) -> Values:
    """The last signal of each trading day before its close, from the close before on; else nan.

    Args:
        prices: With the trading days.
        readings: Signals of any entities; of those without prices none is taken.
        value: What of a signal stands in the table.
    """
    columns = {entity: number for number, entity in enumerate(prices.entities)}
    table = np.full(prices.close.shape, np.nan)
    for each in sorted(readings, key=lambda reading: reading.at_s):
        day = trading_day(prices, each.at_s)
        if each.entity in columns and 0 < day < len(prices.days):
            found = value(each)
            table[day, columns[each.entity]] = np.nan if found is None else found
    return table
