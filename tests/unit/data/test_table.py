"""Labelled tables: what can be read, and what is said of everything that can't."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from newsclf.common.errors import DataError, MissingColumnError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import table
from newsclf.data.sources import load_data
from tests.support.builders import write_csv

ROWS = [("Profit rose", "positive"), ("Loss widened", "negative"), ("Meeting held", "neutral")]


def read(path: Path, **settings: object) -> list[tuple[str, str]]:
    data = table.read(path, DataSettings.model_validate(settings))
    return [(example.text, LABELS[example.label_id]) for example in data.examples]


def write_jsonl(path: Path, rows: list[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_three_formats_read_alike(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    if suffix == ".csv":
        write_csv(path, [("text", "label"), *ROWS])
    elif suffix == ".jsonl":
        write_jsonl(path, [{"text": text, "label": label} for text, label in ROWS])
    else:
        columns = {"text": [t for t, _ in ROWS], "label": [label for _, label in ROWS]}
        pa.parquet.write_table(pa.table(columns), path)

    assert read(path) == ROWS


def test_columns_and_labels_can_have_any_name(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "d.csv", [("id", "title", "mood"), ("1", "A", "bull"), ("2", "B", "bear")]
    )

    rows = read(
        path,
        text_column="title",
        label_column="mood",
        labels={"bull": "positive", "bear": "negative"},
    )

    assert rows == [("A", "positive"), ("B", "negative")]


def test_numeric_labels_can_be_mapped_and_case_does_not_matter(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "d.jsonl", [{"text": "A", "label": 0}, {"text": "B", "label": 1}])
    cased = write_csv(tmp_path / "d.csv", [("text", "label"), ("A", "Positive"), ("B", "NEUTRAL")])

    assert read(path, labels={"0": "negative", "1": "positive"}) == [
        ("A", "negative"),
        ("B", "positive"),
    ]
    assert read(cased) == [("A", "positive"), ("B", "neutral")]


def test_csv_values_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    rows = [("NA", "positive"), ("007", "negative"), ("two\nlines, quoted", "neutral")]
    path = write_csv(tmp_path / "d.csv", [("text", "label"), *rows])

    assert read(path) == rows


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("text,label\nA,positive\nB,neutral\n", encoding="utf-8-sig")

    assert read(path) == [("A", "positive"), ("B", "neutral")]


def test_exact_duplicates_are_dropped(tmp_path: Path) -> None:
    assert read(write_csv(tmp_path / "d.csv", [("text", "label"), *ROWS, *ROWS])) == ROWS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"text,label\n\xc3\x84,positive\nB\xe4,neutral\n",
            "line 3: not UTF-8 (byte 0xe4 at position 2)",
        ),
        (
            b"text,label\nA,positive\nB,up\nC,up\nD,?\n",
            "column 'label': unknown labels 'up' (2 rows), '?' (1 row), first in line 3; known are",
        ),
        (b"text,label\nA,positive\nB,\n", "the label is empty in 1 row, first in line 3"),
        (b'text,label\n"A\nB",positive\n  ,neutral\n', "line 4: the headline is empty"),
        (
            b"body,label\nA,positive\n",
            "no column 'text' for the headlines; the columns are 'body', 'label'",
        ),
        (
            b"text,mood\nA,positive\n",
            "no column 'label' for the labels; the columns are 'text', 'mood'",
        ),
        (b"text,label\nA,neutral\nB,neutral\n", "all 2 rows are 'neutral'"),
        (b"", "it has no rows"),
        (b"text,label\n", "it has no rows"),
        (b"text,label\nA,positive\nB,neutral,extra\n", "line 3: 3 fields, but the header has 2"),
        (b'text,label\nA,positive\n"B,neutral\n', "line 3: broken CSV"),
    ],
)
def test_a_bad_csv_is_an_error_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read(path)

    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"text": "A", "label": "positive"}\n\n{"text": \n', "line 3: broken JSON"),
        (b'["A", "positive"]\n', "line 1: expected a JSON object"),
        (
            b'{"text": "A", "label": "positive"}\n{"text": null, "label": "neutral"}\n',
            "line 2: the headline is empty",
        ),
        (
            b'{"text": "A", "label": "positive"}\n{"text": " ", "label": "neutral"}\n',
            "line 2: the headline is empty",
        ),
        (b'{"text": 7, "label": "positive"}\n', "line 1: the headline is not a text"),
        (b"\n\n", "it has no rows"),
    ],
)
def test_a_bad_jsonl_is_an_error_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read(path)

    assert said in caught.value.message


def test_a_bad_parquet_is_an_error_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    pa.parquet.write_table(pa.table({"text": ["A", None], "label": ["positive", "neutral"]}), path)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")

    with pytest.raises(DataError, match="row 2: the headline is empty"):
        read(path)
    with pytest.raises(DataError, match=r"broken\.parquet: broken Parquet"):
        read(broken)


@pytest.mark.parametrize("name", ["missing.csv", "missing.zip", "headlines.xlsx"])
def test_a_source_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match="no such data file") as caught:
        load_data(DataSettings(source=name))

    assert caught.value.hint is not None
    assert "phrasebank, headlines, sample" in caught.value.hint


def test_a_text_file_has_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("Profit rose\n", encoding="utf-8")

    with pytest.raises(DataError, match="a text file without labels"):
        load_data(DataSettings(source=str(path)))


def test_a_mistyped_source_gets_a_suggestion(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "headlines.csv", [("text", "label"), *ROWS])

    for typed, meant in (("sampel", "sample"), (str(tmp_path / "headline.csv"), str(path))):
        with pytest.raises(DataError) as caught:
            load_data(DataSettings(source=typed))
        assert caught.value.hint == f"did you mean {meant}?"


def test_a_missing_column_says_which_setting_it_was(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "d.csv", [("text", "label"), *ROWS])

    with pytest.raises(MissingColumnError) as caught:
        read(path, label_column="Rating")

    assert caught.value.setting == "label_column"
