"""Write the record: one transaction for each fetch, each set of scores, each set of signals."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Table, func, insert, select

from newsclf.common.errors import StateError
from newsclf.watch.item import Item
from newsclf.watch.record.assign import Assigner, NewRows, Row
from newsclf.watch.record.database import explained, lock, open_to_write
from newsclf.watch.record.identity import keys_of, story_text
from newsclf.watch.record.known import look_up
from newsclf.watch.record.near import WINDOW_S, RecentHeadlines
from newsclf.watch.record.redaction import Redaction
from newsclf.watch.record.rows import Alert, Delivery, Fetch, Score, Signal
from newsclf.watch.record.schema import (
    METADATA,
    alerts,
    commits,
    configurations,
    deliveries,
    events,
    fetches,
    headlines,
    scores,
    signals,
    versions,
)
from newsclf.watch.record.times import microseconds, moment

_CLOCK_MAY_BE_BEHIND = dt.timedelta(hours=1)
_TABLES = ("events", "headlines", "items", "versions", "retractions")
"""Tables to which the items of a document add rows, each after those that it refers to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a fetch added to the record."""

    commit: int
    headlines: int = 0
    """Headlines that were not known before."""
    events: int = 0
    """Events that were not known before."""
    edits: int = 0
    retractions: int = 0
    versions: tuple[tuple[int, str], ...] = ()
    """Id and text of each new version, to be scored."""
    published: tuple[dt.datetime, ...] = ()
    """When the new headlines were published, as the source claims, UTC: of those that state a time
    of day, in the order of the document."""


class Recorder:
    """The one writer of a record.

    A method that returns has its rows on the disk; one that raises or is killed has added nothing.
    Methods may be called from several threads, one at a time.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], dt.datetime],
        secrets: Iterable[str] = (),
    ) -> None:
        """Open a record for writing, made if it is not there.

        Args:
            path: The file; its folder exists.
            now: The wall clock.
            secrets: API keys and the like, which are replaced in whatever is recorded.

        Raises:
            StateError: The file can't be used, another process writes to it, a newer newsclf wrote
                it, or this machine's clock is behind it.
            DataError: The file is damaged, or something else.
        """
        self.path = path
        self._now = now
        self._redaction = Redaction(secrets)
        self._thread_lock = Lock()
        self._ids: dict[str, int] = {}
        self._known_at = 0
        self._recent = RecentHeadlines()
        self._lock = lock(path)
        try:
            self._engine = open_to_write(path)
            with explained(path), self._engine.connect() as connection:
                self._read_state(connection)
            self._check_clock()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Self:
        """The recorder, which is closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, and let another process write."""
        self._engine.dispose()
        self._lock.release()

    @property
    def last_commit(self) -> int:
        """Id of the last commit: the basis of what is computed now."""
        return self._ids["commits"]

    def add_fetch(
        self,
        fetch: Fetch,
        items: Sequence[Item] = (),
        *,
        live_until: Callable[[Added], dt.datetime | None] | None = None,
    ) -> Added:
        """Record an attempt to read a source, and of its items those that are new or changed.

        Args:
            fetch: The attempt.
            items: Those of the document.
            live_until: Judges the source by what is new, in time for the same commit: until when
                signals may count on it (None: it is not live). What it raises undoes the commit.
                It must not call the recorder. Without it `fetch.live_until` stands.

        Raises:
            StateError: The disk is full, or the file can't be written.
        """
        fetch = self._redaction.row(fetch)
        items = [self._redaction.row(item) for item in items]
        keys = keys_of(fetch.source, items)
        with self._commit(at_least=fetch.fetched_at) as (connection, commit):
            known = look_up(connection, fetch.source, keys, now=self._known_at)
            assigner = Assigner(
                source=fetch.source,
                known=known,
                recent=self._recent,
                now=self._known_at,
                next_id=self._next_id,
            )
            rows = assigner.assign(items, keys)
            added = _added(commit, rows)
            until = fetch.live_until if live_until is None else live_until(added)
            fetch = replace(fetch, live_until=until, items=len(items), headlines=added.headlines)
            fetch_id = self._next_id("fetches")
            self._insert(connection, fetches, [_fetch_row(fetch, fetch_id)])
            for row in rows.items:
                row["fetch_id"] = fetch_id
            for table in _TABLES:
                self._insert(connection, METADATA.tables[table], getattr(rows, table))
        return added

    def add_scores(self, new: Sequence[Score]) -> int:
        """Record scores; a version that this model and engine have scored keeps its score.

        Returns:
            How many were added.

        Raises:
            StateError: The disk is full, or the file can't be written.
        """
        with self._commit() as (connection, _):
            rows = {}
            for score in new:
                there = select(scores.c.id).where(
                    scores.c.version_id == score.version,
                    scores.c.model == score.model,
                    scores.c.engine == score.engine,
                )
                if score[:3] not in rows and connection.execute(there).first() is None:
                    values = score._asdict()
                    values["version_id"] = values.pop("version")
                    rows[score[:3]] = {"id": self._next_id("scores"), **values}
            self._insert(connection, scores, list(rows.values()))
        return len(rows)

    def add_computed(
        self,
        *,
        configuration: tuple[str, str],
        texts: Mapping[str, str] | None = None,
        basis: int,
        new_signals: Sequence[Signal] = (),
        new_alerts: Sequence[Alert] = (),
    ) -> int:
        """Record signals and alerts together.

        Args:
            configuration: Digest and content of what they were computed with.
            texts: By digest, what it names by that: a list of companies, the hours of an exchange.
                Each is kept once.
            basis: The last commit that they use.
            new_signals: Signals. One that is there already, of the same configuration, entity and
                bar, is left as it is.
            new_alerts: Alerts. One whose id is there already is left as it is.

        Returns:
            How many signals and alerts were added.

        Raises:
            StateError: The disk is full, or the file can't be written.
        """
        with self._commit() as (connection, _):
            configuration_id = self._configuration(connection, configuration)
            for named in (texts or {}).items():
                self._configuration(connection, named)
            shared: Row = {"configuration_id": configuration_id, "basis": basis}
            signal_rows = []
            for signal in new_signals:
                row = asdict(signal) | {"bar_at": microseconds(signal.bar_at)} | shared
                there = select(signals.c.id).where(
                    signals.c.configuration_id == configuration_id,
                    signals.c.entity == signal.entity,
                    signals.c.bar_at == row["bar_at"],
                )
                if connection.execute(there).first() is None:
                    signal_rows.append(self._redacted_row("signals", row))
            alert_rows = {}
            for alert in new_alerts:
                row = asdict(alert) | shared
                alert_id = row["alert_id"] = self._redaction.text(row.pop("id"))
                known = select(alerts.c.id).where(alerts.c.alert_id == alert_id)
                if alert_id not in alert_rows and connection.execute(known).first() is None:
                    alert_rows[alert_id] = self._redacted_row("alerts", row)
            self._insert(connection, signals, signal_rows)
            self._insert(connection, alerts, list(alert_rows.values()))
        return len(signal_rows) + len(alert_rows)

    def add_delivery(self, delivery: Delivery) -> None:
        """Record what became of sending an alert to a channel.

        Raises:
            StateError: The disk is full, or the file can't be written.
        """
        row = asdict(self._redaction.row(delivery))
        row["alert_id"] = row.pop("alert")
        with self._commit() as (connection, _):
            row["id"] = self._next_id("deliveries")
            self._insert(connection, deliveries, [row])

    @contextmanager
    def _commit(self, *, at_least: dt.datetime | None = None) -> Iterator[tuple[Connection, int]]:
        """A transaction with its row of `commits`; without any other row it adds nothing."""
        with self._thread_lock, explained(self.path), self._engine.connect() as connection:
            try:
                with connection.begin():
                    clock = microseconds(self._now())
                    fetched = microseconds(at_least) if at_least is not None else clock
                    # Never before the last one, should the clock be put back.
                    self._known_at = max(self._known_at, clock, fetched)
                    commit = self._next_id("commits")
                    row = {"id": commit, "known_at": self._known_at}
                    connection.execute(insert(commits), [row])
                    yield connection, commit
            except BaseException:
                self._read_state(connection)
                raise

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            commit = self._ids["commits"]
            connection.execute(insert(table), [{**row, "commit_id": commit} for row in rows])

    def _redacted_row(self, table: str, row: Row) -> Row:
        as_json = {
            name: self._redaction.text(json.dumps(row[name], allow_nan=False))
            for name in ("detail", "evidence")
        }
        return {"id": self._next_id(table), **row, **as_json}

    def _configuration(self, connection: Connection, configuration: tuple[str, str]) -> int:
        digest, content = configuration
        there = select(configurations.c.id).where(configurations.c.digest == digest)
        found = connection.execute(there).scalar_one_or_none()
        if found is not None:
            return int(found)
        new = self._next_id("configurations")
        row: Row = {"id": new, "digest": digest, "content": self._redaction.text(content)}
        self._insert(connection, configurations, [row])
        return new

    def _next_id(self, table: str) -> int:
        self._ids[table] += 1
        return self._ids[table]

    def _read_state(self, connection: Connection) -> None:
        """Read what is kept in memory: the last ids, the last time, and the recent headlines."""
        self._ids = {
            name: int(connection.execute(select(func.max(table.c.id))).scalar() or 0)
            for name, table in METADATA.tables.items()
        }
        last = select(func.max(commits.c.known_at))
        self._known_at = int(connection.execute(last).scalar() or 0)
        self._recent = RecentHeadlines()
        began = commits.c.known_at
        recent = (
            select(versions.c.text, headlines.c.event_id, began)
            .join(headlines, headlines.c.id == versions.c.headline_id)
            .join(events, events.c.id == headlines.c.event_id)
            .join(commits, commits.c.id == events.c.commit_id)
            .where(began >= self._known_at - WINDOW_S * 1_000_000)
            .order_by(versions.c.id)
        )
        for text, event, began_at in connection.execute(recent):
            self._recent.add(story_text(text), event=event, began_s=began_at / 1e6)

    def _check_clock(self) -> None:
        last = moment(self._known_at)
        if last > self._now() + _CLOCK_MAY_BE_BEHIND:
            raise StateError(
                f"{self.path}: the last entry is of {last:%Y-%m-%d %H:%M} UTC, which this machine's"
                " clock has not reached",
                hint="set the clock, or name another file",
            )


def _added(commit: int, rows: NewRows) -> Added:
    first = {row["item_id"] for row in rows.versions if row["number"] == 1}
    published = (
        row["published_at"]
        for row in rows.items
        if row["id"] in first and not row["published_date_only"]
    )
    return Added(
        commit=commit,
        headlines=len(rows.headlines),
        events=len(rows.events),
        edits=len(rows.versions) - len(rows.headlines),
        retractions=len(rows.retractions),
        versions=tuple((int(str(row["id"])), str(row["text"])) for row in rows.versions),
        published=tuple(moment(int(str(at))) for at in published if at is not None),
    )


def _fetch_row(fetch: Fetch, fetch_id: int) -> Row:
    return asdict(fetch) | {
        "id": fetch_id,
        "fetched_at": microseconds(fetch.fetched_at),
        "server_at": _microseconds_if_known(fetch.server_at),
        "live_until": _microseconds_if_known(fetch.live_until),
    }


def _microseconds_if_known(at: dt.datetime | None) -> int | None:
    return microseconds(at) if at is not None else None
