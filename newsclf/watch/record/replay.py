"""Read the record: commit by commit, as it became known, and what goes on after a restart."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Row, RowMapping, ScalarSelect, Select, case, exists, func, select

from newsclf.watch.item import Stamp
from newsclf.watch.record.rows import (
    Alert,
    Attempt,
    Commit,
    Computed,
    Delivery,
    Fetch,
    Hour,
    Retraction,
    Score,
    Sighting,
    Signal,
    SourcePast,
    Version,
)
from newsclf.watch.record.storage.address import Place
from newsclf.watch.record.storage.database import open_to_read
from newsclf.watch.record.storage.schema import (
    HOUR,
    alerts,
    commits,
    configurations,
    deliveries,
    events,
    fetches,
    headlines,
    items,
    retractions,
    scores,
    signals,
    versions,
)
from newsclf.watch.record.times import microseconds, moment

_T = TypeVar("_T")
_HOUR = 3_600_000_000
_AT_ONCE = 500
"""Commits that are read in one transaction."""


class Record:
    """A record, open to be read, also while another process writes to it."""

    def __init__(self, place: Place, *, waits: bool = False) -> None:
        """Open a record.

        Args:
            place: Where it is.
            waits: Whether a server that goes away later is waited for.

        Raises:
            StateError: There is no such record, it can't be used, or a newer newsclf wrote it.
            DataError: It is damaged, or something else.
        """
        self.place = place
        self._database = open_to_read(place, waits=waits)

    def __enter__(self) -> Self:
        """The record, which is closed at the end of the block."""
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
        """Close the record."""
        self._database.close()

    def stop_waiting(self) -> None:
        """Have calls fail that wait for a server, also later ones; from any thread."""
        self._database.stop_waiting()

    def last_commit(self, *, until: dt.datetime | None = None) -> int:
        """Id of the last commit, or of the last one that was known by a time; 0 without any."""
        query = _LATEST_COMMIT
        if until is not None:
            query = query.where(commits.c.known_at <= microseconds(until))
        return self._database.read(lambda connection: connection.execute(query).scalar() or 0)

    def commits(
        self, *, after: int = 0, until: dt.datetime | int | None = None
    ) -> Iterator[Commit]:
        """Replay the record in its order; memory does not grow with it.

        Args:
            after: Begin behind this commit.
            until: End with what was known by this time, or with this commit, such as the basis of
                a signal; None: with the last one that is there now.
        """
        last = until if isinstance(until, int) else self.last_commit(until=until)
        while after < last:
            upto = min(last, after + _AT_ONCE)
            yield from self._database.read(partial(_commits, after=after, upto=upto))
            after = upto

    def unscored(self) -> list[tuple[int, str, str]]:
        """Versions that no model has scored, the earliest first: id, text and source of each."""
        scored = exists().where(scores.c.version_id == versions.c.id)
        query = (
            select(versions.c.id, versions.c.text, items.c.source)
            .join(items, items.c.id == versions.c.item_id)
            .where(~scored)
            .order_by(versions.c.id)
        )
        return self._database.read(
            lambda connection: [(id_, text, of) for id_, text, of in connection.execute(query)]
        )

    def scored(
        self, model: str, engine: str, *, until: int, first: int, last: int
    ) -> list[tuple[Score, str]]:
        """The first scores of a model and, of those after them, the last, each with its text.

        Args:
            model: Digest of the model.
            engine: What computed them.
            until: The last commit that is read.
            first: How many, from the beginning.
            last: How many, up to the end.
        """
        query = _SCORES.where(
            scores.c.model == model, scores.c.engine == engine, scores.c.commit_id <= until
        )

        def read(connection: Connection) -> list[tuple[Score, str]]:
            begin = connection.execute(query.order_by(scores.c.id).limit(first)).mappings().all()
            behind = query.where(scores.c.id > (begin[-1]["id"] if begin else 0))
            newest = behind.order_by(scores.c.id.desc()).limit(last)
            end = connection.execute(newest).mappings().all()
            return [_scored(row) for row in (*begin, *reversed(end))]

        return self._database.read(read)

    def hourly_bars(
        self, configuration: str, *, since: dt.datetime, until: dt.datetime
    ) -> list[tuple[dt.datetime, dict[str, dict[str, object]]]]:
        """The last bar of each hour with its signals of a configuration: their details by entity.

        Args:
            configuration: Its digest.
            since: A whole hour; a bar that ends with it belongs to the hour before.
            until: The end of the last bar that is read.
        """
        of_configuration = signals.c.configuration_id == _configuration_id(configuration)

        def read(
            connection: Connection,
        ) -> list[tuple[dt.datetime, dict[str, dict[str, object]]]]:
            found = []
            upto, first = microseconds(until), microseconds(since)
            while upto > first:
                in_time = (signals.c.bar_at > first) & (signals.c.bar_at <= upto)
                latest = select(signals.c.bar_at).where(of_configuration, in_time)
                newest = latest.order_by(signals.c.bar_at.desc()).limit(1)
                bar_at = connection.execute(newest).scalar()
                if bar_at is None:
                    break
                of_bar = select(signals.c.entity, signals.c.detail).where(
                    of_configuration, signals.c.bar_at == bar_at
                )
                rows = {row.entity: json.loads(row.detail) for row in connection.execute(of_bar)}
                found.append((moment(bar_at), rows))
                upto = (bar_at - 1) // _HOUR * _HOUR  # the end of the hour before
            return found[::-1]

        return self._database.read(read)

    def bar_times(
        self, configuration: str, *, since: dt.datetime, until: dt.datetime
    ) -> list[dt.datetime]:
        """Ends of the bars with signals of a configuration, after a time and up to another."""
        query = (
            select(signals.c.bar_at)
            .where(
                signals.c.configuration_id == _configuration_id(configuration),
                signals.c.bar_at > microseconds(since),
                signals.c.bar_at <= microseconds(until),
            )
            .distinct()
            .order_by(signals.c.bar_at)
        )
        return self._database.read(
            lambda connection: list(map(moment, connection.execute(query).scalars()))
        )

    def configurations(self) -> list[str]:
        """Contents of the configurations of signals, the one that was used last at the end."""
        # The last of each by the index of its bars: a record has millions of signals.
        of_it = select(signals.c.id).where(signals.c.configuration_id == configurations.c.id)
        last = (
            of_it.order_by(signals.c.bar_at.desc(), signals.c.entity.desc())
            .limit(1)
            .scalar_subquery()
        )
        used = select(configurations.c.content, last.label("last")).subquery()
        query = select(used.c.content).where(used.c.last.is_not(None)).order_by(used.c.last)
        return self._database.read(lambda connection: list(connection.execute(query).scalars()))

    def text(self, digest: str) -> str | None:
        """What a configuration names by its digest, such as a list; None if it is not there."""
        query = select(configurations.c.content).where(configurations.c.digest == digest)
        found = self._database.read(
            lambda connection: connection.execute(query).scalar_one_or_none()
        )
        return None if found is None else str(found)

    def past(
        self,
        source: str,
        *,
        since: dt.datetime,
        answers: Collection[str],
        latest: int,
        arrivals: int,
        newest: int,
    ) -> SourcePast:
        """What is known of a source, by which its health is judged.

        Args:
            source: Its name.
            since: What was before does not count; a whole hour.
            answers: Outcomes that are answers.
            latest: Attempts that are read in whole.
            arrivals: Answers with something new of which the times are read.
            newest: Answers with something new that are read in whole.
        """
        of_source = select(fetches).where(fetches.c.source == source)
        answered = of_source.where(fetches.c.outcome.in_(answers))
        hour = microseconds(since) // _HOUR
        forwards = HOUR, fetches.c.fetched_at
        backwards = HOUR.desc(), fetches.c.fetched_at.desc()

        def read(connection: Connection) -> SourcePast:
            first = connection.execute(answered.order_by(*forwards).limit(1)).first()
            new = (fetches.c.headlines > 0) & (fetches.c.id != (first.id if first else 0))
            arrived = answered.where(hour <= HOUR, new).order_by(*backwards)
            recent = of_source.where(hour <= HOUR).order_by(*backwards, fetches.c.id.desc())
            at = fetches.c.fetched_at
            by_hour = (
                answered.with_only_columns(
                    func.min(at),
                    func.max(at),
                    func.sum(fetches.c.headlines),
                    func.count(case((new, 1))),
                    func.min(case((new, at))),
                )
                .where(hour <= HOUR)
                .group_by(fetches.c.source, HOUR)
                .order_by(HOUR)
            )
            times = connection.execute(arrived.with_only_columns(at).limit(arrivals)).scalars()
            return SourcePast(
                first=_attempts(connection, [first])[0] if first else None,
                hours=tuple(
                    Hour(moment(start), moment(end), headlines, count, _moment_if_known(new_at))
                    for start, end, headlines, count, new_at in connection.execute(by_hour)
                ),
                arrivals=tuple(map(moment, reversed(times.all()))),
                newest=_attempts(connection, connection.execute(arrived.limit(newest)).all()),
                latest=tuple(
                    _attempt(row)
                    for row in reversed(connection.execute(recent.limit(latest)).all())
                ),
            )

        return self._database.read(read)

    def last_fetch(self, source: str) -> Fetch | None:
        """The last attempt to read a source."""
        query = select(fetches).where(fetches.c.source == source)
        newest_first = (HOUR.desc(), fetches.c.fetched_at.desc(), fetches.c.id.desc())
        last = query.order_by(*newest_first).limit(1)
        row = self._database.read(lambda connection: connection.execute(last).mappings().first())
        return _fetch(row) if row is not None else None

    def asked_at(self, sources: Collection[str], *, since: dt.datetime) -> list[dt.datetime]:
        """When any of some sources was asked from a time on, ascending: for daily quotas."""
        query = select(fetches.c.fetched_at).where(
            fetches.c.source.in_(sources),
            microseconds(since) // _HOUR <= HOUR,
            fetches.c.fetched_at >= microseconds(since),
        )
        return self._database.read(
            lambda connection: sorted(map(moment, connection.execute(query).scalars()))
        )

    def window_start(self, since: dt.datetime) -> tuple[int, int]:
        """Where to begin, to have all that became known from a time on.

        Returns:
            Id of the last commit that was known before, for `commits(after=…)`, and id of the last
            event in the commits up to it; 0 for each that is not there.
        """
        commit = _LATEST_COMMIT.where(commits.c.known_at < microseconds(since))
        event = select(events.c.id).order_by(events.c.commit_id.desc(), events.c.id.desc()).limit(1)

        def read(connection: Connection) -> tuple[int, int]:
            last = connection.execute(commit).scalar() or 0
            in_it = event.where(events.c.commit_id <= last)
            return last, connection.execute(in_it).scalar() or 0

        return self._database.read(read)

    def last_bar(self, configuration: str) -> dt.datetime | None:
        """End of the last bar with signals of a configuration, given by its digest."""
        query = (
            select(signals.c.bar_at)
            .where(signals.c.configuration_id == _configuration_id(configuration))
            .order_by(signals.c.bar_at.desc())
            .limit(1)
        )
        last = self._database.read(lambda connection: connection.execute(query).scalar())
        return moment(last) if last is not None else None

    def alerts(self, configuration: str) -> list[Alert]:
        """Alerts of a configuration, given by its digest, in the order in which they came."""
        return self._alerts(
            select(alerts).where(alerts.c.configuration_id == _configuration_id(configuration))
        )

    def undelivered(self, channel: str, *, since: dt.datetime) -> list[Alert]:
        """Alerts of any configuration that were to be sent to a channel when the watch ended.

        Args:
            channel: Its name.
            since: Alerts that were known before are left out.

        Returns:
            Those of which nothing is on record for the channel, neither that they were delivered
            nor that they were given up, in the order in which they came.
        """
        settled = exists().where(
            deliveries.c.alert_id == alerts.c.alert_id, deliveries.c.channel == channel
        )
        before = _LATEST_COMMIT.where(commits.c.known_at < microseconds(since)).scalar_subquery()
        return self._alerts(
            select(alerts).where(alerts.c.commit_id > func.coalesce(before, 0), ~settled)
        )

    def _alerts(self, query: Select[Any]) -> list[Alert]:
        in_order = query.order_by(alerts.c.commit_id, alerts.c.id)
        return self._database.read(
            lambda connection: [_alert(row) for row in connection.execute(in_order).mappings()]
        )


_LATEST_COMMIT = (
    select(commits.c.id).order_by(commits.c.known_at.desc(), commits.c.id.desc()).limit(1)
)
"""Commits are in the order of their times, so the index of times has the last one at its end."""


def _attempts(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Attempt, ...]:
    """Attempts, the latest first, in the order of their times, with the claims of what was new."""
    query = (
        select(versions.c.commit_id, items.c.published_at)
        .join(items, items.c.id == versions.c.item_id)
        .where(
            versions.c.commit_id.in_([row.commit_id for row in rows]),
            versions.c.number == 1,
            items.c.published_at.is_not(None),
            ~items.c.published_date_only,
        )
        .order_by(versions.c.id)
    )
    claims: defaultdict[int, list[dt.datetime]] = defaultdict(list)
    for commit, at in connection.execute(query):
        claims[commit].append(moment(at))
    return tuple(_attempt(row, claims[row.commit_id]) for row in reversed(rows))


def _attempt(row: Row[Any], published: Sequence[dt.datetime] = ()) -> Attempt:
    return Attempt(
        at=moment(row.fetched_at),
        outcome=row.outcome,
        detail=row.detail,
        items=row.items,
        headlines=row.headlines,
        published=tuple(published),
    )


def _configuration_id(digest: str) -> ScalarSelect[Any]:
    return select(configurations.c.id).where(configurations.c.digest == digest).scalar_subquery()


def _commits(connection: Connection, after: int, upto: int) -> list[Commit]:
    """The commits after one, up to another, with all their rows."""

    def by_commit(
        query: Select[Any], column: Any, make: Callable[[RowMapping], _T]
    ) -> Mapping[int, tuple[_T, ...]]:
        rows = connection.execute(
            query.add_columns(column.c.commit_id.label("of_commit"))
            .where(column.c.commit_id > after, column.c.commit_id <= upto)
            .order_by(column.c.id)
        ).mappings()
        found: defaultdict[int, list[_T]] = defaultdict(list)
        for row in rows:
            found[row["of_commit"]].append(make(row))
        return {commit: tuple(of_it) for commit, of_it in found.items()}

    fetched = by_commit(select(fetches), fetches, _fetch)
    sighted = by_commit(
        _SIGHTINGS,
        items,
        _sighting,
    )
    told = by_commit(_VERSIONS, versions, _version)
    withdrawn = by_commit(_RETRACTIONS, retractions, _retraction)
    scored = by_commit(_SCORES, scores, _scored)
    bars = by_commit(select(signals), signals, _signal)
    alarms = by_commit(select(alerts), alerts, _alert)
    sent = by_commit(select(deliveries), deliveries, _delivery)
    computed = by_commit(_computed(signals), signals, _basis)
    computed = {**by_commit(_computed(alerts), alerts, _basis), **computed}
    query = select(commits).where(commits.c.id > after, commits.c.id <= upto)
    found = []
    for row in connection.execute(query.order_by(commits.c.id)):
        basis = next(iter(computed.get(row.id, ())), None)
        found.append(
            Commit(
                id=row.id,
                known_at=moment(row.known_at),
                fetch=next(iter(fetched.get(row.id, ())), None),
                sightings=sighted.get(row.id, ()),
                versions=told.get(row.id, ()),
                retractions=withdrawn.get(row.id, ()),
                scores=tuple(score for score, _ in scored.get(row.id, ())),
                scored_texts=tuple(text for _, text in scored.get(row.id, ())),
                computed=None
                if basis is None
                else Computed(
                    configuration=basis[0],
                    basis=basis[1],
                    signals=bars.get(row.id, ()),
                    alerts=alarms.get(row.id, ()),
                ),
                delivery=next(iter(sent.get(row.id, ())), None),
            )
        )
    return found


_SIGHTINGS = select(
    # Not whole items: their raw texts are most of a record.
    *(items.c.id, items.c.headline_id, items.c.source, items.c.title, headlines.c.event_id)
).join(headlines, headlines.c.id == items.c.headline_id)
_VERSIONS = (
    select(
        versions,
        headlines.c.event_id,
        items.c.source,
        items.c.url,
        items.c.tickers,
        items.c.published_raw,
        items.c.published_at,
        items.c.published_date_only,
        items.c.updated_raw,
        items.c.updated_at,
        items.c.updated_date_only,
        fetches.c.fetched_at,
        commits.c.known_at,
    )
    .join(headlines, headlines.c.id == versions.c.headline_id)
    .join(items, items.c.id == versions.c.item_id)
    .join(fetches, fetches.c.id == items.c.fetch_id)
    .join(commits, commits.c.id == versions.c.commit_id)
)
_SCORES = select(scores, versions.c.text).join(versions, versions.c.id == scores.c.version_id)
_RETRACTIONS = (
    select(retractions, headlines.c.event_id, items.c.source)
    .join(items, items.c.id == retractions.c.item_id)
    .outerjoin(headlines, headlines.c.id == retractions.c.headline_id)
)


def _computed(table: Any) -> Select[Any]:
    return select(configurations.c.digest, table.c.basis).join(
        configurations, configurations.c.id == table.c.configuration_id
    )


def _fetch(row: RowMapping) -> Fetch:
    return Fetch(
        source=row["source"],
        fetched_at=moment(row["fetched_at"]),
        monotonic_s=row["monotonic_s"],
        outcome=row["outcome"],
        status=row["status"],
        server_at=_moment_if_known(row["server_at"]),
        body_digest=row["body_digest"],
        body_bytes=row["body_bytes"],
        detail=row["detail"],
        retry_after_s=row["retry_after_s"],
        live_until=_moment_if_known(row["live_until"]),
        items=row["items"],
        headlines=row["headlines"],
        terms=row["terms"],
    )


def _moment_if_known(at: int | None) -> dt.datetime | None:
    return moment(at) if at is not None else None


def _sighting(row: RowMapping) -> Sighting:
    return Sighting(
        item=row["id"],
        headline=row["headline_id"],
        event=row["event_id"],
        source=row["source"],
        title=row["title"],
    )


def _version(row: RowMapping) -> Version:
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
    return Stamp(raw, _moment_if_known(at), row[f"{name}_date_only"])


def _retraction(row: RowMapping) -> Retraction:
    return Retraction(
        item=row["item_id"],
        headline=row["headline_id"],
        event=row["event_id"],
        source=row["source"],
    )


def _score(row: RowMapping) -> Score:
    return Score(
        row["version_id"],
        row["model"],
        row["engine"],
        row["negative"],
        row["neutral"],
        row["positive"],
    )


def _scored(row: RowMapping) -> tuple[Score, str]:
    return _score(row), row["text"]


def _signal(row: RowMapping) -> Signal:
    return Signal(
        entity=row["entity"],
        bar_at=moment(row["bar_at"]),
        value=row["value"],
        detail=json.loads(row["detail"]),
        evidence=tuple(json.loads(row["evidence"])),
    )


def _alert(row: RowMapping) -> Alert:
    return Alert(
        id=row["alert_id"],
        rule=row["rule"],
        entity=row["entity"],
        detail=json.loads(row["detail"]),
        evidence=tuple(json.loads(row["evidence"])),
    )


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        alert=row["alert_id"],
        channel=row["channel"],
        delivered=row["delivered"],
        attempts=row["attempts"],
        problem=row["problem"],
    )


def _basis(row: RowMapping) -> tuple[str, int]:
    return row["digest"], row["basis"]
