"""Rows, signals and alerts of `watch` for tests."""

from __future__ import annotations

from newsclf.watch.signals.aggregate import Evidence, EvidenceItem, Signal, utc
from newsclf.watch.signals.alerts import Alert, alerts_at
from newsclf.watch.signals.rows import ScoredRow
from newsclf.watch.signals.settings import AlertSettings

MORNING_S = 1_790_000_000.0
"""A time in September 2026."""


def scored_row(  # noqa: PLR0913 - what a row has
    item: int = 1,
    *,
    event: int | None = None,
    began_s: float | None = None,
    at_s: float = MORNING_S,
    score: float | None = 0.5,
    entities: tuple[str, ...] = (),
    relevance: int = 100,
    source: str = "wire",
    version: int = 1,
    title: str = "Korvath Bank lifts its forecast",
) -> ScoredRow:
    """A row seen and scored at `at_s`; `score` is P(positive) − P(negative), None a retraction."""
    scores = None
    if score is not None:
        scores = (max(-score, 0.0), 1 - abs(score), max(score, 0.0))
    return ScoredRow(
        item=item,
        version=version,
        version_id=100 * item + version,
        event=item if event is None else event,
        event_began_s=at_s if began_s is None else began_s,
        revision=version,
        known_s=at_s,
        sources=(source,),
        title=title,
        url=f"https://news.example/{item}",
        first_seen_s=at_s,
        scored_s=None if scores is None else at_s,
        scores=scores,
        model=None if scores is None else "5f" * 32,
        entities=entities,
        relevance=(relevance,) * len(entities),
        counts_for=entities[0] if len(entities) == 1 else None,
        abstained=entities if len(entities) > 1 else (),
    )


def signal(
    score: float | None,
    *,
    minute: float = 0,
    entity: str | None = "Apple",
    events: int = 5,
    sources: int = 2,
) -> Signal:
    """A signal some minutes after MORNING_S."""
    return Signal(
        at=utc(MORNING_S + 60 * minute),
        entity=entity,
        score=score,
        weight=3.5,
        events=events if score is not None else 0,
        items=events if score is not None else 0,
        sources=sources if score is not None else 0,
        abstained=0,
        sources_live=3,
        sources_configured=4,
        half_life_s=21600,
        shrinkage=2,
        configuration="c0ffee",
    )


def alert(title: str = "Korvath Bank warns", entity: str | None = "Apple") -> Alert:
    """A negative alert with one headline as its evidence."""
    item = EvidenceItem(
        item=7,
        version=1,
        version_id=701,
        event=7,
        sources=("wire",),
        title=title,
        url=None,
        first_seen=utc(MORNING_S),
        score=-0.9,
        weight=1.0,
        model=None,
    )
    _, (found,) = alerts_at(
        {}, [signal(-0.6, entity=entity)], AlertSettings(), lambda _: Evidence((item,), 0)
    )
    return found
