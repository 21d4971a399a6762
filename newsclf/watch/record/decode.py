"""Values of a record, from rows of its tables."""

from __future__ import annotations

import json
from dataclasses import replace

from sqlalchemy import RowMapping

from newsclf.watch.item import Item, Stamp
from newsclf.watch.record.rows import (
    Alert,
    Delivery,
    Fetch,
    Retraction,
    Score,
    Sighting,
    Signal,
    Version,
)
from newsclf.watch.record.times import moment, moment_if_known


def fetch_of(row: RowMapping) -> Fetch:
    """An attempt to read a source."""
    return Fetch(
        source=row["source"],
        fetched_at=moment(row["fetched_at"]),
        monotonic_s=row["monotonic_s"],
        outcome=row["outcome"],
        status=row["status"],
        server_at=moment_if_known(row["server_at"]),
        body_digest=row["body_digest"],
        body_bytes=row["body_bytes"],
        detail=row["detail"],
        retry_after_s=row["retry_after_s"],
        live_until=moment_if_known(row["live_until"]),
        items=row["items"],
        headlines=row["headlines"],
        terms=row["terms"],
    )


def sighting_of(row: RowMapping) -> Sighting:
    """That a source shows a headline."""
    return Sighting(
        item=row["id"],
        headline=row["headline_id"],
        event=row["event_id"],
        source=row["source"],
        title=row["title"],
    )


def item_of(row: RowMapping) -> Item:
    """What identifies an item, and when it was published: at the latest when it was fetched."""
    fetched_at = moment(row["fetched_at"])
    published, updated = (
        stamp and replace(stamp, at=stamp.at and min(stamp.at, fetched_at))
        for stamp in (_stamp(row, "published"), _stamp(row, "updated"))
    )
    return Item(
        title=row["title"],
        id=row["source_id"],
        url=row["url"],
        published=published,
        updated=updated,
    )


def version_of(row: RowMapping) -> Version:
    """A wording of a headline, with its item."""
    return Version(
        id=row["id"],
        headline=row["headline_id"],
        event=row["event_id"],
        number=row["number"],
        text=row["text"],
        source=row["source"],
        item=row["item_id"],
        url=row["url"],
        tickers=tuple(json.loads(row["tickers"])),
        published=_stamp(row, "published"),
        updated=_stamp(row, "updated"),
        fetched_at=moment(row["fetched_at"]),
        known_at=moment(row["known_at"]),
    )


def _stamp(row: RowMapping, name: str) -> Stamp | None:
    raw, at = row[f"{name}_raw"], row[f"{name}_at"]
    if raw is None:
        return None
    return Stamp(raw, moment_if_known(at), row[f"{name}_date_only"])


def retraction_of(row: RowMapping) -> Retraction:
    """That a source withdrew an item."""
    return Retraction(
        item=row["item_id"],
        headline=row["headline_id"],
        event=row["event_id"],
        source=row["source"],
    )


def scored_of(row: RowMapping) -> tuple[Score, str]:
    """A model's answer, and the text that it was asked about."""
    score = Score(
        row["version_id"],
        row["model"],
        row["engine"],
        row["negative"],
        row["neutral"],
        row["positive"],
    )
    return score, row["text"]


def signal_of(row: RowMapping) -> Signal:
    """The signal of an entity at the end of a bar."""
    return Signal(
        entity=row["entity"],
        bar_at=moment(row["bar_at"]),
        value=row["value"],
        detail=json.loads(row["detail"]),
        evidence=tuple(json.loads(row["evidence"])),
    )


def alert_of(row: RowMapping) -> Alert:
    """An alert."""
    return Alert(
        id=row["alert_id"],
        rule=row["rule"],
        entity=row["entity"],
        detail=json.loads(row["detail"]),
        evidence=tuple(json.loads(row["evidence"])),
    )


def delivery_of(row: RowMapping) -> Delivery:
    """What came of sending an alert to a channel."""
    return Delivery(
        alert=row["alert_id"],
        channel=row["channel"],
        delivered=row["delivered"],
        attempts=row["attempts"],
        problem=row["problem"],
    )


def basis_of(row: RowMapping) -> tuple[str, int]:
    """The configuration by which a commit was computed, a digest, and the last commit used."""
    return row["digest"], row["basis"]
