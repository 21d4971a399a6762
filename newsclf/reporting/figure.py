"""Tables, and figures: a chart with its caption and data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Generic, NamedTuple, TypeVar

Row = TypeVar("Row")


class Column(NamedTuple, Generic[Row]):
    """A column of a table."""

    head: str
    text: Callable[[Row], str]
    brief: str = ""
    """Its head on a terminal; columns without one are not shown there."""
    spare: int = 0
    """Narrow terminals leave out columns in this order; 0 is never left out."""
    brief_text: Callable[[Row], str] | None = None
    """What a terminal shows instead of `text`."""
    group: str = ""
    """Head above neighbouring columns."""


class Brief(NamedTuple):
    """The part of a table that a terminal shows."""

    head: list[str]
    rows: list[list[str]]
    optional: list[str]
    """Heads of columns that narrow terminals leave out, the first one first."""


class Table(NamedTuple):
    """A table of texts."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: int = 1
    """Columns at the left that hold words, not figures."""
    groups: tuple[tuple[str, int], ...] = ()
    """Heads above neighbouring columns, and how many columns each has."""
    brief: Brief = Brief([], [], [])

    @property
    def begins(self) -> list[int]:
        """The first column of each group but the first."""
        counts = [count for _, count in self.groups]
        return [sum(counts[:i]) for i in range(1, len(counts))]


class Figure(NamedTuple):
    """A chart, or the reason why it could not be drawn."""

    key: str
    """Unique on the page."""
    title: str
    subtitle: str
    """What it was drawn from, such as n, window, load model and verdict."""
    svg: str
    """Markup made here; empty without a chart."""
    missing: str
    """Why there is no chart; empty with one."""
    table: Table
    caption: str = ""
    """How to read it."""


def table_of(columns: Sequence[Column[Row]], records: Iterable[Row], *, texts: int = 1) -> Table:
    """The table of some records, one row each."""
    records = list(records)
    groups = [(name, len(list(each))) for name, each in groupby(c.group for c in columns)]
    shown = [c for c in columns if c.brief]
    return Table(
        tuple(c.head for c in columns),
        [tuple(c.text(record) for c in columns) for record in records],
        texts,
        tuple(groups) if len(groups) > 1 else (),
        Brief(
            [c.brief for c in shown],
            [[(c.brief_text or c.text)(record) for c in shown] for record in records],
            [c.brief for c in sorted(shown, key=lambda c: c.spare) if c.spare],
        ),
    )
