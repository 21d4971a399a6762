"""Records of news for tests: a clock to set, items in few words, and the whole of a file."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

from newsclf.watch.item import Item
from newsclf.watch.record.recorder import Added, Recorder
from newsclf.watch.record.rows import Fetch
from newsclf.watch.record.storage.address import DatabaseUrl, Place
from newsclf.watch.record.storage.postgresql_schema import SCHEMA
from newsclf.watch.record.storage.schema import METADATA

START = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


class Clock:
    """A wall clock that moves when it is told to."""

    def __init__(self, now: dt.datetime = START) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        """The time that was set."""
        return self.now

    def pass_(self, time: dt.timedelta) -> None:
        """Let time pass; a negative one puts the clock back."""
        self.now += time


class Feeds:
    """A recorder with its clock: documents of sources in, counts out."""

    def __init__(self, place: Place, *, clock: Clock | None = None, **more: Any) -> None:
        self.place = place
        self.clock = clock or Clock()
        self.recorder = Recorder(place, now=self.clock, **more)

    def deliver(self, source: str, *items: Item) -> Added:
        """Record a document of a source."""
        return self.recorder.add_fetch(fetch(source, self.clock.now), items)

    def restart(self) -> None:
        """Close the record and open it again, as a new process would."""
        self.recorder.close()
        self.recorder = Recorder(self.place, now=self.clock)


def fetch(source: str, at: dt.datetime = START, **more: Any) -> Fetch:
    return Fetch(
        source=source, fetched_at=at, monotonic_s=at.timestamp() % 1e5, **{"outcome": "ok", **more}
    )


def item(title: str, **more: Any) -> Item:
    return Item(title=title, **more)


def contents(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables of a record, in the order of their ids."""
    return _of_database(place) if isinstance(place, DatabaseUrl) else _of_file(place)


def _of_database(url: DatabaseUrl) -> dict[str, list[tuple[Any, ...]]]:
    import psycopg

    with psycopg.connect(url.text) as connection:
        return {
            name: connection.execute(f"SELECT * FROM {SCHEMA}.{name} ORDER BY id").fetchall()  # noqa: S608
            for name in METADATA.tables
        }


def _of_file(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            )
        ]
        rows = {name: list(connection.execute(f"SELECT * FROM {name}")) for name in names}  # noqa: S608
    connection.close()
    return rows
