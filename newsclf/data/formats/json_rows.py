"""Read JSON tables: lines, an array of objects, and objects in pandas' orients."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from newsclf.common.errors import DataError
from newsclf.data.formats.delimited import Lines
from newsclf.data.formats.encodings import MAX_LINE_CHARACTERS, lines_of
from newsclf.data.formats.rows import BadRow, Found, Record, Row

_MAX_DOCUMENT_CHARACTERS = 2**28
_LINES_HINT = 'write one object per line, such as {"text": "…", "label": "neutral"}'
_TABLE_HINT = "known are arrays of objects, objects of objects, and pandas' orients"
_CELL = (str, int, float, bool, type(None))


def from_line(place: str, line: str) -> Row:
    """A row from a line of JSONL."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(place, f"broken JSON ({error})", "write one object per line")
    return _row(place, values)


def _row(place: str, values: object) -> Row:
    if not isinstance(values, dict):
        return BadRow(place, f"expected a JSON object, found {str(values)[:40]!r}", _LINES_HINT)
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return BadRow(place, "a text holds half of a surrogate pair", "fix the row")
    return Record(place, values)


def read_json(text: io.TextIOWrapper, name: str) -> Found:
    """Read a JSON document with a table, or lines of JSON.

    Args:
        text: The file, at its start.
        name: Its name, for messages.

    Raises:
        DataError: it is not JSON, or not a table.
    """
    first, second = (text.readline(MAX_LINE_CHARACTERS) for _ in range(2))
    if second.strip() and isinstance(from_line("", first), Record):
        lines = itertools.chain((first, second), lines_of(text, name))
        return Found(Lines(lines, text.encoding).rows(from_line))
    whole = first + second + text.read(_MAX_DOCUMENT_CHARACTERS)
    if len(whole) > _MAX_DOCUMENT_CHARACTERS:
        raise DataError(
            f"{name}: a JSON document of more than {_MAX_DOCUMENT_CHARACTERS:,} characters",
            hint="write JSON lines (.jsonl), which may be of any size",
        )
    try:
        return Found(_rows(json.loads(whole), name))
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{name}: broken JSON ({error})", hint="check that the file is complete"
        ) from None


def _rows(document: object, name: str) -> Iterator[Row]:
    if isinstance(document, list):
        return _numbered(document)
    if isinstance(document, dict):
        values = document.values()
        lists = [each for each in values if isinstance(each, list)]
        if isinstance(document.get("data"), list):  # orients "split" and "table", and APIs'
            return _of_data(document)
        if all(isinstance(each, dict) for each in values):
            return _of_dicts(document)
        if len(lists) == len(values):
            return _of_columns({key: dict(enumerate(each)) for key, each in document.items()})
        of_objects = [each for each in lists if each and isinstance(each[0], dict)]
        if len(of_objects) == 1:
            return _numbered(of_objects[0])
        if all(isinstance(each, _CELL) for each in values):
            return _numbered([document])
    raise DataError(f"{name}: JSON, but no table that can be recognised", hint=_TABLE_HINT)


def _of_data(document: Mapping[str, Any]) -> Iterator[Row]:
    rows, columns = document["data"], document.get("columns")
    if not isinstance(columns, list):
        return _numbered(rows)
    return _numbered(
        dict(zip(map(str, columns), row, strict=False)) if isinstance(row, list) else row
        for row in rows
    )


def _numbered(rows: Iterable[object]) -> Iterator[Row]:
    return (_row(f"item {number}", values) for number, values in enumerate(rows, start=1))


def _of_dicts(document: Mapping[str, dict[str, Any]]) -> Iterator[Row]:
    """Rows by their ids, or pandas' orient "columns": values by index, by column."""
    if not _are_indices(document) and all(map(_are_indices, document.values())):
        return _of_columns(document)
    return (_row(f"item '{key}'", values) for key, values in document.items())


def _are_indices(keys: Mapping[str, object]) -> bool:
    return bool(keys) and all(str(key).isdecimal() for key in keys)


def _of_columns(columns: Mapping[str, Mapping[Any, Any]]) -> Iterator[Row]:
    keys = dict.fromkeys(itertools.chain.from_iterable(columns.values()))
    return _numbered({name: cells.get(key) for name, cells in columns.items()} for key in keys)
