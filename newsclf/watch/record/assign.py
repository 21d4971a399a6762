"""Decide what the items of one document are: new headlines, edits, sightings, or nothing new."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from newsclf.watch.item import Item, Stamp
from newsclf.watch.record.identity import Keys, is_correction, story_text
from newsclf.watch.record.known import Headline, Known, Listed
from newsclf.watch.record.near import RecentHeadlines, words_of
from newsclf.watch.record.times import microseconds

_SAME_STORY = 0.2
"""Share of words in common below which an item with another address is another item, whatever its
identifier says, and one with another identifier, whatever its address says."""

Row = dict[str, object]


@dataclass(slots=True)
class NewRows:
    """Rows that a document adds, by table, without the id of their commit."""

    events: list[Row] = field(default_factory=list)
    headlines: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    retractions: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigner:
    """Assigns the items of one document to headlines and events.

    Args:
        source: The document's source.
        known: What the record knows of them.
        recent: Headlines of recent events. Those of the document are added.
        now: The time of the commit, microseconds since 1970.
        next_id: Gives the next free id of a table.
    """

    source: str
    known: Known
    recent: RecentHeadlines
    now: int
    next_id: Callable[[str], int]
    rows: NewRows = field(default_factory=NewRows)

    def assign(self, items: Sequence[Item], keys: Sequence[Keys]) -> NewRows:
        """Rows for the items, in their order; an item that is as it was adds none."""
        for item, key in zip(items, keys, strict=True):
            if item.retracted:
                self._retract(item, key)
            else:
                self._show(item, key)
        return self.rows

    def _show(self, item: Item, keys: Keys) -> None:
        listing, before = self._listed(item, keys)
        if before is not None and before.content == keys.content:
            return
        if not any(map(str.isalnum, item.title)):  # nothing to classify; kept as it came
            self._add_item(item, keys, listing, None)
            return
        headline = self._headline(item, keys, before)
        if headline is None:
            self._begin(item, keys, listing)
            return
        item_id = self._add_item(item, keys, listing, headline)
        now = self.known.headlines[headline]
        last_title = before.title if before is not None else self.known.titles.get(headline)
        self.known.titles[headline] = item.title
        # Another source's words for the same article are no edit; its own new words are.
        if last_title not in (None, item.title) and item.title != now.text:
            self._add_version(headline, now._replace(number=now.number + 1), item_id, item.title)

    def _listed(self, item: Item, keys: Keys) -> tuple[bytes, Listed | None]:
        """The key under which the source shows an item, and how it showed it last."""
        if keys.fallback in self.known.listed:
            return keys.fallback, self.known.listed[keys.fallback]
        before = self.known.listed.get(keys.listing)
        if before is not None and _is_another(before, item, keys):
            return keys.fallback, None
        if before is None:
            others = (self.known.listed.get(key) for key in keys.others)
            before = next((each for each in others if each and each.content == keys.content), None)
        return keys.listing, before

    def _headline(self, item: Item, keys: Keys, before: Listed | None) -> int | None:
        if before is not None and before.headline is not None:
            return before.headline
        there = self.known.by_url.get(keys.url) if keys.url is not None else None
        if there is not None and not self._is_at_anothers_address(item, there):
            return there
        return self.known.by_text.get(keys.text) if keys.text is not None else None

    def _is_at_anothers_address(self, item: Item, headline: int) -> bool:
        """Whether the source has used the address for another item, as for a page of its news."""
        shown = self.known.titles.get(headline)
        if not (shown and item.id and item.title):
            return False
        return _are_two_stories(shown, item.title)

    def _begin(self, item: Item, keys: Keys, listing: bytes) -> None:
        """Begin a headline, of an event that is told already or of a new one."""
        headline = self.next_id("headlines")
        near = self.recent.find(
            story_text(item.title), at_s=self.now / 1e6, correction=is_correction(item.title)
        )
        if near is None:
            event, began_at = self.next_id("events"), self.now
            self.rows.events.append({"id": event})
        else:
            event, began_at = near.event, round(near.began_s * 1e6)
        self.rows.headlines.append({"id": headline, "event_id": event})
        item_id = self._add_item(item, keys, listing, headline)
        self._add_version(headline, Headline(event, began_at, 1, ""), item_id, item.title)
        self.known.titles[headline] = item.title
        withdrawn = self.known.listed.get(keys.retraction)
        if withdrawn is not None and withdrawn.headline is None:  # before it was seen
            self._add_retraction(item_id, headline)

    def _retract(self, item: Item, keys: Keys) -> None:
        before = self.known.listed.get(keys.listing) or self.known.listed.get(keys.fallback)
        headline = self._headline(item, keys, before)
        withdrawn = self.known.listed.get(keys.retraction)
        if withdrawn is not None:
            return
        unshared = keys._replace(url=None, text=None)
        self._add_retraction(self._add_item(item, unshared, keys.retraction, headline), headline)

    def _add_item(self, item: Item, keys: Keys, listing: bytes, headline: int | None) -> int:
        item_id = self.next_id("items")
        if headline is None:
            keys = keys._replace(url=None, text=None)
        self.rows.items.append(
            {
                "id": item_id,
                "headline_id": headline,
                "source": item.shown_by or self.source,
                "source_id": item.id,
                "title": item.title,
                "url": item.url,
                "summary": item.summary,
                **_stamp("published", item.published),
                **_stamp("updated", item.updated),
                "tickers": json.dumps(item.tickers),
                "raw": item.raw,
                "listing_key": listing,
                "url_key": keys.url,
                "text_key": keys.text,
                "content_key": keys.content,
            }
        )
        self.known.listed[listing] = Listed(headline, item.title, keys.url, keys.content)
        if headline is not None:
            if keys.url is not None:
                self.known.by_url[keys.url] = headline
            if keys.text is not None:
                self.known.by_text.setdefault(keys.text, headline)
        return item_id

    def _add_version(self, headline: int, now: Headline, item_id: int, text: str) -> None:
        self.rows.versions.append(
            {
                "id": self.next_id("versions"),
                "headline_id": headline,
                "item_id": item_id,
                "number": now.number,
                "text": text,
            }
        )
        self.known.headlines[headline] = now._replace(text=text)
        self.recent.add(story_text(text), event=now.event, began_s=now.began_at / 1e6)

    def _add_retraction(self, item_id: int, headline: int | None) -> None:
        self.rows.retractions.append(
            {"id": self.next_id("retractions"), "item_id": item_id, "headline_id": headline}
        )


def _is_another(before: Listed, item: Item, keys: Keys) -> bool:
    """Whether a source used the identifier of one item for another."""
    if before.url_key is None or keys.url is None or before.url_key == keys.url:
        return False
    return _are_two_stories(before.title, item.title)


def _are_two_stories(title: str, other_title: str) -> bool:
    one, other = set(words_of(title)), set(words_of(other_title))
    return len(one & other) < _SAME_STORY * len(one | other)


def _stamp(name: str, stamp: Stamp | None) -> Row:
    at = microseconds(stamp.at) if stamp is not None and stamp.at is not None else None
    return {
        f"{name}_raw": stamp.raw if stamp is not None else None,
        f"{name}_at": at,
        f"{name}_date_only": stamp.date_only if stamp is not None else None,
    }
