"""Events that began in the same eighth of a half-life, summed up as they weigh at its end.

Copies arrive for hours, so in each bar most spans change, but few of their events: what an event
adds is kept until one of its rows changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import chain
from typing import NamedTuple

from newsclf.watch.signals.measures.bootstrap import Replicated, no_replicates, replicates
from newsclf.watch.signals.rows import ScoredRow
from newsclf.watch.signals.score import event_score, headline_score
from newsclf.watch.signals.settings import SignalSettings

MOST_RELEVANT = 100
MOST_EVIDENCE = 20
"""Headlines that are given as evidence, those that moved the score most."""


class Sums(NamedTuple):
    """Σ w and Σ w·s of some events, as of the end of their span."""

    weight: float
    product: float


class Total(NamedTuple):
    """A span summed up, as of its end."""

    sums: Sums
    without_moves: Sums
    replicated: Replicated
    events: int
    items: int
    moves: int
    sources: frozenset[str]
    strongest: tuple[tuple[ScoredRow, float], ...]
    """Rows that may be among the evidence, each with its share of the relevance of its event. As
    they all fade alike, the strongest of a span remain so."""


@dataclass(slots=True)
class Summing:
    """What sums depend on beside the rows."""

    settings: SignalSettings
    source_weights: Mapping[str, float]

    def decay(self, age_s: float) -> float:
        """What remains of a weight at an age."""
        return math.exp2(-age_s / self.settings.half_life_s)

    def source_weight(self, row: ScoredRow) -> float:
        """The highest of the sources that show a headline."""
        return max(self.source_weights.get(source, 1.0) for source in row.sources)


class _EventFigures(NamedTuple):
    """What an event adds to its span, as of the span's end."""

    sums: Sums
    without_moves: Sums
    probabilities: tuple[float, float, float]
    """The mean of its tellings, by their weights."""
    sources: frozenset[str]
    moves: int
    strengths: tuple[tuple[float, int, ScoredRow, float], ...]
    """For each of its rows minus its share of the product, its item, the row, and its share of the
    event's relevance: in the order of evidence."""


class _Telling(NamedTuple):
    """Copies of a headline, which weigh as one."""

    copies: Sequence[ScoredRow]
    relevance: float
    """With novelty and source, and without decay."""


@dataclass(slots=True)
class _Event:
    """What happened, as several headlines tell it."""

    began_s: float
    """By the clock of ages."""
    rows: dict[int, ScoredRow] = field(default_factory=dict)
    """By item."""
    relevance: dict[int, int] = field(default_factory=dict)
    """By item, from 0 to 100."""
    figures: _EventFigures | None = None
    """None after a change."""

    def summed(self, end_s: float, by: Summing) -> _EventFigures:
        if self.figures is None:
            rows = list(self.rows.values())
            faded = by.decay(end_s - self.began_s)
            tellings = self._tellings(rows, by)
            others = [row for row in rows if not row.reports_move]
            sums = _sums(tellings, faded)
            self.figures = _EventFigures(
                sums=sums,
                without_moves=sums
                if len(others) == len(rows)
                else _sums(self._tellings(others, by), faded),
                probabilities=_mean_probabilities(tellings),
                sources=frozenset(source for row in rows for source in row.sources),
                moves=len(rows) - len(others),
                strengths=tuple(_strengths(tellings, faded)),
            )
        return self.figures

    def _tellings(self, rows: Sequence[ScoredRow], by: Summing) -> list[_Telling]:
        copies_of: dict[int, list[ScoredRow]] = {}
        for row in rows:
            copies_of.setdefault(row.telling, []).append(row)
        found = []
        # By their place among those that are still told: a retraction moves the others up.
        for place, (_, copies) in enumerate(sorted(copies_of.items())):
            most = max(self.relevance[row.item] for row in copies) / MOST_RELEVANT
            source = max(by.source_weight(row) for row in copies)
            found.append(_Telling(copies, most * source * by.settings.novelty**place))
        return found


def _sums(tellings: Sequence[_Telling], faded: float) -> Sums:
    weights = [faded * telling.relevance for telling in tellings]
    scores = [
        event_score([headline_score(row.scores or ()) for row in telling.copies])
        for telling in tellings
    ]
    products = [weight * score for weight, score in zip(weights, scores, strict=True)]
    return Sums(math.fsum(weights), math.fsum(products))


