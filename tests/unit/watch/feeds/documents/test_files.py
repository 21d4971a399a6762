"""Headlines from files, folders and pipes of JSON lines."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from newsclf.common.errors import DataError
from newsclf.data.formats.rows import BadRow
from newsclf.watch.feeds.documents.files import read_lines
from newsclf.watch.item import Item


def read(source: Path | io.BytesIO) -> tuple[list[Item], list[BadRow]]:
    skipped: list[BadRow] = []
    return list(read_lines(source, skip=skipped.append)), skipped


def lines(*rows: object) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def test_a_pipe() -> None:
    items, skipped = read(
        io.BytesIO(
            lines(
                {
                    "headline": "ABC&#39;s <b>profit</b> rose",
                    "id": 7,
                    "link": "https://news.example.com/1",
                    "description": "More",
                    "published": "2026-07-01T12:00:00Z",
                    "tickers": "ABC, XYZ",
                },
                {"id": "7", "retracted": True},
                {"title": ""},
                {"title": "Sales fell", "url": "javascript:alert(1)", "symbols": ["ABC", 1]},
            )
            + b"not JSON\n"
        )
    )
    first, second, third = items
    assert (first.title, first.id, first.url) == (
        "ABC's profit rose",
        "7",
        "https://news.example.com/1",
    )
    assert first.tickers == ("ABC", "XYZ")
    assert first.published is not None
    assert first.published.at is not None
    assert json.loads(first.raw)["id"] == 7
    assert (second.retracted, second.id) == (True, "7")
    assert (third.url, third.tickers) == (None, ("ABC",))
    assert [row.place for row in skipped] == ["line 3", "line 5"]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.ndjson", "c.txt"):
        (tmp_path / name).write_bytes(lines({"title": name}))
    assert [item.title for item in read(tmp_path)[0]] == ["a.ndjson", "b.jsonl"]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"without \.jsonl or \.ndjson files"):
        read(tmp_path)
    with pytest.raises(DataError):
        read(tmp_path / "none.jsonl")
