"""Headlines of one's own: JSON lines, in a file, a folder of files, or standard input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from newsclf.common.errors import DataError, reason_of
from newsclf.data.formats.json_rows import from_line
from newsclf.data.formats.rows import BadRow, Record
from newsclf.watch.feeds.documents.syndication import MAX_RAW
from newsclf.watch.feeds.documents.text import MAX_SUMMARY, plain_text
from newsclf.watch.feeds.documents.times import stamp
from newsclf.watch.item import Item

_ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_TITLE = ("title", "headline", "text")
_ID = ("id", "guid", "uuid")
_URL = ("url", "link")
_SUMMARY = ("summary", "description")
_PUBLISHED = ("published", "published_at", "publishedAt", "date", "time", "datetime")
_UPDATED = ("updated", "updated_at", "updatedAt")
_TICKERS = ("tickers", "symbols", "ticker", "symbol")
_HINT = 'write one object per line, such as {"title": "…", "published": "2026-07-01T12:00:00Z"}'


def read_line(line: bytes, place: str, *, zone: ZoneInfo | None = None) -> Item | BadRow | None:
    """Read the item of a line.

    It is an object with `title`, and what else there is of `id`, `url`, `summary`, `published`,
    `updated`, `tickers` (a list, or a text with commas) and `retracted`; usual other names of these
    are known.

    Args:
        line: JSON in UTF-8.
        place: Where it is, such as `line 7`.
        zone: Where times without a zone are from; by default UTC.

    Returns:
        The item, or why the line has no item; None for an empty line.
    """
    try:
        text = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return BadRow(place, "it is not in UTF-8", _HINT)
    if not text:
        return None
    row = from_line(place, text)
    return row if isinstance(row, BadRow) else _item(row, zone)


def files_of(source: Path) -> list[Path]:
    """The file itself, or the files of a folder in the order of their names.

    Raises:
        DataError: The folder can't be read, or has no such files.
    """
    try:
        if not source.is_dir():
            return [source]
        names = sorted(each for each in source.iterdir() if each.name.lower().endswith(_ENDINGS))
    except OSError as error:
        raise DataError(f"{source}: {reason_of(error)}") from error
    if not names:
        raise DataError(f"{source}: a folder without .jsonl or .ndjson files", hint=_HINT)
    return names


def _item(row: Record, zone: ZoneInfo | None) -> Item | BadRow:
    values = row.values
    title = plain_text(_text(_first(values, _TITLE)))
    identifier = _identifier(_first(values, _ID))
    retracted = values.get("retracted") is True
    if not title and not (retracted and identifier):
        return BadRow(row.place, f"there is no {_TITLE[0]}", _HINT)
    url = _text(_first(values, _URL)).strip()
    return Item(
        title=title,
        id=identifier,
        url=url if url.lower().startswith(("http://", "https://")) else None,
        summary=plain_text(_text(_first(values, _SUMMARY)), at_most=MAX_SUMMARY) or None,
        published=stamp(_first(values, _PUBLISHED), zone=zone),
        updated=stamp(_first(values, _UPDATED), zone=zone),
        tickers=_tickers(_first(values, _TICKERS)),
        retracted=retracted,
        raw=json.dumps(values, ensure_ascii=False)[:MAX_RAW],
    )


def _first(values: Mapping[str, object], names: tuple[str, ...]) -> object:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _identifier(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _tickers(value: object) -> tuple[str, ...]:
    texts = value.split(",") if isinstance(value, str) else value
    if not isinstance(texts, list):
        return ()
    symbols = (each.strip() for each in texts if isinstance(each, str))
    return tuple(dict.fromkeys(symbol for symbol in symbols if symbol))
