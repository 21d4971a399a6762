"""What each commit of the record changes on the page and in the terminal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.feeds import health
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import MAX_HEADLINES, Change
from newsclf.watch.page.view import (
    Alert,
    AlertEvidence,
    Classification,
    Drift,
    EntitySignal,
    Headline,
    SourceHealth,
)
from newsclf.watch.record.rows import Commit, Retraction, Score, Sighting, Version
from newsclf.watch.signals.aggregate import Signal
from newsclf.watch.signals.alerts import Alert as ScoreAlert
from newsclf.watch.signals.configuration import Configuration
from newsclf.watch.signals.delivery import AnyAlert
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.measures.price_moves import reports_move

_EXPLAINED = 60
"""Headlines whose words are weighed, the newest."""


@dataclass(slots=True)
class _Entry:
    headline: Headline
    version: int
    sources: set[str]
    """Those that still show it."""
    is_tried: bool = False
    """Whether its words were to be weighed, whatever came of it."""


class Shown:
    """The newest headlines as they are shown, brought up to date commit by commit."""

    def __init__(self, configuration: Configuration, matcher: EntityMatcher) -> None:
        """Begin with none.

        Args:
            configuration: Whose scores are shown.
            matcher: Of its watch list.
        """
        self._matcher = matcher
        self._min_relevance = configuration.signals.min_relevance
        self._scored_by = (configuration.model, configuration.engine)
        self._entries: OrderedDict[int, _Entry] = OrderedDict()
        """By headline."""
        self._headline_of: dict[int, int] = {}
        """By the version of its latest text."""

    @property
    def headlines(self) -> list[Headline]:
        """All, oldest first."""
        return [entry.headline for entry in self._entries.values()]

    def changes(self, commit: Commit) -> list[Change]:
        """Take in the news of the next commit; returns the headlines that it changes."""
        changed: dict[int, None] = {}
        for version in commit.versions:
            self._put(version)
            changed[version.headline] = None
        for sighting in commit.sightings:
            changed |= dict.fromkeys(self._seen(sighting))
        for retraction in commit.retractions:
            changed |= dict.fromkeys(self._retracted(retraction))
        for score in commit.scores:
            changed |= dict.fromkeys(self._scored(score))
        return [self._entries[id_].headline for id_ in changed if id_ in self._entries]

    def explained(self, version: int, words: Sequence[WordWeight]) -> Headline | None:
        """A headline with the weights of its words; None if it has another text by now."""
        id_ = self._headline_of.get(version)
        if id_ is None or (found := self._entries[id_].headline.classification) is None:
            return None
        explained = Classification.of(Prediction(found.probabilities), words)
        return self._update(id_, classification=explained)

    def next_to_explain(self) -> tuple[int, str] | None:
        """Version and text of the newest headline whose words are to be weighed; each comes once.

        Only the last few are looked at.
        """
        for entry in islice(reversed(self._entries.values()), _EXPLAINED):
            if entry.headline.classification is not None and not entry.is_tried:
                entry.is_tried = True
                return entry.version, entry.headline.title
        return None

    def _put(self, version: Version) -> None:
        before = self._entries.pop(version.headline, None)
        if before is not None:
            del self._headline_of[before.version]
        mentions = self._matcher.mentions(version.text, version.tickers)
        counted = mentions.counted(self._min_relevance)
        headline = Headline(
            id=str(version.headline),
            first_seen=before.headline.first_seen if before else version.fetched_at,
            source=version.source,
            title=version.text,
            url=version.url,
            entities=mentions.named if counted.entity is None else (counted.entity,),
            doubtful=mentions.doubtful,
            event=str(version.event),
            abstained=bool(mentions.named) and counted.entity is None,
            reports_move=reports_move(version.text),
            edited=version.number > 1,
        )
        sources = before.sources if before else set()
        self._entries[version.headline] = _Entry(headline, version.id, sources | {version.source})
        self._headline_of[version.id] = version.headline
        if len(self._entries) > MAX_HEADLINES:
            _, oldest = self._entries.popitem(last=False)
            del self._headline_of[oldest.version]

    def _seen(self, sighting: Sighting) -> Iterator[int]:
        entry = self._entries.get(sighting.headline)
        if entry is not None:
            entry.sources.add(sighting.source)
            if entry.headline.retracted:
                self._update(sighting.headline, retracted=False)
                yield sighting.headline

    def _retracted(self, retraction: Retraction) -> Iterator[int]:
        id_ = retraction.headline
        if id_ is not None and (entry := self._entries.get(id_)) is not None:
            entry.sources.discard(retraction.source)
            if not entry.sources:
                self._update(id_, retracted=True)
                yield id_

    def _scored(self, score: Score) -> Iterator[int]:
        id_ = self._headline_of.get(score.version)
        if id_ is not None and (score.model, score.engine) == self._scored_by:
            prediction = Prediction((score.negative, score.neutral, score.positive))
            self._update(id_, classification=Classification.of(prediction))
            yield id_

    def _update(self, id_: int, **values: object) -> Headline:
        entry = self._entries[id_]
        entry.headline = entry.headline.model_copy(update=values)
        return entry.headline


def entity_signal(signal: Signal) -> EntitySignal:
    """A signal as it is shown."""
    return EntitySignal(
        entity=signal.entity,
        at=signal.at,
        signal=signal.score,
        low=signal.low,
        high=signal.high,
        without_moves=signal.score_without_moves,
        session=signal.session,
        new_events=signal.new_events,
        burst=signal.burst,
        events=signal.events,
        items=signal.items,
        sources=signal.sources,
        moves=signal.moves,
        abstentions=signal.abstained,
        incidental=signal.incidental,
        doubtful=signal.doubtful,
    )


def shown_alerts(alerts: Iterable[AnyAlert]) -> Iterator[Change]:
    """Alerts as they are shown; those on sources are part of the sources' states."""
    for alert in alerts:
        if isinstance(alert, ScoreAlert):
            yield score_alert(alert)
        elif isinstance(alert, DriftAlert):
            yield drift(alert)


def score_alert(alert: ScoreAlert) -> Alert:
    """An alert as it is shown."""
    return Alert(
        id=alert.id,
        kind=alert.kind,
        direction=alert.direction,
        entity=alert.entity,
        at=alert.at,
        signal=alert.signal.score,
        evidence=tuple(
            AlertEvidence(
                headline=str(item.item),
                title=item.title,
                source=", ".join(item.sources),
                score=item.score,
            )
            for item in alert.evidence
        ),
    )


def drift(alert: DriftAlert) -> Drift:
    """An alert on drift as it is shown."""
    return Drift(measure=alert.measure, kind=alert.kind, at=alert.at, words=alert.words)


def source_health(name: str, found: health.SourceHealth) -> SourceHealth:
    """State of a source as it is shown."""
    return SourceHealth(
        name=name,
        verdict=found.outcome or Outcome.STALE,
        words=found.words,
        last_success=found.last_success,
        last_new_item=found.last_new,
        items=found.new_items,
        lag_s=found.lag_median_s,
    )
