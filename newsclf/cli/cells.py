"""Lines of an exact width, of which the views that fill a terminal are made.

What comes from outside is text, never markup, and can't drive the terminal. No line is wider than
it may be, whatever is in it, and none is wrapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from newsclf.common.visible import visible

if TYPE_CHECKING:
    from rich.text import Text

GAP = 2
"""Blanks between two columns."""
_MOST_MARKS = 3
"""Combining characters on one letter; more of them would run over the lines above and below."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Signs:
    """Characters that are not letters."""

    labels: dict[str, str]
    live: str
    failing: str
    minus: str
    dot: str
    dash: str
    ellipsis: str
    axis: str
    bar: str
    half_left: str
    """A half cell that begins a bar to the left; empty if the terminal lacks it."""
    half_right: str
    levels: str
    """Of a time line, from the lowest; empty if the terminal lacks them."""


UNICODE = Signs(
    labels={"negative": "▼", "neutral": "●", "positive": "▲"},
    live="✓",
    failing="✕",
    minus="−",
    dot="·",
    dash="–",
    ellipsis="…",
    axis="│",
    bar="━",
    half_left="╺",
    half_right="╸",
    levels="▁▂▃▄▅▆▇█",
)
ASCII = Signs(
    labels={"negative": "-", "neutral": "o", "positive": "+"},
    live="+",
    failing="x",
    minus="-",
    dot="|",
    dash="-",
    ellipsis="..",
    axis="|",
    bar="=",
    half_left="",
    half_right="",
    levels="",
)


def safe(text: str, signs: Signs) -> str:
    """A text from outside as it is shown: controls, and what ASCII lacks, are escaped."""
    return "".join(safe_characters(text, signs))


def safe_characters(text: str, signs: Signs) -> list[str]:
    """What is shown for each character of a text; nothing for a combining one too many."""
    if signs is ASCII:
        return [visible(c).encode("ascii", "backslashreplace").decode() for c in text]
    shown, marks = [], 0
    for c in text:
        marks = marks + 1 if unicodedata.category(c) in ("Mn", "Me") else 0
        shown.append(visible(c) if marks <= _MOST_MARKS else "")
    return shown


@dataclass(frozen=True)
class Column(Generic[_T]):
    """Column of a table."""

    head: str
    cell: Callable[[_T], Text]
    least: int
    """Width at which it is shown."""
    most: int
    """Width beyond which it does not grow."""
    right: bool = False
    rank: int = 0
    """The column of the highest rank is left out first; never one of 0."""


def table(
    columns: Sequence[Column[_T]], rows: Sequence[_T], *, width: int, signs: Signs
) -> list[Text]:
    """A line of heads, then a line for each row, all `width` cells wide.

    Columns are left out until the others fit; what is left over goes to the first columns that
    want it, and what is still lacking is taken from the last one.
    """
    kept = list(columns)
    while sum(each.least + GAP for each in kept) - GAP > width and any(each.rank for each in kept):
        kept.remove(max(kept, key=lambda each: each.rank))
    cells = [[column.cell(row) for column in kept] for row in rows]
    left = width - sum(column.least + GAP for column in kept) + GAP
    lacking = min(0, left)
    widths = []
    for i, column in enumerate(kept):
        wanted = max(len(column.head), *(row[i].cell_len for row in cells), 0)
        more = max(0, min(min(wanted, column.most) - column.least, left))
        left -= more
        widths.append(column.least + more)
    widths[-1] = max(0, widths[-1] + lacking)
    return [_line(row, kept, widths, width=width, signs=signs) for row in [_heads(kept), *cells]]


def fit(text: Text, width: int, signs: Signs, *, right: bool = False) -> Text:
    """Cut or fill a text to a width; what is cut ends with an ellipsis."""
    if text.cell_len > width:
        text = text.copy()
        text.truncate(max(0, width - len(signs.ellipsis)), overflow="crop")
        text.append(signs.ellipsis[: max(0, width)])
    missing = " " * max(0, width - text.cell_len)
    return text_of(missing).append_text(text) if right else text.copy().append(missing)


def text_of(*parts: str | tuple[str, str]) -> Text:
    """One line of text, which is cut rather than wrapped."""
    from rich.text import Text

    return Text.assemble(*parts, no_wrap=True, overflow="crop")


def _heads(columns: Sequence[Column[_T]]) -> list[Text]:
    first, *rest = (column.head for column in columns)
    return [text_of((first, "bold cyan")), *(text_of((head, "dim")) for head in rest)]


def _line(
    cells: Sequence[Text],
    columns: Sequence[Column[_T]],
    widths: Sequence[int],
    *,
    width: int,
    signs: Signs,
) -> Text:
    line = text_of()
    for i, (cell, column) in enumerate(zip(cells, columns, strict=True)):
        line.append(" " * GAP if i else "")
        line.append_text(fit(cell, widths[i], signs, right=column.right))
    return fit(line, width, signs)
