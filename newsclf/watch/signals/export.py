"""Export signals and headlines as Parquet, CSV or JSON lines, one row each.

The rows are described by docs/signals.schema.json, and so are alerts. In CSV, a text that a
spreadsheet would take for a formula gets an apostrophe in front; docs/decisions/0078 says why here.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from newsclf.common.records import StrictRecord
from newsclf.data.sink import open_sink
from newsclf.watch.entities.relevance import LISTED_BY_SOURCE
from newsclf.watch.signals.aggregate import Signal, utc
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.measures.trading_time import MarketClock
from newsclf.watch.signals.rows import ScoredRow
from newsclf.watch.signals.score import headline_score
from newsclf.watch.signals.source_alerts import SourceAlert

SCHEMA_VERSION: Literal[3] = 3
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters that make a cell a formula, also in full width."""
_CHUNK = 10_000
_Record = TypeVar("_Record", bound=BaseModel)


class SignalRow(Signal):
    """Row of an export of signals: an entity, or all headlines, and a bar."""

    schema_version: Literal[3] = SCHEMA_VERSION


class ItemRow(StrictRecord):
    """Row of an export of headlines: a version of an item, and an entity of the watch list.

    A headline that names several, or may name them, has a row for each; others have a single row.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    item: int
    version: int
    event: int
    event_began: dt.datetime
    entity: str | None
    relevance: int | None
    """How much it is about the entity, from 0 to 100."""
    counts: bool
    """Whether it moves the entity's signal."""
    abstained: bool
    """Whether it is about other companies, too, and so counts for none of them."""
    doubtful: bool
    """Whether a word of it may be the entity's name, or something else; then it doesn't count."""
    listed: bool
    """Whether only the source's own symbols give the entity; then it doesn't count."""
    reports_move: bool
    """Whether it reports a move of a price, such as "shares fall 5 %"."""
    retracted: bool
    """Withdrawn by its sources, or replaced by a correction."""
    sources: str
    """Names of the sources that show it, with commas between them."""
    terms: str | None
    """On which each of them lets it be used, as far as is known: `name: terms`, with ` | ` between
    them."""
    title: str
    url: str | None
    published: dt.datetime | None
    """As the source claims."""
    first_seen: dt.datetime
    scored: dt.datetime | None
    session: dt.date | None
    """The trading day for which it counts: the first that closes after it was known with this
    text. None without an exchange."""
    negative: float | None
    neutral: float | None
    positive: float | None
    score: float | None
    """P(positive) − P(negative)."""
    model: str | None
    """Digest of the model."""


def signal_rows(signals: Iterable[Signal]) -> Iterator[SignalRow]:
    """One row for each entity and bar."""
    for signal in signals:
        yield SignalRow(**dict(signal))


def item_rows(rows: Iterable[ScoredRow], clock: MarketClock) -> Iterator[ItemRow]:
    """One row for each version of an item and each entity that it names, or may name.

    Args:
        rows: The headlines.
        clock: Of the exchange, for the trading days.
    """
    for row in rows:
        negative, neutral, positive = row.scores or (None, None, None)
        only_listed = tuple(entity for entity in row.listed if entity not in row.doubtful)
        for entity in (*row.entities, *row.doubtful, *only_listed) or (None,):
            yield ItemRow(
                item=row.item,
                version=row.version,
                event=row.event,
                event_began=utc(row.event_began_s),
                entity=entity,
                relevance=_relevance(row, entity),
                counts=entity is not None and entity == row.counts_for,
                abstained=entity in row.abstained,
                doubtful=entity in row.doubtful,
                listed=entity in only_listed,
                reports_move=row.reports_move,
                retracted=row.scores is None,
                sources=", ".join(row.sources),
                terms=_terms(row),
                title=row.title,
                url=row.url,
                published=None if row.published_s is None else utc(row.published_s),
                first_seen=utc(row.first_seen_s),
                scored=None if row.scored_s is None else utc(row.scored_s),
                session=clock.session(row.scored_s or row.first_seen_s),
                negative=negative,
                neutral=neutral,
                positive=positive,
                score=None if row.scores is None else headline_score(row.scores),
                model=row.model,
            )


def _terms(row: ScoredRow) -> str | None:
    pairs = zip(row.sources, row.terms, strict=False)
    return " | ".join(f"{source}: {terms}" for source, terms in pairs if terms) or None


def _relevance(row: ScoredRow, entity: str | None) -> int | None:
    if entity in row.listed and entity not in row.doubtful:
        return LISTED_BY_SOURCE
    return row.relevance_of(entity) if entity in row.entities else None


def export(path: Path, kind: type[_Record], records: Iterable[_Record]) -> int:
    """Write rows to a .parquet, .csv, .tsv or .jsonl file, which appears when it is complete.

    Args:
        path: The file.
        kind: `SignalRow` or `ItemRow`; its fields are the columns, also where there are no rows.
        records: The rows; they are read in pieces.

    Returns:
        How many rows were written.

    Raises:
        DataError: The file can't be written, or has another suffix.
        MissingExtraError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    found = iter(records)
    written = 0
    with open_sink(path, columns=_columns(kind)) as write:
        write([])
        while chunk := list(islice(found, _CHUNK)):
            write([_cells(record, suffix) for record in chunk])
            written += len(chunk)
    return written


def schema() -> str:
    """JSON Schema of both kinds of rows and of alerts, as in docs/signals.schema.json."""
    _, found = models_json_schema(
        [(kind, "serialization") for kind in (SignalRow, ItemRow, Alert, SourceAlert, DriftAlert)],
        title="Exports and alerts of newsclf watch",
    )
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _columns(kind: type[BaseModel]) -> dict[str, type]:
    """Fields of a record with the kind of their values, without None."""
    hints: Mapping[str, Any] = get_type_hints(kind)
    return {name: _value_type(hints[name]) for name in kind.model_fields}


def _value_type(hint: Any) -> type:
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    first = choices[0] if choices else hint
    return first if isinstance(first, type) else type(first)


def _cells(record: BaseModel, suffix: str) -> dict[str, object]:
    if suffix == ".parquet":
        return record.model_dump()
    cells = record.model_dump(mode="json")
    if suffix == ".jsonl":
        return cells
    return {name: _without_formula(value) for name, value in cells.items()}


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
