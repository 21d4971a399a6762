"""Streaming rows: what is written comes back, whatever it is, with its line."""

from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.errors import DataError
from newsclf.data.records import open_records
from newsclf.data.sink import open_sink
from tests.support.rows import read_records

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
fields = texts.filter(lambda text: "\r" not in text)


@given(rows=st.lists(st.tuples(fields, fields), min_size=1))
def test_csv_comes_back_with_the_line_on_which_each_row_begins(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "d.csv"
    starts = []
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("a", "b"))
        for row in rows:
            file.flush()
            starts.append(path.read_bytes().count(b"\n") + 1)
            writer.writerow(row)

    records = list(read_records(path))

    assert [(record.values["a"], record.values["b"]) for record in records] == rows
    assert [record.place for record in records] == [f"line {line}" for line in starts]


@given(rows=st.lists(st.dictionaries(texts, texts | st.integers() | st.none()), min_size=1))
def test_jsonl_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "d.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")

    assert [record.values for record in read_records(path)] == rows


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_sink_writes_what_records_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    rows = [{"text": 'Quoted "text", with\nnewline', "id": "1"}, {"text": "Ä", "id": "2"}]

    with open_sink(path) as write:
        write(rows[:1])
        write(rows[1:])

    assert [record.values for record in read_records(path)] == rows
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_sink_leaves_nothing_behind_when_it_fails(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_text("what was there", encoding="utf-8")

    def fail() -> None:
        with open_sink(path) as write:
            write([{"text": "A"}])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == "what was there"


def test_a_format_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "d.docx").write_text("A", encoding="utf-8")
    with pytest.raises(DataError, match="cannot tell what kind of file"):
        list(read_records(tmp_path / "d.docx"))


def test_rows_with_other_columns_do_not_fit_a_csv(tmp_path: Path) -> None:
    with open_sink(tmp_path / "o.csv") as write:
        write([{"text": "A"}])
        with pytest.raises(DataError, match="rows have different columns"):
            write([{"text": "B", "id": "2"}])


def test_rows_with_other_columns_do_not_fit_a_parquet(tmp_path: Path) -> None:
    with open_sink(tmp_path / "o.parquet") as write:
        write([{"text": "A", "note": None}])
        write([{"text": "A", "note": "a column that was empty so far"}])
        with pytest.raises(DataError, match="rows have different columns"):
            write([{"text": "B", "id": "2"}])


def test_two_columns_of_one_name_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("text,text\na,b\n", encoding="utf-8")

    with pytest.raises(DataError, match="line 1: two columns are called 'text'"):
        list(read_records(path))


def test_json_nested_too_deeply_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text("[" * 100_000 + "\n", encoding="utf-8")

    with pytest.raises(DataError, match="line 1: broken JSON"):
        list(read_records(path))


class _Failing(io.RawIOBase):
    """A source that breaks while it is read."""

    def __init__(self) -> None:
        self._blocks = [b"text\n" + b"Profit rose\n" * 100]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._blocks:
            raise OSError(errno.EIO, "Input/output error")
        block = self._blocks.pop()
        buffer[: len(block)] = block
        return len(block)


def test_a_source_that_breaks_is_not_blamed_on_what_is_written(tmp_path: Path) -> None:
    records = open_records(cast("BinaryIO", io.BufferedReader(_Failing())))

    with pytest.raises(DataError, match="stdin: input/output error"), open_sink(tmp_path / "o.csv"):
        list(records)
