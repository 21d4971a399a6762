"""A chart with its title, caption and the table of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    texts: int = 1
    """Columns at the left that hold words, not figures."""


class Figure(NamedTuple):
    """A chart, or the reason why there is none."""

    key: str
    """Unique on the page."""
    title: str
    subtitle: str
    """n, window, load model and verdict."""
    svg: str
    """Markup made here; empty without a chart."""
    missing: str
    """Why there is no chart; empty with one."""
    table: Table
    caption: str = ""
    """How to read it."""
