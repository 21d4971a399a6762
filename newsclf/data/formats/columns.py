"""Find the text column, the label column, and whether a file has a header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from newsclf.common.errors import ConfigError, DataError, MissingColumnError
from newsclf.data.labels import KNOWN_LABELS

TEXT, LABEL = "text", "label"
_TEXT_NAMES = re.compile(
    r"((news|article)?[ _]?(headline|title|sentence)s?|headline_text|news|tweet)"
)
_LABEL_NAMES = re.compile(
    r"((gold|sentiment)_label|((news|price)[ _])?sentiments?|labels|class|polarity|category|gold"
    r"|decisions?)"
)
_WORDS_OF_A_HEADLINE = 4


@dataclass(slots=True)
class Header:
    """Names of the columns, and the number of rows to skip before the data."""

    names: list[str]
    skip: int
    notes: list[str] = field(default_factory=list)


def find_header(rows: Sequence[Sequence[object]], columns: Sequence[str], name: str) -> Header:
    """Find the column names in the first rows of a table, or generate them.

    Args:
        rows: The first rows, the header among them if there is one; at least one.
        columns: Names that the user gives to a file without a header.
        name: The file's name, for messages.

    Raises:
        ConfigError: `columns` are not as many as the file has.
        DataError: two columns have the same name.
    """
    first = [_cell(value) for value in rows[0]]
    if columns:
        return _named(first, columns, name)
    if guessed := _guessed_names(first):
        names = ", ".join(guessed)
        note = f"line 1 reads like a row, not a header: columns taken as {names} (--columns)"
        return Header(guessed, 0, [note])
    header = Header(_with_names(first), 1)
    if _has_index_beside(first, rows[1:]):
        header.names.insert(0, "" if "" not in header.names else "index")
        header.notes.append("rows have one field more than the header: the first is an index")
    if twice := sorted({each for each in header.names if header.names.count(each) > 1}):
        raise DataError(
            f"{name}, line 1: two columns are called '{twice[0]}'", hint="rename one of them"
        )
    return header


class ColumnKind(NamedTuple):
    """How the column with the headlines, or the labels, is recognised by its name."""

    usual: str
    others: re.Pattern[str]
    what: str
    """What the column holds, for messages."""
    option: str

    def matches(self, name: str) -> bool:
        """Whether a column of this name is likely to be of this kind."""
        plain = _plain(name)
        return plain == self.usual or self.others.fullmatch(plain) is not None


TEXT_COLUMN = ColumnKind(TEXT, _TEXT_NAMES, "headlines", "--text-column")
LABEL_COLUMN = ColumnKind(LABEL, _LABEL_NAMES, "labels", "--label-column")


def find_column(
    kind: ColumnKind, columns: Sequence[str], asked: str | None, name: str
) -> tuple[str, list[str]]:
    """Find the column with the headlines or labels, with a note if its name is not the usual one.

    Args:
        kind: What is looked for.
        columns: The columns of the file.
        asked: The column that the user names.
        name: The file's name, for messages.

    Raises:
        MissingColumnError: there is no such column, or several candidates.
    """
    wanted = asked or kind.usual
    alike = [column for column in columns if _plain(column) == _plain(wanted)]
    if alike:
        return (wanted if wanted in columns else alike[0]), []
    candidates = [] if asked else [column for column in columns if kind.matches(column)]
    if len(candidates) == 1:
        note = f"{kind.what} are taken from the column '{candidates[0]}' ({kind.option})"
        return candidates[0], [note]
    there = ", ".join(map(repr, columns)) or "none"
    raise MissingColumnError(
        f"{name}: no column '{wanted}' for the {kind.what}; the columns are {there}",
        hint=f"name the column with {kind.option}, or all columns of a file without a header with"
        " --columns",
        setting=kind.option.removeprefix("--").replace("-", "_"),
    )


def _plain(name: str) -> str:
    return name.strip().casefold()


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _named(first: Sequence[str], columns: Sequence[str], name: str) -> Header:
    if len(columns) != len(first):
        raise ConfigError(
            f"{name}: --columns names {len(columns)} columns ({', '.join(columns)}), and line 1 has"
            f" {len(first)} fields",
            hint="name every column, for example --columns id,label,text",
        )
    if [_plain(value) for value in first] == [_plain(column) for column in columns]:
        return Header(list(columns), 1, ["line 1 is the header, with the names in --columns"])
    return Header(list(columns), 0)


def _guessed_names(first: Sequence[str]) -> list[str] | None:
    """Column names for a table without a header: its first row holds a label and a headline."""
    texts = [i for i, cell in enumerate(first) if len(cell.split()) >= _WORDS_OF_A_HEADLINE]
    labels = [i for i, cell in enumerate(first) if _plain(cell) in KNOWN_LABELS]
    known = any(kind.matches(cell) for kind in (TEXT_COLUMN, LABEL_COLUMN) for cell in first)
    if len(texts) != 1 or known or len(labels) != (len(first) > 1):
        return None
    names = [f"column {i}" for i in range(1, len(first) + 1)]
    names[texts[0]] = TEXT
    for i in labels:
        names[i] = LABEL
    return names


def _with_names(first: Sequence[str]) -> list[str]:
    """Header cells, with generated names if several are empty, as Excel leaves them."""
    if first.count("") < 2:  # noqa: PLR2004 - pandas' index column is the one
        return list(first)
    return [cell or f"column {i}" for i, cell in enumerate(first, start=1)]


def _has_index_beside(first: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether every row has one field more than the header, and begins with a number."""
    wide = len(first) + 1
    return bool(rows) and all(
        len(row) == wide and _cell(row[0]).strip().isdecimal() for row in rows
    )
