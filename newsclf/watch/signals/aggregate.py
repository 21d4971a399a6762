"""Sentiment per entity and bar, from the headlines that were known by then.

At time t the n-th telling of an event of age a weighs w = novelty^(n − 1) · relevance / 100 ·
source · 2^(−a / half-life), and the score of an entity is Σ w·s / (k + Σ w). A telling is a
headline with its copies; s is the mean of those that are about this entity alone, relevance and
source the highest of theirs, k the shrinkage, which keeps few events near 0. Ages are of trading
time, where an exchange is set. Copies thus weigh nothing by themselves, a
follow-up in other words half, the next a quarter. An event counts from its beginning, which
follow-ups don't renew, until its age alone makes it weigh less than 1/256. Without an event the
score is None.

Live and replayed signals are equal bit for bit: both come from the same code, and every sum is
`math.fsum`, which rounds once, so that it depends on what is summed and not on the order; those of
the interval are of whole numbers. Events that began in the same eighth of a half-life are summed up
once, with the weights they have at its end, and again only if one of their rows changes.
docs/decisions/0078 has the choices.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from newsclf.common.records import StrictRecord
from newsclf.watch.signals.measures.bootstrap import interval
from newsclf.watch.signals.measures.trading_time import MarketClock
from newsclf.watch.signals.rows import ScoredRow
from newsclf.watch.signals.score import headline_score
from newsclf.watch.signals.settings import SignalSettings
from newsclf.watch.signals.spans import MOST_EVIDENCE, MOST_RELEVANT, Span, Summing, Sums

_SPANS_PER_HALF_LIFE = 8
_HALF_LIVES = 8
"""After these an event no longer counts."""
_SPANS = _SPANS_PER_HALF_LIFE * _HALF_LIVES


class Coverage(NamedTuple):
    """How many of the sources were live, as known at the time of the signal."""

    live: int
    configured: int


class Signal(StrictRecord):
    """Sentiment of an entity, or of all headlines, at the end of a bar."""

    at: dt.datetime
    """End of the bar, UTC; all that the signal uses was known by then."""
    entity: str | None
    """None: all headlines, whatever they name."""
    score: float | None
    """From −1 to 1; None where there is no news."""
    low: float | None = None
    """Lower end of its 95 % interval; see `measures.bootstrap`."""
    high: float | None = None
    score_without_moves: float | None = None
    """The score without headlines that report a move of a price; None where no other is left."""
    session: dt.date | None = None
    """The trading day for which it counts: the first that closes after it. None without an
    exchange."""
    weight: float
    """Σ w, which the shrinkage is to be compared with."""
    events: int
    items: int
    """Headlines of these events."""
    sources: int
    """Sources of these headlines."""
    moves: int = 0
    """How many of these headlines report a move of a price."""
    new_events: int | None = None
    """Events that began to count in the last hour; None if it was not watched as a whole."""
    usual_events: float | None = None
    """How many were to be expected by the same hour of the week, in eight weeks."""
    burst: float | None = None
    """z of `new_events` against these; see `measures.burst`."""
    abstained: int
    """Headlines left out because they are about other companies, too."""
    incidental: int = 0
    """Headlines left out because they are hardly about it."""
    doubtful: int = 0
    """Headlines left out because a word of them may be its name, or something else."""
    sources_live: int
    sources_configured: int
    half_life_s: float
    shrinkage: float
    configuration: str
    """Digest of the configuration."""


class EvidenceItem(StrictRecord):
    """A headline that a signal used."""

    item: int
    version: int
    version_id: int
    event: int
    sources: tuple[str, ...]
    title: str
    url: str | None
    first_seen: dt.datetime
    score: float
    """P(positive) − P(negative)."""
    weight: float
    """Its part of the weight of its event."""
    model: str | None
    reports_move: bool = False
    """Whether it reports a move of a price."""


class Evidence(NamedTuple):
    """Headlines behind a signal."""

    items: tuple[EvidenceItem, ...]
    """Those that moved the score most, first."""
    omitted: int
    """How many others there are."""


class Aggregate:
    """Signals at rising times, from rows that arrive in between.

    Memory is that of the rows of eight half-lives.
    """

    def __init__(
        self,
        settings: SignalSettings,
        entities: Sequence[str],
        *,
        configuration: str,
        clock: MarketClock | None = None,
        source_weights: Mapping[str, float] | None = None,
    ) -> None:
        """Begin without rows.

        Args:
            settings: Half-life and shrinkage.
            entities: Names of the watch list, each of which gets a signal at each bar.
            configuration: Digest that the signals state.
            clock: By which events grow old; by default plain time.
            source_weights: By source; 1 for those that are missing.
        """
        self._settings = settings
        self._clock = clock or MarketClock()
        self._summing = Summing(settings, source_weights or {})
        self._configuration = configuration
        self._span_s = settings.half_life_s / _SPANS_PER_HALF_LIFE
        self._groups = {entity: _Group() for entity in (None, *entities)}
        self._waiting: list[tuple[float, int, ScoredRow]] = []
        self._arrivals = count()
        self._current: dict[int, ScoredRow] = {}
        self._items: dict[int, set[int]] = {}
        """Items of `_current` by span, to forget them."""
        self._at_s = -math.inf

    @property
    def rows_kept(self) -> int:
        """How many rows are in memory."""
        return len(self._current) + len(self._waiting)

    def add(self, row: ScoredRow) -> None:
        """Take a row, which counts from `row.known_s` on.

        Raises:
            ValueError: It was known by a time whose signals were already computed, so these would
                be others in a replay; or its event began after it.
        """
        if row.known_s <= self._at_s:
            raise ValueError(f"item {row.item} was known before the latest signal")
        if row.event_began_s > row.known_s:
            raise ValueError(f"event {row.event} began after its item {row.item} was known")
        heappush(self._waiting, (row.known_s, next(self._arrivals), row))

    def at(self, at_s: float, coverage: Coverage) -> list[Signal]:
        """The signals at a time: of all headlines, then of each entity.

        Raises:
            ValueError: The time lies before an earlier call's.
        """
        if at_s < self._at_s:
            raise ValueError("signals are computed at rising times")
        self._at_s = at_s
        while self._waiting and self._waiting[0][0] <= at_s:
            self._put(heappop(self._waiting)[2])
        self._forget(self._span(at_s) - _SPANS)
        age_s = self._clock.at(at_s)
        since_end = {n: self._summing.decay(age_s - self._end_s(n)) for n in sorted(self._items)}
        return [self._signal(entity, coverage, since_end) for entity in self._groups]

    def evidence(self, entity: str | None) -> Evidence:
        """The headlines behind the latest signal of an entity; None: of all headlines."""
        totals = [
            span.total(self._end_s(number), self._summing)
            for number, span in self._groups[entity].spans.items()
            if span.events
        ]
        found = [
            self._evidence_item(row, share) for total in totals for row, share in total.strongest
        ]
        found.sort(key=lambda item: (-abs(item.score * item.weight), item.item))
        items = sum(total.items for total in totals)
        return Evidence(tuple(found[:MOST_EVIDENCE]), max(0, items - MOST_EVIDENCE))

    def _span(self, time_s: float) -> int:
        return math.floor(self._clock.at(time_s) / self._span_s)

    def _end_s(self, span: int) -> float:
        """When a span ends, by the clock of ages."""
        return (span + 1) * self._span_s

    def _put(self, row: ScoredRow) -> None:
        before = self._current.get(row.item)
        if before is not None:
            if before.revision >= row.revision:
                return
            for span in self._spans_of(before):
                span.remove(before)
        self._current[row.item] = row
        self._items.setdefault(self._span(row.event_began_s), set()).add(row.item)
        if row.scores is not None:
            number = self._span(row.event_began_s)
            began_s = self._clock.at(row.event_began_s)
            self._groups[None].span(number).add(row, MOST_RELEVANT, began_s)
            if row.counts_for is not None and (group := self._groups.get(row.counts_for)):
                group.span(number).add(row, row.relevance_of(row.counts_for), began_s)
            for entity in (*row.abstained, *row.incidental, *row.doubtful):
                if group := self._groups.get(entity):
                    group.span(number).leave_out(row, entity)

    def _spans_of(self, row: ScoredRow) -> Iterator[Span]:
        """Where a row is counted or left out."""
        number = self._span(row.event_began_s)
        yield self._groups[None].span(number)
        for entity in (*row.entities, *row.doubtful):
            if group := self._groups.get(entity):
                yield group.span(number)

    def _forget(self, up_to: int) -> None:
        for number in [number for number in self._items if number <= up_to]:
            for item in self._items.pop(number):
                row = self._current.get(item)
                if row is not None and self._span(row.event_began_s) == number:
                    del self._current[item]
            for group in self._groups.values():
                group.spans.pop(number, None)

    def _signal(
        self, entity: str | None, coverage: Coverage, since_end: Mapping[int, float]
    ) -> Signal:
        """The signal of an entity; `since_end` is how far each span has decayed, in their order."""
        spans = self._groups[entity].spans
        totals = [
            (decay, span.total(self._end_s(number), self._summing))
            for number, decay in since_end.items()
            if (span := spans.get(number)) is not None and span.events
        ]
        settings = self._settings

        def score(sums: Sequence[tuple[float, Sums]]) -> tuple[float | None, float]:
            weight = math.fsum(decay * each.weight for decay, each in sums)
            product = math.fsum(decay * each.product for decay, each in sums)
            return (product / (settings.shrinkage + weight) if weight else None), weight

        value, weight = score([(decay, total.sums) for decay, total in totals])
        without_moves, _ = score([(decay, total.without_moves) for decay, total in totals])
        low = high = None
        if totals:
            replicated = [(decay, total.replicated) for decay, total in totals]
            low, high = interval(replicated, settings.shrinkage)
        return Signal(
            at=utc(self._at_s),
            entity=entity,
            score=value,
            low=low,
            high=high,
            score_without_moves=without_moves,
            session=self._clock.session(self._at_s),
            weight=weight,
            events=sum(total.events for _, total in totals),
            items=sum(total.items for _, total in totals),
            sources=len(frozenset().union(*(total.sources for _, total in totals))),
            moves=sum(total.moves for _, total in totals),
            abstained=sum(len(span.abstained) for span in spans.values()),
            incidental=sum(len(span.incidental) for span in spans.values()),
            doubtful=sum(len(span.doubtful) for span in spans.values()),
            sources_live=coverage.live,
            sources_configured=coverage.configured,
            half_life_s=settings.half_life_s,
            shrinkage=settings.shrinkage,
            configuration=self._configuration,
        )

    def _evidence_item(self, row: ScoredRow, share: float) -> EvidenceItem:
        age_s = self._clock.at(self._at_s) - self._clock.at(row.event_began_s)
        return EvidenceItem(
            item=row.item,
            version=row.version,
            version_id=row.version_id,
            event=row.event,
            sources=row.sources,
            title=row.title,
            url=row.url,
            first_seen=utc(row.first_seen_s),
            score=headline_score(row.scores or ()),
            weight=self._summing.decay(age_s) * share,
            model=row.model,
            reports_move=row.reports_move,
        )


@dataclass(slots=True)
class _Group:
    """The headlines of an entity, or all, by the span in which their event began."""

    spans: dict[int, Span] = field(default_factory=dict)

    def span(self, number: int) -> Span:
        return self.spans.setdefault(number, Span())


def counts_from(settings: SignalSettings, clock: MarketClock) -> Callable[[float], float]:
    """Of a time, the earliest beginning of an event that may still count then."""
    return partial(clock.before, span_s=_HALF_LIVES * settings.half_life_s)


def bar_ends(after_s: float, until_s: float, bar_s: float) -> Iterator[float]:
    """Ends of bars after one time and up to another: multiples of a bar since 1970."""
    for number in range(math.floor(after_s / bar_s) + 1, math.floor(until_s / bar_s) + 1):
        yield number * bar_s


def last_bar_end(after_s: float, until_s: float, bar_s: float) -> float | None:
    """The last of `bar_ends`, without those between: a clock that is set may skip millions."""
    end_s = math.floor(until_s / bar_s) * bar_s
    return end_s if end_s > after_s else None


def utc(time_s: float) -> dt.datetime:
    """A time in seconds since 1970 as a date and time, UTC."""
    return dt.datetime.fromtimestamp(time_s, dt.UTC)
