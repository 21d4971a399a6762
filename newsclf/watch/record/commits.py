"""Read commits of a record with all their rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Select, select

from newsclf.watch.record.decode import (
    alert_of,
    basis_of,
    delivery_of,
    fetch_of,
    retraction_of,
    scored_of,
    sighting_of,
    signal_of,
    version_of,
)
from newsclf.watch.record.rows import Commit, Computed
from newsclf.watch.record.storage.schema import (
    alerts,
    commits,
    configurations,
    deliveries,
    fetches,
    headlines,
    items,
    retractions,
    scores,
    signals,
    versions,
)
from newsclf.watch.record.times import moment

_T = TypeVar("_T")

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
SCORES = select(scores, versions.c.text).join(versions, versions.c.id == scores.c.version_id)
"""Scores with the texts that were scored."""
_RETRACTIONS = (
    select(retractions, headlines.c.event_id, items.c.source)
    .join(items, items.c.id == retractions.c.item_id)
    .outerjoin(headlines, headlines.c.id == retractions.c.headline_id)
)


def read_commits(connection: Connection, after: int, upto: int) -> list[Commit]:
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

    fetched = by_commit(select(fetches), fetches, fetch_of)
    sighted = by_commit(_SIGHTINGS, items, sighting_of)
    told = by_commit(_VERSIONS, versions, version_of)
    withdrawn = by_commit(_RETRACTIONS, retractions, retraction_of)
    scored = by_commit(SCORES, scores, scored_of)
    bars = by_commit(select(signals), signals, signal_of)
    alarms = by_commit(select(alerts), alerts, alert_of)
    sent = by_commit(select(deliveries), deliveries, delivery_of)
    computed = by_commit(_computed(signals), signals, basis_of)
    computed = {**by_commit(_computed(alerts), alerts, basis_of), **computed}
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


def _computed(table: Any) -> Select[Any]:
    return select(configurations.c.digest, table.c.basis).join(
        configurations, configurations.c.id == table.c.configuration_id
    )
