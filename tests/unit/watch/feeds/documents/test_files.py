"""Headlines from files, folders and pipes of JSON lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.common.errors import DataError
from newsclf.data.formats.rows import BadRow
from newsclf.watch.feeds.documents.files import files_of, read_line
from newsclf.watch.item import Item


def read(document: bytes) -> tuple[list[Item], list[BadRow]]:
    found = [
        read_line(line, f"line {number}")
        for number, line in enumerate(document.splitlines(keepends=True), start=1)
    ]
    return (
        [each for each in found if isinstance(each, Item)],
        [each for each in found if isinstance(each, BadRow)],
    )


def lines(*rows: object) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def test_lines() -> None:
    items, skipped = read(
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


def test_what_is_no_json_lines() -> None:
    items, bad = read(b"\xef\xbb\xbf" + lines({"title": "After a mark"}) + b"\n\n\xff\n[1]\n")
    assert [item.title for item in items] == ["After a mark"]
    assert [row.place for row in bad] == ["line 4", "line 5"]


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.ndjson", "c.txt"):
        (tmp_path / name).write_bytes(lines({"title": name}))
    assert [file.name for file in files_of(tmp_path)] == ["a.ndjson", "b.jsonl"]


def test_a_folder_without_such_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"without \.jsonl or \.ndjson files"):
        files_of(tmp_path)