def _mean_probabilities(tellings: Sequence[_Telling]) -> tuple[float, float, float]:
    weight = math.fsum(telling.relevance for telling in tellings)
    negative, neutral, positive = (
        math.fsum(
            telling.relevance
            * math.fsum(row.scores[n] for row in telling.copies if row.scores)
            / len(telling.copies)
            for telling in tellings
        )
        / weight
        for n in range(3)
    )
    return negative, neutral, positive


def _strengths(
    tellings: Sequence[_Telling], faded: float
) -> Iterator[tuple[float, int, ScoredRow, float]]:
    for telling in tellings:
        share = telling.relevance / len(telling.copies)
        for row in telling.copies:
            yield -abs(headline_score(row.scores or ())) * faded * share, row.item, row, share


@dataclass(slots=True)
class Span:
    """Events of a group that began in the same eighth of a half-life."""

    events: dict[int, _Event] = field(default_factory=dict)
    abstained: set[int] = field(default_factory=set)
    """Items that are about several companies."""
    incidental: set[int] = field(default_factory=set)
    """Items that are hardly about the entity."""
    doubtful: set[int] = field(default_factory=set)
    """Items of which a word may be its name."""
    _replicated: Replicated = field(default_factory=no_replicates)
    _resampled: dict[int, tuple[float, tuple[float, float, float]]] = field(default_factory=dict)
    """Weight and probabilities with which each event is in the replicates."""
    _changed: set[int] = field(default_factory=set)
    """Events whose replicates are not those of their rows."""
    _total: Total | None = None

    def add(self, row: ScoredRow, relevance: int, began_s: float) -> None:
        """Count a headline, of an event that began at a time of the clock of ages."""
        event = self.events.setdefault(row.event, _Event(began_s))
        event.rows[row.item] = row
        event.relevance[row.item] = relevance
        self._change(row.event)

    def leave_out(self, row: ScoredRow, entity: str) -> None:
        """Take note of a headline that doesn't count for an entity, and why."""
        if entity in row.abstained:
            self.abstained.add(row.item)
        elif entity in row.incidental:
            self.incidental.add(row.item)
        else:
            self.doubtful.add(row.item)

    def remove(self, row: ScoredRow) -> None:
        """Forget a headline, whether it counted or was left out."""
        for left_out in (self.abstained, self.incidental, self.doubtful):
            left_out.discard(row.item)
        event = self.events.get(row.event)
        if event is not None and event.rows.pop(row.item, None) is not None:
            del event.relevance[row.item]
            self._change(row.event)
            if not event.rows:
                del self.events[row.event]

    def _change(self, event: int) -> None:
        self.events[event].figures = self._total = None
        self._changed.add(event)

    def total(self, end_s: float, by: Summing) -> Total:
        """The sums over its events, as they weigh at its end by their age."""
        if self._total is None:
            figures = [event.summed(end_s, by) for event in self.events.values()]
            strengths = chain.from_iterable(each.strengths for each in figures)
            self._resample()
            self._total = Total(
                sums=_added(each.sums for each in figures),
                without_moves=_added(each.without_moves for each in figures),
                replicated=self._replicated,
                events=len(figures),
                items=sum(len(each.strengths) for each in figures),
                moves=sum(each.moves for each in figures),
                sources=frozenset().union(*(each.sources for each in figures)),
                strongest=tuple(
                    (row, share) for _, _, row, share in nsmallest(MOST_EVIDENCE, strengths)
                ),
            )
        return self._total

    def _resample(self) -> None:
        """Bring the replicates up to date; whole numbers can be taken out again exactly."""
        for number in self._changed:
            before = self._resampled.pop(number, None)
            if before is not None:
                self._replicated -= replicates(number, *before)
            event = self.events.get(number)
            if event is not None and event.figures is not None:
                now = event.figures.sums.weight, event.figures.probabilities
                self._replicated += replicates(number, *now)
                self._resampled[number] = now
        self._changed.clear()


def _added(sums: Iterable[Sums]) -> Sums:
    weights, products = zip(*sums, strict=True)
    return Sums(math.fsum(weights), math.fsum(products))
