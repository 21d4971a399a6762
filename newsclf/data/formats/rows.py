"""Rows of a data file with their places, and unusable rows with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from newsclf.common.errors import DataError
from newsclf.contract.requests import headline_problem


class Record(NamedTuple):
    """A row and its place in the file."""

    place: str
    """`line 7` of a text file, else `row 7`, counted from 1."""
    values: Mapping[str, object]


class BadRow(NamedTuple):
    """An unusable row."""

    place: str
    problem: str
    """The problem, such as `2 fields, but the header has 4`."""
    hint: str

    def error(self, name: str) -> DataError:
        """The error that stops the reading of a file at this row."""
        return DataError(f"{name}, {self.place}: {self.problem}", hint=self.hint)


Row = Record | BadRow


@dataclass(slots=True)
class Found:
    """Result of the reader of one format."""

    rows: Iterator[Row]
    notes: list[str] = field(default_factory=list)
    """Guesses about the file, as phrases for the user."""
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → class names of its numbers, where the file has them."""
    has_names: bool = True
    """Whether the file names its columns; a text file does not."""


def headline_of(record: Record, column: str) -> str | BadRow:
    """The headline of a row, or the reason why it can't be classified."""
    text = record.values.get(column)
    if isinstance(text, str):
        problem = headline_problem(text)
    else:
        problem = "is empty" if text is None else "is not a text"
    if problem is None and isinstance(text, str):
        return text
    return BadRow(
        record.place,
        f"the headline {problem}",
        "remove the row, or name the right column with --text-column",
    )
