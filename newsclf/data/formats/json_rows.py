"""Read JSON tables: lines, an array of objects, and objects in pandas' orients."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from newsclf.common.errors import DataError
from newsclf.data.formats.delimited import Lines
from newsclf.data.formats.encodings import MAX_LINE_CHARACTERS, lines_of
from newsclf.data.formats.rows import BadRow, Found, Record, Row

_PIECE_CHARACTERS = 2**16
_MAX_DOCUMENT_CHARACTERS = 2**28
_SPACES = re.compile(r"[ \t\r\n]*")
_LINES_HINT = 'write one object per line, such as {"text": "…", "label": "neutral"}'
_OBJECT_HINT = "known are arrays of objects, objects of objects, and pandas' orients"
_CELL = (str, int, float, bool, type(None))


def from_line(place: str, line: str) -> Row:
    """A row from a line of JSONL."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(place, f"broken JSON ({error})", "write one object per line")
    return _row(place, values, shown=line.strip()[:40])


def _row(place: str, values: object, *, shown: str) -> Row:
    if not isinstance(values, dict):
        return BadRow(place, f"expected a JSON object, found {shown!r}", _LINES_HINT)
    if half := next((key for key, value in values.items() if _holds_half(key, value)), None):
        said = ascii(half)[1:-1]
        return BadRow(
            place,
            f"'{said}' holds half of a surrogate pair",
            "fix the row",
        )
    return Record(place, values)


def _holds_half(key: str, value: object) -> bool:
    text = key + value if isinstance(value, str) else key
    if not isinstance(value, _CELL):
        text = key + json.dumps(value, ensure_ascii=False)
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def read_json(text: io.TextIOWrapper, codec: str, name: str) -> Found:
    """Read a JSON document with a table.

    Args:
        text: The file, at its start.
        codec: Its encoding, for messages.
        name: Its name, for messages.

    Raises:
        DataError: it is not JSON, or not a table.
    """
    start = text.read(_PIECE_CHARACTERS)
    if start.lstrip().startswith("["):
        return Found(_array(_Buffer(start, text, name)))
    start += text.readline(MAX_LINE_CHARACTERS)
    if _is_jsonl(start):
        head = io.StringIO(start, newline="")
        return Found(Lines(itertools.chain(head, lines_of(text, name)), codec).rows(from_line))
    return Found(_objects(_document(start, text, name), name))


def _is_jsonl(start: str) -> bool:
    """Whether the first of several lines is an object by itself."""
    first, _, rest = start.lstrip().partition("\n")
    if not rest.strip():
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _document(start: str, text: io.TextIOWrapper, name: str) -> dict[str, Any]:
    whole = start + text.read(_MAX_DOCUMENT_CHARACTERS)
    if len(whole) >= _MAX_DOCUMENT_CHARACTERS:
        raise DataError(
            f"{name}: a JSON object of more than {_MAX_DOCUMENT_CHARACTERS:,} characters",
            hint="write JSON lines (.jsonl), which may be of any size",
        )
    try:
        document = json.loads(whole)
    except (ValueError, RecursionError) as error:
        raise _broken(name, error) from None
    if not isinstance(document, dict):
        raise DataError(f"{name}: JSON, but no table", hint=_OBJECT_HINT)
    return document


def _broken(name: str, error: Exception | str) -> DataError:
    return DataError(f"{name}: broken JSON ({error})", hint="check that it was written whole")


def _objects(document: Mapping[str, Any], name: str) -> Iterator[Row]:
    values = list(document.values())
    if isinstance(document.get("data"), list):  # pandas' orients "split" and "table", and APIs'
        yield from _of_data(document, name)
    elif values and all(isinstance(each, dict) for each in values):
        yield from _of_dicts(document)
    elif values and all(isinstance(each, list) for each in values):
        yield from _of_columns({key: dict(enumerate(each)) for key, each in document.items()})
    elif len(lists := [each for each in values if _is_list_of_objects(each)]) == 1:
        yield from _numbered(lists[0])
    elif values and all(isinstance(each, _CELL) for each in values):
        yield _row("item 1", dict(document), shown="")
    elif values:
        raise DataError(f"{name}: JSON, but no table that can be recognised", hint=_OBJECT_HINT)


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _of_data(document: Mapping[str, Any], name: str) -> Iterator[Row]:
    rows, columns = document["data"], document.get("columns")
    if not isinstance(columns, list):
        yield from _numbered(rows)
        return
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise DataError(f"{name}, item {number}: not {len(columns)} values", hint=_OBJECT_HINT)
        yield _row(f"item {number}", dict(zip(map(str, columns), row, strict=True)), shown="")


def _numbered(rows: list[object]) -> Iterator[Row]:
    for number, values in enumerate(rows, start=1):
        yield _row(f"item {number}", values, shown=str(values)[:40])


def _of_dicts(document: Mapping[str, dict[str, Any]]) -> Iterator[Row]:
    """Rows by their ids, or pandas' orient "columns": values by index, by column."""
    if not _are_indices(document) and all(_are_indices(each) for each in document.values()):
        yield from _of_columns(document)
        return
    for key, values in document.items():
        yield _row(f"item '{key}'", values, shown="")


def _are_indices(keys: Mapping[str, object]) -> bool:
    return bool(keys) and all(str(key).isdecimal() for key in keys)


def _of_columns(columns: Mapping[str, Mapping[Any, Any]]) -> Iterator[Row]:
    keys = dict.fromkeys(key for values in columns.values() for key in values)
    for number, key in enumerate(keys, start=1):
        values = {column: cells.get(key) for column, cells in columns.items()}
        yield _row(f"item {number}", values, shown="")


def _array(buffer: _Buffer) -> Iterator[Row]:
    """The objects of an array, with one in memory at a time."""
    buffer.expect("[", 0)
    number = 0
    while buffer.next_character() != "]":
        if number:
            buffer.expect(",", number)
        number += 1
        values = buffer.value(number)
        yield _row(f"item {number}", values, shown=str(values)[:40])


class _Buffer:
    """A part of a JSON text that is extended until the value at its start is complete."""

    def __init__(self, start: str, text: io.TextIOWrapper, name: str) -> None:
        self._piece = start
        self._text = text
        self._name = name
        self._at = 0
        self._decoder = json.JSONDecoder()

    def next_character(self) -> str:
        """The next character that is no space, which stays to be read; empty at the end."""
        while True:
            self._at = _SPACES.match(self._piece, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._piece):
                return self._piece[self._at]
            if not self._grow():
                return ""

    def expect(self, character: str, number: int) -> None:
        """Pass over a character that must come after a number of items."""
        if self.next_character() != character:
            raise _broken(f"{self._name}, after item {number}", f"there is no '{character}'")
        self._at += 1

    def value(self, number: int) -> object:
        """The next value, which is the item of a number."""
        self.next_character()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._piece, self._at)
            except (ValueError, RecursionError) as error:
                too_long = len(self._piece) - self._at > MAX_LINE_CHARACTERS
                if too_long or isinstance(error, RecursionError) or not self._grow():
                    raise _broken(f"{self._name}, item {number}", error) from None
                continue
            if end == len(self._piece) and self._grow():
                continue  # a number might go on
            self._at = end
            return value

    def _grow(self) -> bool:
        """Read as much again as is left; False at the end."""
        left = self._piece[self._at :]
        more = self._text.read(max(_PIECE_CHARACTERS, len(left)))
        self._piece, self._at = left + more, 0
        return bool(more)
