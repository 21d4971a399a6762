"""Rows written as CSV, TSV, JSONL and Parquet, to files and to streams."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from newsclf.common.errors import DataError, MissingExtraError
from newsclf.data.sink import StreamFormat, open_sink, stream_sink


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_objects_in_a_cell_are_json(tmp_path: Path, suffix: str, delimiter: str) -> None:
    path = tmp_path / f"out{suffix}"
    with open_sink(path) as write:
        write([{"text": "Profit, rose", "tags": {"a": 1}, "days": ["Mo", None], "id": 7}])

    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file, delimiter=delimiter)
    assert row["text"] == "Profit, rose"
    assert json.loads(row["tags"]) == {"a": 1}
    assert json.loads(row["days"]) == ["Mo", None]
    assert row["id"] == "7"


def test_numbers_that_json_does_not_have_are_null(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_sink(path) as write:
        write([{"x": float("nan"), "y": [float("inf"), 1.5], "z": {"a": -float("inf")}}])

    row = json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert row == {"x": None, "y": [None, 1.5], "z": {"a": None}}


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_numbers_that_json_does_not_have_are_null_in_cells_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with open_sink(path) as write:
        write([{"x": {"a": [float("nan"), 1.5]}}])

    with path.open(encoding="utf-8", newline="") as file:
        [row] = csv.DictReader(file, delimiter="," if suffix == ".csv" else "\t")
    assert json.loads(row["x"], parse_constant=pytest.fail) == {"a": [None, 1.5]}


def test_parquet_asks_for_pyarrow_and_not_for_all_that_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "out.parquet"
    with pytest.raises(MissingExtraError, match="writing Parquet needs") as caught, open_sink(path):
        pass
    assert caught.value.hint == "pip install pyarrow"
    assert list(tmp_path.iterdir()) == []


def test_a_link_at_the_partial_file_s_old_name_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    (tmp_path / ".scored.csv.partial").symlink_to(victim)

    with open_sink(tmp_path / "scored.csv") as write:
        write([{"text": "A"}])

    assert victim.read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "scored.csv").read_text(encoding="utf-8") == "text\nA\n"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with open_sink(tmp_path / "a" / "b" / "out.csv") as write:
        write([{"text": "A"}])

    assert (tmp_path / "a" / "b" / "out.csv").is_file()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(DataError, match="cannot be written"),
        open_sink(tmp_path / "file" / "o.csv"),
    ):
        pass


@pytest.mark.parametrize(
    ("file_format", "expected"),
    [
        ("csv", "text,p\nA,1\nB,2\n"),
        ("tsv", "text\tp\nA\t1\nB\t2\n"),
        ("jsonl", '{"text": "A", "p": 1}\n{"text": "B", "p": 2}\n'),
    ],
)
def test_rows_reach_a_stream_group_by_group(file_format: StreamFormat, expected: str) -> None:
    stream = io.BytesIO()

    with stream_sink(stream, file_format) as write:
        write([{"text": "A", "p": 1}])
        first = stream.getvalue().decode()
        write([{"text": "B", "p": 2}])

    assert first
    assert expected.startswith(first)
    assert stream.getvalue().decode() == expected
    assert not stream.closed
