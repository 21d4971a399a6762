"""Rows of the record from which signals are computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """One version of a headline with its scores, or its retraction.

    Times are in seconds since 1970.
    """

    item: int
    version: int
    """Counts the edits and the retraction of the item, upwards."""
    event: int
    """The group of near-duplicates to which the item belongs."""
    event_began_s: float
    """When the first item of the event was first seen."""
    source: str
    title: str
    url: str | None = None
    published_s: float | None = None
    """As the source claims."""
    first_seen_s: float
    """When this version was fetched for the first time."""
    scored_s: float | None = None
    scores: tuple[float, float, float] | None = None
    """Probabilities of negative, neutral and positive; None for a retraction."""
    model: str | None = None
    """Digest of the model."""
    entities: tuple[str, ...] = ()
    """Those of the watch list that the title names."""

    @property
    def known_s(self) -> float:
        """When signals may use it first: seen and scored."""
        return max(self.first_seen_s, self.scored_s or self.first_seen_s)
