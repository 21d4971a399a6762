"""Readers of the test sets' files: each yields texts with the labels or scores that they give."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from newsclf.evaluation.unseen.catalogue import Format


class RawRow(NamedTuple):
    """A row of a set's file."""

    text: str
    labels: tuple[str | float, ...]
    """The labels of its entities as the file has them: names, or scores from −1 to 1."""
    repaired: bool = False
    """Whether its labels could be read only after a repair."""


class NoSuchFormatError(ValueError):
    """A file is not of the form that its catalogue entry says."""


_KINDS: Mapping[type, str] = {str: "text", list: "list", dict: "object"}
"""Types of JSON and CSV values, in words."""
_ENTITY = re.compile(r"""(?P<q>['"])(?P<name>.+?)(?P=q): '(?P<label>\w+)'""")


def read_rows(content: bytes, form: Format) -> list[RawRow]:
    """The rows of a file.

    Raises:
        NoSuchFormatError: The file has another form; names the row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoSuchFormatError(f"not UTF-8 (byte {error.start:,})") from error
    rows = list(_READERS[form](text))
    for number, row in _numbered(rows):
        try:
            row.text.encode()
        except UnicodeEncodeError as error:  # JSON can escape half of a surrogate pair
            raise NoSuchFormatError(
                f"row {number:,}: its text holds half of a surrogate pair, which is no character"
            ) from error
    return rows


def _finentity(text: str) -> Iterator[RawRow]:
    """A JSON list of sentences, each with labelled spans."""
    for number, item in _numbered(_json(text, list)):
        with_labels = _field(item, "annotations", list, number)
        labels = tuple(_field(each, "label", str, number) for each in with_labels)
        yield RawRow(_field(item, "content", str, number), labels)


def _semeval(text: str) -> Iterator[RawRow]:
    """A JSON list with a row for each company of a headline."""
    for number, item in _numbered(_json(text, list)):
        yield RawRow(_field(item, "title", str, number), (_score(item, "sentiment", number),))


def _fiqa(text: str) -> Iterator[RawRow]:
    """A JSON object of headlines, each with scored targets."""
    for number, item in _numbered(_json(text, dict).values()):
        targets = _field(item, "info", list, number)
        scores = tuple(_score(each, "sentiment_score", number) for each in targets)
        yield RawRow(_field(item, "sentence", str, number), scores)


def _tfns(text: str) -> Iterator[RawRow]:
    for number, row in _table(text, ("text", "label"), delimiter=","):
        yield RawRow(_field(row, "text", str, number), (_field(row, "label", str, number),))


def _gold(text: str) -> Iterator[RawRow]:
    for number, row in _table(text, ("News", "Price Sentiment"), delimiter="\t"):
        label = _field(row, "Price Sentiment", str, number)
        yield RawRow(_field(row, "News", str, number), (label,))


def _sentfin(text: str) -> Iterator[RawRow]:
    """A CSV file in which a Python dict gives each entity its label.

    In some rows the dict is broken by an apostrophe in a name: `{'Moody's': 'neutral'}`.
    """
    for number, row in _table(text, ("Title", "Decisions"), delimiter=","):
        given, broken = _field(row, "Decisions", str, number), False
        try:
            labels = tuple(_labels_of(ast.literal_eval(given), number))
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
            broken, labels = True, _repaired_labels(given, number)
        yield RawRow(_field(row, "Title", str, number), labels, broken)


def _labels_of(decisions: object, number: int) -> Iterable[str]:
    if not isinstance(decisions, dict) or not all(isinstance(v, str) for v in decisions.values()):
        raise NoSuchFormatError(f"row {number:,}: Decisions is not a dict of labels")
    return decisions.values()


def _repaired_labels(given: str, number: int) -> tuple[str, ...]:
    """The labels of a broken dict, if every character of it is accounted for."""
    entities = list(_ENTITY.finditer(given))
    if "{" + ", ".join(each[0] for each in entities) + "}" != given:
        raise NoSuchFormatError(f"row {number:,}: Decisions can't be read")
    return tuple(each["label"] for each in entities)


_READERS: Mapping[Format, Callable[[str], Iterator[RawRow]]] = {
    "finentity": _finentity,
    "tfns": _tfns,
    "sentfin": _sentfin,
    "semeval": _semeval,
    "fiqa": _fiqa,
    "gold": _gold,
}


def _json(text: str, kind: type) -> Any:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoSuchFormatError(f"broken JSON ({error})") from error
    if not isinstance(document, kind):
        raise NoSuchFormatError(f"its JSON is no {_KINDS[kind]}")
    return document


def _table(
    text: str, columns: tuple[str, ...], *, delimiter: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = [column for column in columns if column not in (rows.fieldnames or ())]
    if missing:
        raise NoSuchFormatError(f"it has no column {' and no column '.join(missing)}")
    try:
        yield from _numbered(rows)
    except csv.Error as error:
        raise NoSuchFormatError(f"line {rows.line_num:,}: {error}") from error


def _numbered(items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    return enumerate(items, start=1)


def _field(item: object, name: str, kind: type, number: int) -> Any:
    value = item.get(name) if isinstance(item, Mapping) else None
    if not isinstance(value, kind):
        raise NoSuchFormatError(f"row {number:,}: no {_KINDS[kind]} '{name}'")
    return value


def _score(item: object, name: str, number: int) -> float:
    """A score from −1 to 1, which may be written as a text."""
    value = item.get(name) if isinstance(item, Mapping) else None
    try:
        score = float(value)  # type: ignore[arg-type] # None is caught
    except (TypeError, ValueError):
        score = float("nan")
    if not -1 <= score <= 1:  # also refuses NaN
        raise NoSuchFormatError(f"row {number:,}: '{name}' is not a score from −1 to 1")
    return score
