"""Rows of the record from which signals are computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """A headline with its scores, or its retraction, as the record knew it from some time on.

    Times are in seconds since 1970.
    """

    item: int
    """The headline, whatever became of its text."""
    version: int
    """Number of its text: 1, and one more with each edit."""
    version_id: int
    """Of this text, in the record."""
    revision: int
    """Rises with all that became known of the item; the row with the highest counts."""
    known_s: float
    """When the record held all of this; no earlier signal uses it."""
    event: int
    """The group of copies and follow-ups to which the item belongs."""
    event_began_s: float
    """When the first item of the event was known."""
    telling: int = 1
    """Which of the event's tellings it is a copy of: 1 is the first, 2 the first follow-up."""
    sources: tuple[str, ...]
    """Those that show it, in the order in which they did."""
    terms: tuple[str | None, ...] = ()
    """Of each of these, as far as they are known."""
    title: str
    url: str | None = None
    published_s: float | None = None
    """As the source claims."""
    published_day_only: bool = False
    """Whether it claims a day without a time of day; `published_s` is its midnight, UTC."""
    first_seen_s: float
    """When this text was fetched for the first time."""
    scored_s: float | None = None
    scores: tuple[float, float, float] | None = None
    """Probabilities of negative, neutral and positive; None for what was withdrawn, or replaced by
    a correction."""
    model: str | None = None
    """Digest of the model."""
    entities: tuple[str, ...] = ()
    """Those of the watch list that the title names."""
    relevance: tuple[int, ...] = ()
    """From 0 to 100, of each of these."""
    counts_for: str | None = None
    """The entity whose signal it moves."""
    abstained: tuple[str, ...] = ()
    """Those for which it counts not, since it is about another company, too."""
    incidental: tuple[str, ...] = ()
    """Those that it is hardly about."""
    doubtful: tuple[str, ...] = ()
    """Entities of which it may be a name, or may not; they are not among `entities`."""
    listed: tuple[str, ...] = ()
    """Entities that only the source's own symbols give."""
    reports_move: bool = False
    """Whether the title reports a move of a price."""

    def relevance_of(self, entity: str) -> int:
        """How much it is about an entity that it names."""
        return self.relevance[self.entities.index(entity)]
