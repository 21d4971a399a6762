"""News item and the times that its source claims: what every part of `watch` works on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as a source claims it."""

    raw: str
    """The source's own text."""
    at: dt.datetime | None
    """UTC; None where the text can't be read, or means no instant."""
    date_only: bool = False
    """Whether the text names a day without a time of day; `at` is its midnight, UTC."""
    zone_assumed: bool = False
    """Whether the text gives a time of day without a zone that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A headline as one document of a source gave it."""

    title: str
    """Plain text: entities decoded, markup removed, spaces collapsed."""
    id: str | None = None
    """The source's identifier (guid), as given."""
    url: str | None = None
    """Absolute address of the article."""
    summary: str | None = None
    """Plain text, like the title."""
    published: Stamp | None = None
    updated: Stamp | None = None
    tickers: tuple[str, ...] = ()
    """Symbols, as the source gives them."""
    retracted: bool = False
    """Whether the item of this id is withdrawn."""
    shown_by: str | None = None
    """Name of the source that shows the item, if that is not the one that withdraws it."""
    raw: str = ""
    """The item's own JSON or XML, for the record."""
