"""Read the record: commit by commit, as it became known, and what goes on after a restart."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Row, ScalarSelect, Select, case, exists, func, select

from newsclf.watch.item import Item
from newsclf.watch.record.commits import SCORES, read_commits
from newsclf.watch.record.decode import alert_of, fetch_of, item_of, scored_of
from newsclf.watch.record.rows import (
    Alert,
    Attempt,
    Commit,
    Fetch,
    Hour,
    Score,
    SourcePast,
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
    items,
    scores,
    signals,
    versions,
)
from newsclf.watch.record.times import microseconds, moment, moment_if_known

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
            yield from self._database.read(partial(read_commits, after=after, upto=upto))
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
        query = SCORES.where(
            scores.c.model == model, scores.c.engine == engine, scores.c.commit_id <= until
        )

        def read(connection: Connection) -> list[tuple[Score, str]]:
            begin = connection.execute(query.order_by(scores.c.id).limit(first)).mappings().all()
            behind = query.where(scores.c.id > (begin[-1]["id"] if begin else 0))
            newest = behind.order_by(scores.c.id.desc()).limit(last)
            end = connection.execute(newest).mappings().all()
            return [scored_of(row) for row in (*begin, *reversed(end))]

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
                    Hour(moment(start), moment(end), headlines, count, moment_if_known(new_at))
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
        return fetch_of(row) if row is not None else None

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

    def last_items(self, source: str, *, since: dt.datetime, at_most: int) -> list[Item]:
        """The newest items that a source brought from a time on, with what identifies them.

        No item was published later than it was fetched, whatever it claims.
        """
        query = (
            select(items, fetches.c.fetched_at)
            .join(fetches, fetches.c.commit_id == items.c.commit_id)  # one fetch a commit; indexed
            .where(
                fetches.c.source == source,  # which may withdraw what another one shows
                microseconds(since) // _HOUR <= HOUR,
                fetches.c.fetched_at >= microseconds(since),
            )
            .order_by(items.c.id.desc())
            .limit(at_most)
        )
        return self._database.read(
            lambda connection: [item_of(row) for row in connection.execute(query).mappings()]
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
            lambda connection: [alert_of(row) for row in connection.execute(in_order).mappings()]
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
