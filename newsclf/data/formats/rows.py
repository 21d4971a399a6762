"""A row of a data file with its place, and what is said of one that can't be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from newsclf.common.errors import DataError
from newsclf.contract.requests import headline_problem


class Record(NamedTuple):
    """One row and where it stands."""

    place: str
    """`line 7` of a text file, else `row 7`, counted from 1."""
    values: Mapping[str, object]


class BadRow(NamedTuple):
    """A row that can't be used."""

    place: str
    problem: str
    """What is wrong, such as `2 fields, but the header has 4`."""
    hint: str

    def error(self, name: str) -> DataError:
        """The row as the error that ends the reading of a file."""
        return DataError(f"{name}, {self.place}: {self.problem}", hint=self.hint)


Row = Record | BadRow


@dataclass(slots=True)
class Found:
    """What a reader of one format finds in a file."""

    rows: Iterator[Row]
    notes: list[str] = field(default_factory=list)
    """What was guessed, as phrases that a user is to read."""
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → names of its numbers, where the file says so."""
    has_names: bool = True
    """Whether the columns have names of the file's own; a text file has none."""


def headline_of(record: Record, column: str) -> str | BadRow:
    """The headline of a row, or why it has none that can be classified."""
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
