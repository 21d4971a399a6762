"""Result of reading one document of a source: its items, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item


class Repair(StrEnum):
    """A fault of a document that was repaired or worked around."""

    ENCODING = "encoding"
    """The header or the prolog names another encoding than the bytes are in."""
    LEADING_TEXT = "leading_text"
    """Blank lines or other text stood before the document."""
    CONTROL_CHARACTERS = "control_characters"
    """Characters that no XML or JSON document may hold were removed."""
    ENTITIES = "entities"
    """HTML entities that XML does not know, or bare ampersands."""
    NOT_WELL_FORMED = "not_well_formed"
    """The syntax is broken; items were read as far as they could be told apart."""
    TRUNCATED = "truncated"
    """The document ends early; an item that is not complete was left out."""
    NO_TITLES = "no_titles"
    """Items without a title, which got the first sentence of their summary."""
    EMPTY_ITEMS = "empty_items"
    """Items with neither title nor summary, which were left out."""
    DUPLICATE_IDS = "duplicate_ids"
    """Items that share an identifier."""
    UNREADABLE_TIMES = "unreadable_times"
    """Times that fit no known form, or no possible date."""
    ASSUMED_ZONES = "assumed_zones"
    """Times of day without a zone that is known."""
    TOO_MANY_ITEMS = "too_many_items"
    """Items beyond the limit were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one document of a source holds."""

    outcome: Outcome
    items: tuple[Item, ...] = ()
    """In the document's order."""
    detail: str | None = None
    """What is wrong, as a phrase for the user; never the document's own words at length."""
    repairs: tuple[Repair, ...] = ()
    title: str | None = None
    """The source's name for itself."""
    rights: str | None = None
    """What it says of its copyright or licence."""
    ttl_s: float | None = None
    """How long the source asks to be left alone."""
    next_page: str | None = None
    """What asks for the next page: a cursor or an address, without a key; None on the last."""


def failed(outcome: Outcome, detail: str) -> Reading:
    """Result of a document from which no item can be read."""
    return Reading(outcome=outcome, detail=detail)


def read(
    items: Iterable[Item],
    repairs: Iterable[Repair] = (),
    *,
    title: str | None = None,
    rights: str | None = None,
    ttl_s: float | None = None,
    next_page: str | None = None,
) -> Reading:
    """Result of a document that was read, with the faults that show in its items."""
    kept, found = list(items), set(repairs)
    ids = [item.id for item in kept if item.id is not None and not item.retracted]
    if len(set(ids)) < len(ids):
        found.add(Repair.DUPLICATE_IDS)
    stamps = [each for item in kept for each in (item.published, item.updated) if each]
    if any(each.at is None for each in stamps):
        found.add(Repair.UNREADABLE_TIMES)
    if any(each.zone_assumed for each in stamps):
        found.add(Repair.ASSUMED_ZONES)
    if found & _BROKEN:
        outcome = Outcome.REPAIRED if kept else Outcome.MALFORMED
    else:
        outcome = Outcome.OK if kept else Outcome.EMPTY
    order = list(Repair)
    return Reading(
        outcome=outcome,
        items=tuple(kept),
        detail=_DETAILS.get(outcome),
        repairs=tuple(sorted(found, key=order.index)),
        title=title,
        rights=rights,
        ttl_s=ttl_s,
        next_page=next_page,
    )


_BROKEN = {Repair.NOT_WELL_FORMED, Repair.TRUNCATED, Repair.EMPTY_ITEMS}
"""Faults that may have cost an item."""
_DETAILS = {
    Outcome.MALFORMED: "no item could be read from the broken document",
    Outcome.EMPTY: "the document has no items",
}
