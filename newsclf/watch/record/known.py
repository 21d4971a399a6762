"""What the record knows already of the items of one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, ScalarSelect, Select, func, select

from newsclf.watch.record.identity import Keys
from newsclf.watch.record.near import WINDOW_S
from newsclf.watch.record.storage.schema import commits, events, headlines, items, versions

_T = TypeVar("_T")
_AT_ONCE = 5_000
"""Values in one query; SQLite allows 32,766."""


class Listed(NamedTuple):
    """An item as its source showed it last."""

    headline: int | None
    title: str
    url_key: bytes | None
    content: bytes


class Headline(NamedTuple):
    """A headline as it is now."""

    event: int
    began_at: int
    """When its event began, microseconds since 1970."""
    number: int
    """Of its latest version."""
    text: str


@dataclass(slots=True)
class Known:
    """Items and headlines of the record that the items of one document may be, by their keys.

    What the document adds is put in as well, so that its later items find it.
    """

    listed: dict[bytes, Listed] = field(default_factory=dict)
    by_url: dict[bytes, int] = field(default_factory=dict)
    by_text: dict[bytes, int] = field(default_factory=dict)
    headlines: dict[int, Headline] = field(default_factory=dict)
    titles: dict[int, str] = field(default_factory=dict)
    """By headline, the title under which the source of the document showed it last."""


def look_up(connection: Connection, source: str, keys: Sequence[Keys], *, now: int) -> Known:
    """Read what is known of the items of a document.

    Args:
        source: The document's source.
        keys: Keys of the items.
        now: The time of the commit, microseconds since 1970; words alone identify a headline in
            the 24 hours after it was first seen.
    """
    known = Known()
    listing_keys = {
        key for each in keys for key in (each.listing, each.fallback, each.retraction, *each.others)
    }
    for row in _latest(connection, items.c.listing_key, listing_keys):
        known.listed[row["listing_key"]] = Listed(
            row["headline_id"], row["title"], row["url_key"], row["content_key"]
        )
    for row in _latest(connection, items.c.url_key, {each.url for each in keys if each.url}):
        known.by_url[row["url_key"]] = row["headline_id"]
    since = (
        select(headlines.c.id)
        .where(headlines.c.commit_id >= _first_commit(now - WINDOW_S * 1_000_000))
        .order_by(headlines.c.commit_id, headlines.c.id)
        .limit(1)
    )
    recent = items.c.headline_id >= since.scalar_subquery()
    for row in _latest(
        connection, items.c.text_key, {each.text for each in keys if each.text}, recent
    ):
        known.by_text[row["text_key"]] = row["headline_id"]
    listed = {each.headline for each in known.listed.values() if each.headline is not None}
    found = {*listed, *known.by_url.values(), *known.by_text.values()}
    known.headlines.update(_headlines(connection, found))
    of_source = items.c.source == source
    for row in _latest(connection, items.c.headline_id, found, of_source):
        known.titles[row["headline_id"]] = row["title"]
    return known


def _first_commit(since: int) -> ScalarSelect[int]:
    by_time = select(commits.c.id).where(commits.c.known_at >= since)
    return by_time.order_by(commits.c.known_at, commits.c.id).limit(1).scalar_subquery()


def _latest(
    connection: Connection,
    column: ColumnElement[_T],
    values: Iterable[_T],
    *conditions: ColumnElement[bool],
) -> Iterator[RowMapping]:
    """The last item for each value of a column."""
    for some in _chunks(values):
        last = select(func.max(items.c.id)).where(column.in_(some), *conditions).group_by(column)
        yield from _rows(connection, select(items).where(items.c.id.in_(last)))


def _headlines(connection: Connection, ids: Iterable[int]) -> Iterator[tuple[int, Headline]]:
    for some in _chunks(ids):
        last = (
            select(func.max(versions.c.id))
            .where(versions.c.headline_id.in_(some))
            .group_by(versions.c.headline_id)
        )
        query = (
            select(
                versions.c.headline_id,
                versions.c.number,
                versions.c.text,
                headlines.c.event_id,
                commits.c.known_at,
            )
            .join(headlines, headlines.c.id == versions.c.headline_id)
            .join(events, events.c.id == headlines.c.event_id)
            .join(commits, commits.c.id == events.c.commit_id)
            .where(versions.c.id.in_(last))
        )
        for row in _rows(connection, query):
            yield (
                row["headline_id"],
                Headline(row["event_id"], row["known_at"], row["number"], row["text"]),
            )


def _rows(connection: Connection, query: Select[tuple[object, ...]]) -> Iterator[RowMapping]:
    yield from connection.execute(query).mappings()


def _chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    every = list(values)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]
