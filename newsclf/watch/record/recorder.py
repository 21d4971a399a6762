"""Write the record: one transaction for each fetch, each set of scores, each set of signals."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Table, func, insert, select

from newsclf.common.errors import StateError
from newsclf.watch.item import Item
from newsclf.watch.record.assign import Assigner, NewRows, Row
from newsclf.watch.record.identity import keys_of, story_text
from newsclf.watch.record.known import look_up
from newsclf.watch.record.near import WINDOW_S, RecentHeadlines
from newsclf.watch.record.redaction import RecordRedaction
from newsclf.watch.record.rows import Alert, Delivery, Fetch, Score, Signal
from newsclf.watch.record.storage.address import DatabaseUrl, Place
from newsclf.watch.record.storage.database import open_to_write
from newsclf.watch.record.storage.schema import (
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
from newsclf.watch.record.storage.sharing import Sharing
from newsclf.watch.record.times import microseconds, moment

_T = TypeVar("_T")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class BarEntries:
    """Signals and alerts of a bar, to be recorded together."""

    signals: Sequence[Signal] = ()
    """One that is there already, of the same configuration, entity and bar, is left as it is."""
    alerts: Sequence[Alert] = ()
    """One whose id is there already is left as it is."""


class Recorder:
    """A writer of a record: the only one of a file, one of several of a PostgreSQL database.

    A method that returns has its rows on the disk; one that raises or is killed has added nothing.
    Methods may be called from several threads, one at a time. Each takes in first what others have
    added meanwhile, and nothing is added while it writes, so commits are in one order for all.
    """

    def __init__(
        self,
        place: Place,
        *,
        now: Callable[[], dt.datetime] | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """Open a record for writing, made if it is not there.

        Args:
            place: Where it is; the folder of a file exists.
            now: The clock; by default this machine's for a file, and the server's for PostgreSQL.
            secrets: API keys and the like, which are replaced in whatever is recorded.

        Raises:
            StateError: The record can't be used, another process writes to the file, a newer
                newsclf wrote it, or the clock is behind it.
            DataError: It is damaged, or something else.
        """
        self.place = place
        passwords = place.passwords if isinstance(place, DatabaseUrl) else ()
        self._redaction = RecordRedaction((*secrets, *passwords))
        self._thread_lock = Lock()
        self._ids: dict[str, int] = {}
        self._known_at = 0
        self._recent = RecentHeadlines()
        self._is_settled = False
        """Whether memory and database agree: not while a transaction may still be undone."""
        self._database = open_to_write(place, now=now)
        try:
            self._database.read(self._catch_up)
            self._check_clock()
        except BaseException:
            self._database.close()
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
        """Close the record."""
        self.close()

    def close(self) -> None:
        """Close the record, and let another process write to its file."""
        self._database.close()

    def now(self) -> dt.datetime:
        """The time of the record's clock, UTC."""
        return self._database.now()

    def sharing(self) -> Sharing:
        """How this watch shares the sources with others."""
        return self._database.sharing()

    def stop_waiting(self) -> None:
        """Have calls fail that wait for a server, also later ones; from any thread."""
        self._database.stop_waiting()

    @property
    def last_commit(self) -> int:
        """Id of the last commit that this recorder has added or taken in."""
        return self._ids["commits"]

    def add_fetch(
        self,
        fetch: Fetch,
        items: Sequence[Item] = (),
        *,
        live_until: Callable[[Added], dt.datetime | None] | None = None,
        guard: Callable[[Connection], None] = lambda _: None,
    ) -> Added:
        """Record an attempt to read a source, and of its items those that are new or changed.

        Args:
            fetch: The attempt.
            items: Those of the document.
            live_until: Judges the source by what is new, in time for the same commit: until when
                signals may count on it (None: it is not live). What it raises undoes the commit.
                It must not call the recorder, and may be called again. Without it
                `fetch.live_until` stands.
            guard: Called first, in the transaction; what it raises undoes it.

        Raises:
            StateError: The disk is full, or the record can't be written.
        """
        fetch = self._redaction.row(fetch)
        items = [self._redaction.row(item) for item in items]
        keys = keys_of(fetch.source, items)

        def add(connection: Connection) -> Added:
            guard(connection)
            commit = self._ids["commits"]
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
            counted = replace(
                fetch,
                live_until=until,
                items=len(items),
                headlines=added.headlines,
                terms=fetch.terms if rows.items else None,
            )
            fetch_id = self._next_id("fetches")
            self._insert(connection, fetches, [_fetch_row(counted, fetch_id)])
            for row in rows.items:
                row["fetch_id"] = fetch_id
            for table in _TABLES:
                self._insert(connection, METADATA.tables[table], getattr(rows, table))
            return added

        return self._commit(add, at_least=fetch.fetched_at)

    def add_scores(self, new: Sequence[Score]) -> int:
        """Record scores; a version that this model and engine have scored keeps its score.

        Returns:
            How many were added.

        Raises:
            StateError: The disk is full, or the record can't be written.
        """

        def add(connection: Connection) -> int:
            there = _scored(connection, new)
            rows: dict[tuple[int, str, str], Row] = {}
            for score in new:
                if score[:3] not in rows and score[:3] not in there:
                    values = score._asdict()
                    values["version_id"] = values.pop("version")
                    rows[score[:3]] = {"id": self._next_id("scores"), **values}
            self._insert(connection, scores, list(rows.values()))
            return len(rows)

        return self._commit(add)

    def add_computed(
        self,
        compute: Callable[[dt.datetime], BarEntries | None],
        *,
        configuration: tuple[str, str],
        texts: Mapping[str, str] | None = None,
    ) -> int:
        """Record signals and alerts together.

        Args:
            compute: Computes them from the record as it is, at the time that it is given; nothing
                is added meanwhile, so that their basis is the commit before theirs. None: there is
                nothing to record. It must not call the recorder, and may be called again.
            configuration: Digest and content of what they are computed with.
            texts: By digest, what it names by that: a list of companies, the hours of an exchange.
                Each is kept once.

        Returns:
            How many signals and alerts were added.

        Raises:
            StateError: The disk is full, or the record can't be written.
        """

        def work(connection: Connection, clock: dt.datetime) -> int:
            found = compute(clock)
            if found is None:
                return 0
            self._begin(connection, clock)
            return self._add_computed(connection, found, configuration, texts or {})

        return self._transaction(work)

    def _add_computed(
        self,
        connection: Connection,
        found: BarEntries,
        configuration: tuple[str, str],
        texts: Mapping[str, str],
    ) -> int:
        configuration_id = self._configuration(connection, configuration)
        for named in texts.items():
            self._configuration(connection, named)
        basis = self._ids["commits"] - 1
        shared: Row = {"configuration_id": configuration_id, "basis": basis}
        # One query for all: on a server each takes a while, in which no other watch adds anything.
        computed = {(each.entity, microseconds(each.bar_at)): each for each in found.signals}
        there = _computed(connection, configuration_id, {bar_at for _, bar_at in computed})
        signal_rows = [
            self._redacted_row("signals", asdict(signal) | {"bar_at": bar_at} | shared)
            for (entity, bar_at), signal in computed.items()
            if (entity, bar_at) not in there
        ]
        raised = {self._redaction.text(alert.id): alert for alert in found.alerts}
        query = select(alerts.c.alert_id).where(alerts.c.alert_id.in_(raised))
        known = set(connection.execute(query).scalars())
        alert_rows = []
        for alert_id, alert in raised.items():
            if alert_id not in known:
                row = asdict(alert) | {"alert_id": alert_id} | shared
                del row["id"]
                alert_rows.append(self._redacted_row("alerts", row))
        self._insert(connection, signals, signal_rows)
        self._insert(connection, alerts, alert_rows)
        return len(signal_rows) + len(alert_rows)

    def add_delivery(self, delivery: Delivery) -> None:
        """Record what became of sending an alert to a channel.

        Raises:
            StateError: The disk is full, or the record can't be written.
        """
        row = asdict(self._redaction.row(delivery))
        row["alert_id"] = row.pop("alert")

        def add(connection: Connection) -> None:
            self._insert(connection, deliveries, [{**row, "id": self._next_id("deliveries")}])

        self._commit(add)

    def _commit(
        self, add: Callable[[Connection], _T], *, at_least: dt.datetime | None = None
    ) -> _T:
        """Add rows in a transaction of their own, with its row of `commits`."""

        def work(connection: Connection, clock: dt.datetime) -> _T:
            self._begin(connection, max(clock, at_least) if at_least is not None else clock)
            return add(connection)

        return self._transaction(work)

    def _transaction(self, work: Callable[[Connection, dt.datetime], _T]) -> _T:
        def attempt(connection: Connection, clock: dt.datetime) -> _T:
            self._catch_up(connection)
            return work(connection, clock)

        with self._thread_lock:
            found = self._database.write(attempt)
            self._is_settled = True
        return found

    def _begin(self, connection: Connection, at: dt.datetime) -> None:
        self._is_settled = False
        # Never before the last one, should the clock be put back.
        self._known_at = max(self._known_at, microseconds(at))
        row = {"id": self._next_id("commits"), "known_at": self._known_at}
        connection.execute(insert(commits), [row])

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

    def _catch_up(self, connection: Connection) -> None:
        """Take in what others have added; after a transaction that failed, read all state anew."""
        last = int(connection.execute(select(func.max(commits.c.id))).scalar() or 0)
        after = self._ids["commits"] if self._is_settled else 0
        if self._is_settled and last == after:
            return
        self._is_settled = False  # until all of it has been read
        newest = [
            select(func.max(table.c.id)).scalar_subquery().label(name)
            for name, table in METADATA.tables.items()
        ]
        known_at = select(func.max(commits.c.known_at)).scalar_subquery()
        *ids, known = connection.execute(select(*newest, known_at)).one()
        if not after:
            self._recent = RecentHeadlines()
        self._ids = {name: id_ or 0 for name, id_ in zip(METADATA.tables, ids, strict=True)}
        self._known_at = known or 0
        began = commits.c.known_at
        recent = (
            select(versions.c.text, headlines.c.event_id, began)
            .join(headlines, headlines.c.id == versions.c.headline_id)
            .join(events, events.c.id == headlines.c.event_id)
            .join(commits, commits.c.id == events.c.commit_id)
            .where(began >= self._known_at - WINDOW_S * 1_000_000, versions.c.commit_id > after)
            .order_by(versions.c.id)
        )
        for text, event, began_at in connection.execute(recent):
            self._recent.add(story_text(text), event=event, began_s=began_at / 1e6)
        self._is_settled = True

    def _check_clock(self) -> None:
        last = moment(self._known_at)
        if last > self.now() + _CLOCK_MAY_BE_BEHIND:
            whose = "the server's" if isinstance(self.place, DatabaseUrl) else "this machine's"
            raise StateError(
                f"{self.place}: the last entry is of {last:%Y-%m-%d %H:%M} UTC, which {whose} clock"
                " has not reached",
                hint="set the clock, or name another record",
            )


def _scored(connection: Connection, new: Sequence[Score]) -> set[tuple[int, str, str]]:
    """Which of some scores are there: version, model and engine."""
    there = select(scores.c.version_id, scores.c.model, scores.c.engine).where(
        scores.c.version_id.in_({score.version for score in new})
    )
    return {(version, model, engine) for version, model, engine in connection.execute(there)}


def _computed(
    connection: Connection, configuration: int, bars: Collection[int]
) -> set[tuple[str, int]]:
    """Signals of a configuration that are there: entity and end of each, of some bars."""
    there = select(signals.c.entity, signals.c.bar_at).where(
        signals.c.configuration_id == configuration, signals.c.bar_at.in_(bars)
    )
    return {(entity, bar_at) for entity, bar_at in connection.execute(there)}


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
