"""Data files as people have them: every shape is read, or refused with the right next step."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import os
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsclf.common.errors import ConfigError, DataError
from newsclf.common.settings import DataSettings, ReadingSettings
from newsclf.contract.labels import LABELS
from newsclf.data.formats import opening
from newsclf.data.formats.rows import BadRow, Record
from newsclf.data.records import open_records
from newsclf.data.sources import load_data
from tests.support.rows import read_records

ROWS = [
    ("Brenta Mills lifts its outlook", "positive"),
    ("Osker pumps recalled after fire", "negative"),
    ("Vellin Bank moves its head office", "neutral"),
]
RECORDS = [{"text": text, "label": label} for text, label in ROWS]


def csv_text(delimiter: str = ",", end: str = "\n") -> str:
    lines = [("text", "label"), *ROWS]
    return "".join(f"{delimiter.join(line)}{end}" for line in lines)


def write(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def labelled(path: Path | str, **values: object) -> tuple[list[tuple[str, str]], Sequence[str]]:
    """What training and evaluation get of a source, and what is said of it."""
    data = load_data(DataSettings.model_validate({"source": str(path), **values}))
    return [(example.text, LABELS[example.label_id]) for example in data.examples], data.notes


def rows(path: Path, reading: ReadingSettings | None = None) -> list[Record | BadRow]:
    with open_records(path, reading) as records:
        return list(records)


# Shapes of public files


def test_the_index_column_of_pandas_is_no_obstacle(tmp_path: Path) -> None:
    named = "".join(f"{i},{t},{label}\n" for i, (t, label) in enumerate(ROWS))

    assert labelled(write(tmp_path / "a.csv", ",text,label\n" + named)) == (ROWS, ())
    found, notes = labelled(write(tmp_path / "b.csv", "text,label\n" + named))
    assert found == ROWS
    assert notes == ("rows have one field more than the header: the first is an index",)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_file_without_a_header_keeps_its_first_row(tmp_path: Path, encoding: str) -> None:
    text = "".join(f'{label},"{t} , Örebro said ."\n' for t, label in ROWS)
    path = write(tmp_path / "all-data.csv", text, encoding)
    expected = [(f"{t} , Örebro said .", label) for t, label in ROWS]

    guessed, notes = labelled(path)
    told, silent = labelled(path, columns="label,text", encoding=encoding)

    assert guessed == told == expected
    assert (
        "line 1 reads like a row, not a header: columns taken as label, text (--columns)" in notes
    )
    assert silent == ()


def test_a_list_of_headlines_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    path = write(tmp_path / "h.csv", "".join(f"{text}\n" for text, _ in ROWS))

    assert [r.values["text"] for r in read_records(path)] == [text for text, _ in ROWS]


def test_column_names_of_the_user_must_be_as_many_as_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "positive,Brenta Mills lifts its outlook\n")

    with pytest.raises(ConfigError, match=r"--columns names 1 columns \(text\), and line 1 has 2"):
        rows(path, ReadingSettings(columns=("text",)))


def test_column_names_that_are_the_header_take_it_for_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", csv_text())

    found, notes = labelled(path, columns=("text", "label"))

    assert found == ROWS
    assert "line 1 is the header" in notes[0]


@pytest.mark.parametrize(("delimiter", "name"), [("\t", "tab"), (";", "semicolon"), ("|", "pipe")])
def test_another_delimiter_is_recognised_and_said(
    tmp_path: Path, delimiter: str, name: str
) -> None:
    path = write(tmp_path / "d.csv", csv_text(delimiter))

    assert labelled(path) == (ROWS, (f"read as {name}-separated (--delimiter)",))
    assert labelled(path, delimiter=delimiter) == (ROWS, ())


def test_commas_in_the_headlines_do_not_hide_the_tabs(tmp_path: Path) -> None:
    text = "id\ttext\tlabel\n1\tIn 2031 , Osker lost EUR 2.8 mn , it said .\tnegative\n"
    path = write(tmp_path / "train.csv", text + "2\tBrenta wins\tpositive\n")

    assert labelled(path)[0] == [
        ("In 2031 , Osker lost EUR 2.8 mn , it said .", "negative"),
        ("Brenta wins", "positive"),
    ]


def test_a_tsv_is_tab_separated_and_a_delimiter_has_a_name(tmp_path: Path) -> None:
    assert labelled(write(tmp_path / "d.tsv", csv_text("\t"))) == (ROWS, ())
    assert labelled(write(tmp_path / "d.csv", csv_text("\t")), delimiter="tab") == (ROWS, ())


def test_the_line_by_which_excel_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "sep=;\n" + csv_text(";"))

    assert labelled(path)[0] == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(tmp_path: Path, end: str) -> None:
    assert labelled(write(tmp_path / "d.csv", csv_text(end=end))) == (ROWS, ())
    lines = end.join(json.dumps(row) for row in RECORDS)
    assert labelled(write(tmp_path / "d.jsonl", lines)) == (ROWS, ())


def test_names_of_columns_that_mean_the_same_are_found_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", csv_text().replace("text,label", "Headline, Sentiment"))

    found, notes = labelled(path)

    assert found == ROWS
    assert notes == (
        "headlines are taken from the column 'Headline' (--text-column)",
        "labels are taken from the column ' Sentiment' (--label-column)",
    )


def test_two_candidate_columns_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", "title,headline,label\nA,B,positive\n")

    with pytest.raises(DataError, match="no column 'text' for the headlines; the columns are"):
        labelled(path)


def test_a_named_column_is_not_replaced_by_a_guess(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", csv_text().replace("text,", "title,"))

    with pytest.raises(DataError, match="no column 'headline'"):
        labelled(path, text_column="headline")


def test_the_empty_cells_that_excel_leaves_in_a_header_are_columns(tmp_path: Path) -> None:
    text = csv_text().replace("\n", ",,\n")

    assert labelled(write(tmp_path / "d.csv", text))[0] == ROWS


# Rows that are broken


def test_a_stray_line_break_costs_its_row_and_no_other(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.csv",
        "id,title,date,stock\n0,Brenta lifts its outlook,2031-05-02,BRN\n"
        "1,Analysts comment on Osker\n,2031-05-03,OSK\n2,Vellin pays more,2031-05-04,VLL\n",
    )

    found = rows(path)

    assert [row.place for row in found] == ["line 2", "line 3", "line 4", "line 5"]
    assert [isinstance(row, BadRow) for row in found] == [False, True, True, False]
    with pytest.raises(DataError, match="line 3: 2 fields, but the header has 4") as caught:
        list(read_records(path))
    assert "line break" in str(caught.value.hint)


def test_a_quote_that_is_not_closed_costs_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", 'text,label\n"A,positive\nB,neutral\nC,negative\n')
    bad: list[BadRow] = []

    good = list(read_records(path, on_bad=bad.append))

    assert [(row.place, row.values["text"]) for row in good] == [("line 3", "B"), ("line 4", "C")]
    assert [row.place for row in bad] == ["line 2"]
    assert "broken CSV" in bad[0].problem


def test_broken_lines_of_jsonl_cost_only_themselves(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.jsonl",
        '{"text": "A"}\n{"text": \n7\n{"text": "\\ud83d"}\n{"text": "B", "x": {"y": "\\udc00"}}\n'
        '{"text": "C"}\n',
    )
    bad: list[BadRow] = []

    good = list(read_records(path, on_bad=bad.append))

    assert [row.values["text"] for row in good] == ["A", "C"]
    assert [row.place for row in bad] == ["line 2", "line 3", "line 4", "line 5"]
    assert ["broken JSON" in bad[0].problem, "surrogate" in bad[2].problem] == [True, True]


# Encodings


def test_windows_1252_is_recognised_with_a_note(tmp_path: Path) -> None:
    path = write(
        tmp_path / "d.csv",
        "text,label\nVellin’s profit – a record,positive\nOsker loses €3m,negative\n",  # noqa: RUF001
        "cp1252",
    )

    found, notes = labelled(path)

    assert found[0][0] == "Vellin’s profit – a record"  # noqa: RUF001
    assert found[1][0] == "Osker loses €3m"
    assert notes == ("read as Windows-1252: line 2 is not UTF-8 (byte 0x92 at position 7)",)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
    ],
)
def test_unicode_is_recognised_with_and_without_a_mark(
    tmp_path: Path, encoding: str, mark: bytes
) -> None:
    path = write(tmp_path / "d.csv", mark + csv_text("\t").encode(encoding))

    found, notes = labelled(path)

    assert found == ROWS
    assert any("UTF" in note for note in notes) == (encoding != "utf-8")
    assert labelled(path, encoding=encoding)[0] == ROWS


@pytest.mark.parametrize(
    ("encoding", "headline"),
    [
        ("cp1251", "Прибыль Велина выросла на треть"),
        ("shift_jis", "ヴェリン銀行の利益が三割増"),
        ("gb18030", "维林银行利润增长三成"),
        ("mac_roman", "Café Vellin’s bénéfice a été relevé"),  # noqa: RUF001
        ("cp437", "Café Vellin élève sa prévision à Mâcon"),
    ],
)
def test_other_encodings_are_asked_for_and_not_guessed(
    tmp_path: Path, encoding: str, headline: str
) -> None:
    # Much plain text beside it changes nothing.
    others = "".join(f"Osker shrinks {i},negative\n" for i in range(50))
    path = write(tmp_path / "d.csv", f"text,label\n{headline},positive\n{others}", encoding)

    with pytest.raises(DataError, match=r"not UTF-8|encoding is not known") as caught:
        labelled(path)

    assert "--encoding" in str(caught.value.hint)
    assert labelled(path, encoding=encoding)[0][0] == (headline, "positive")


@pytest.mark.parametrize(
    "headline",
    [
        "Société Générale a été relevée à l’achat — Noël",  # noqa: RUF001
        "Wärtsilä växer, Mälaröarna får åtta nya båtar å ena sidan",
        "«Überschuß» der Börse: Müller & Söhne größer – fünf €",
        "Ação da Petróleo sobe após decisão",
    ],
)
def test_western_languages_are_read_as_windows_1252(tmp_path: Path, headline: str) -> None:
    text = f"text;label\n{headline};positive\nB;neutral\n"
    path = write(tmp_path / "d.csv", text, "cp1252")

    assert labelled(path)[0][0][0] == headline


def test_one_broken_byte_among_utf8_is_a_bad_row_and_no_other_encoding(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", b"text,label\nB\xc3\xb6rse,neutral\nB\xf6rse,positive\n")

    found = rows(path)

    assert isinstance(found[0], Record)
    assert found[0].values["text"] == "Börse"
    assert isinstance(found[1], BadRow)
    assert found[1].problem == "not UTF-8 (byte 0xf6 at position 2)"


def test_an_encoding_that_does_not_exist_is_a_setting_that_is_wrong() -> None:
    with pytest.raises(ValueError, match="should be an encoding such as"):
        ReadingSettings(encoding="klingon")
    with pytest.raises(ValueError, match="should be one character"):
        ReadingSettings(delimiter=";;")


# JSON


@pytest.mark.parametrize(
    "document",
    [
        RECORDS,
        {str(i): row for i, row in enumerate(RECORDS)},
        {"a1": RECORDS[0], "b2": RECORDS[1], "c3": RECORDS[2]},
        {column: {str(i): row[column] for i, row in enumerate(RECORDS)} for column in RECORDS[0]},
        {column: [row[column] for row in RECORDS] for column in RECORDS[0]},
        {"columns": ["text", "label"], "index": [0, 1, 2], "data": [list(row) for row in ROWS]},
        {"schema": {"fields": []}, "data": RECORDS},
        {"total": 3, "articles": RECORDS},
    ],
    ids=["array", "by-index", "by-id", "columns", "lists", "split", "table", "wrapped"],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_documents_in_all_the_shapes_of_tables(
    tmp_path: Path, document: object, indent: int | None
) -> None:
    path = write(tmp_path / "d.json", json.dumps(document, indent=indent))

    assert labelled(path) == (ROWS, ())


def test_json_lines_in_a_file_called_json_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "d.json", "".join(json.dumps(row) + "\n" for row in RECORDS))

    assert labelled(path) == (ROWS, ())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"text": "A"}, {"text": ', "broken JSON (Expecting value: line 1"),
        ('[{"text": "A"} {"text": "B"}]', "broken JSON (Expecting ',' delimiter: line 1"),
        ('[{"text": "A"}, 7]', "item 2: expected a JSON object, found '7'"),
        ('{"text": ', "broken JSON"),
        ('{"a": 1, "b": [2]}', "no table that can be recognised"),
        ("", "broken JSON"),
    ],
)
def test_json_that_is_no_table_is_an_error(tmp_path: Path, content: str, said: str) -> None:
    path = write(tmp_path / "d.json", content)

    with pytest.raises(DataError) as caught:
        list(read_records(path))

    assert said in caught.value.message


def test_an_array_of_long_texts_is_read_whole(tmp_path: Path) -> None:
    texts = [f"{i} " + "x" * (i * 37 % 90_000) for i in range(40)]
    path = write(tmp_path / "d.json", json.dumps([{"text": text} for text in texts]))

    assert [row.values["text"] for row in read_records(path)] == texts


# Text


def test_a_sentence_with_its_label_after_an_at_sign(tmp_path: Path) -> None:
    lines = [*ROWS, ("Write to ir@brenta.example", "neutral")]
    path = write(tmp_path / "Sentences_AllAgree.txt", "".join(f"{t} .@{s}\r\n" for t, s in lines))

    found, notes = labelled(path)

    assert found == [(f"{text} .", label) for text, label in lines]
    assert notes == ("read as sentence@label",)


def test_lines_of_text_are_headlines_even_with_signs_in_them(tmp_path: Path) -> None:
    path = write(tmp_path / "d.txt", "Osker@Vellin\nBrenta, Osker; Vellin | merge\n")

    assert [row.values for row in read_records(path)] == [
        {"text": "Osker@Vellin"},
        {"text": "Brenta, Osker; Vellin | merge"},
    ]


@pytest.mark.parametrize("delimiter", ["\t", "|"])
def test_a_text_file_with_a_header_is_a_table(tmp_path: Path, delimiter: str) -> None:
    path = write(tmp_path / "d.txt", csv_text(delimiter).replace("text", "headline"))

    assert labelled(path)[0] == ROWS


# Packings and containers


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._" + name, b"\0")
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
    ],
)
def test_packed_files_are_unpacked(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    assert labelled(write(tmp_path / f"d.csv{suffix}", pack(csv_text().encode()))) == (ROWS, ())
    lines = "".join(json.dumps(row) + "\n" for row in RECORDS).encode()
    assert labelled(write(tmp_path / f"d.jsonl{suffix}", pack(lines))) == (ROWS, ())
    # What a file is, its first bytes say; a name may be wrong.
    assert labelled(write(tmp_path / "d.csv", pack(csv_text().encode()))) == (ROWS, ())


def test_the_one_table_of_a_zip_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "archive.zip", zipped("data/all.csv", csv_text(";").encode()))

    assert labelled(path)[0] == ROWS


def test_of_several_tables_in_a_zip_one_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "my archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.csv", csv_text())
        archive.writestr("test.csv", csv_text())

    with pytest.raises(
        DataError, match=r"an archive with 2 data files \(test\.csv, train\.csv\)"
    ) as e:
        labelled(path)
    assert f"unzip '{path}'" in str(e.value.hint)


def test_a_file_that_unpacks_out_of_all_proportion_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_FREE_BYTES", 50_000)
    lines = b"text\n" + b"A\n" * 1_000_000
    bomb = write(tmp_path / "d.csv.gz", gzip.compress(lines))
    zip_bomb = write(tmp_path / "d.zip", zipped("d.csv", lines))

    for path in (bomb, zip_bomb):
        with pytest.raises(DataError, match="out of proportion"):
            list(read_records(path))


@pytest.mark.parametrize("cut", [12, 40])
def test_a_packed_file_that_is_cut_off_is_an_error(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "d.csv.gz", gzip.compress(csv_text().encode())[:cut])

    with pytest.raises(DataError, match="damaged"):
        labelled(path)


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pa.parquet.write_table(table, file, compression="gzip")
    return file.getvalue()


def arrow(table: pa.Table, make: Callable[..., pa.ipc.RecordBatchStreamWriter]) -> bytes:
    file = io.BytesIO()
    with make(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


def test_parquet_and_arrow_whatever_they_are_called(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(RECORDS)

    for name, content in (
        ("a.parquet", parquet(table)),
        ("b.parquet.gzip", parquet(table)),
        ("c.arrow", arrow(table, pa.ipc.new_file)),
        ("d.arrow", arrow(table, pa.ipc.new_stream)),
        ("e.feather", arrow(table, pa.ipc.new_file)),
        ("f.zip", zipped("f.parquet", parquet(table))),
    ):
        assert labelled(write(tmp_path / name, content)) == (ROWS, ()), name


@pytest.mark.parametrize("suffix", [".arrow", ".parquet", ".xlsx"])
def test_a_file_that_is_not_what_its_name_says_is_broken(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"broken|not an Excel file"):
        labelled(write(tmp_path / f"d{suffix}", b"nothing of the kind"))


def workbook(*sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, cells in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in cells:
            sheet.append(list(row))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_member(book: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A zip with one of its members changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(file, "w") as after:
        for member in before.infolist():
            content = before.read(member)
            after.writestr(member, change(content) if member.filename == name else content)
    return file.getvalue()


def overwritten(content: bytes, place: int, new: bytes) -> bytes:
    return content[:place] + new + content[place + len(new) :]


def damaged_workbooks() -> dict[str, bytes]:
    book = workbook([("text", "label"), *ROWS * 20])
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(book)) as opened:
        place = opened.getinfo(sheet).header_offset
    return {
        "a cut sheet": with_member(book, sheet, lambda content: content[: len(content) // 2]),
        "a cut list of sheets": with_member(book, "xl/workbook.xml", lambda content: content[:90]),
        "bytes lost": overwritten(book, place + 60, b"\xff" * 20),
        "encrypted": re.sub(rb"(?s)(PK\x01\x02.{4})\x00", b"\\1\x01", book),  # by its flags
    }


@pytest.mark.parametrize(("name", "content"), damaged_workbooks().items())
def test_a_damaged_excel_file_is_said_to_be_one(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(DataError, match="damaged") as caught:
        labelled(write(tmp_path / "d.xlsx", content))
    assert "save it as CSV" in str(caught.value.hint), name


def damaged_tables() -> dict[str, bytes]:
    table = pa.Table.from_pylist(RECORDS)
    names = pa.array([text.encode().replace(b"a", b"\xff") for text, _ in ROWS], pa.binary())
    no_text = pa.Array.from_buffers(pa.string(), len(ROWS), names.buffers())
    with_time = [
        table.append_column("date", pa.array([2**40, 1, 2], pa.timestamp("s"))),
        table.append_column("date", pa.array([1, 1, 2], pa.timestamp("us", tz="Foo/Bar"))),
    ]
    lengths = [len(text.encode()) for text, _ in ROWS]
    offsets = struct.pack("<4i", 0, lengths[0], sum(lengths[:2]), sum(lengths))
    file = arrow(table, pa.ipc.new_file)
    return {
        "bytes that are no text": parquet(pa.table({"text": no_text, "label": table["label"]})),
        "a year that is none": parquet(with_time[0]),
        "a zone that is none": parquet(with_time[1]),
        "texts outside of the file": file.replace(offsets, struct.pack("<4i", 0, 1, 2, 2**30)),
    }


@pytest.mark.parametrize(("name", "content"), damaged_tables().items())
def test_a_damaged_table_is_said_to_be_one(tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path / ("d.arrow" if "outside" in name else "d.parquet"), content)

    with pytest.raises(DataError, match="broken"):
        labelled(path)


def test_the_first_sheet_of_an_excel_file_is_read(tmp_path: Path) -> None:
    cells = [("Title", "Sentiment", None), *ROWS, (None, None)]
    path = write(tmp_path / "d.xlsx", workbook(cells, [("x",)]))

    found, notes = labelled(path)

    assert found == ROWS
    assert "the sheet 'Sheet1' is read, the first of 2" in notes


def test_numbers_of_an_excel_file_are_labels_like_any(tmp_path: Path) -> None:
    cells = [("text", "label"), ("Brenta wins", 1.0), ("Osker loses", 0)]
    path = write(tmp_path / "d.xlsx", workbook(cells))

    assert labelled(path, labels={"0": "negative", "1": "positive"})[0] == [
        ("Brenta wins", "positive"),
        ("Osker loses", "negative"),
    ]


def test_a_cell_beside_the_header_is_a_bad_row(tmp_path: Path) -> None:
    path = write(tmp_path / "d.xlsx", workbook([("text",), ("Brenta wins",), ("Osker", "loses")]))

    assert [row.place for row in rows(path) if isinstance(row, BadRow)] == ["row 3"]


@pytest.mark.parametrize(
    ("name", "content", "said", "hint"),
    [
        ("d.xls", b"\xd0\xcf\x11\xe0\xa1", "an Excel file of the old kind", "save it as .xlsx"),
        ("d.csv", b"<!DOCTYPE html><html>", "an HTML page", "download the file itself"),
        ("d.csv", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        ("a b.csv.zst", b"\x28\xb5\x2f\xfd\0", "packed with zstd", "unzstd '"),
        ("d.docx", b"hello", "cannot tell what kind of file this is", "ends in .csv, .tsv"),
    ],
)
def test_what_can_not_be_read_is_named_with_the_way_out(
    tmp_path: Path, name: str, content: bytes, said: str, hint: str
) -> None:
    with pytest.raises(DataError) as caught:
        labelled(write(tmp_path / name, content))

    assert said in caught.value.message
    assert hint in str(caught.value.hint)


# Any table, written in any way, comes back


words = st.text(
    st.sampled_from("abzé€’ß \"',;|\tö\n"),  # noqa: RUF001
    min_size=1,
    max_size=12,
).filter(lambda text: text.strip() == text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=st.lists(st.tuples(words, words, words), min_size=1, max_size=8),
    dialect=st.tuples(st.sampled_from(",\t;|"), st.sampled_from(["\n", "\r\n"])),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le"]),
    pack=st.sampled_from([("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)]),
)
def test_a_table_comes_back_from_any_dialect(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[tuple[str, str, str]],
    dialect: tuple[str, str],
    encoding: str,
    pack: tuple[str, Callable[[bytes], bytes]],
) -> None:
    file = io.StringIO(newline="")
    delimiter, end = dialect
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label", "note"), *table])
    path = tmp_path_factory.mktemp("any") / f"d.csv{pack[0]}"
    write(path, pack[1](file.getvalue().encode(encoding)))

    found = list(read_records(path, ReadingSettings(encoding=encoding)))

    assert [tuple(row.values.values()) for row in found] == table
    assert list(found[0].values) == ["text", "label", "note"]


@given(table=st.lists(st.fixed_dictionaries({"text": words, "n": st.integers()}), min_size=1))
def test_a_table_comes_back_from_json(
    tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.mktemp("json") / "d.json"
    for shape in (table, {str(i): row for i, row in enumerate(table)}):
        write(path, json.dumps(shape))
        assert [row.values for row in read_records(path)] == table


# Pipes


class Pipe(io.RawIOBase):
    """A pipe whose pieces come one at a time; it notes how many were asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give the next piece."""
        piece = self.pieces.pop(0) if self.pieces else b""
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize(
    ("form", "pieces", "expected"),
    [
        (".csv", [b"text,label\n", b"A,positive\n", b"B,neutral\n"], ["A", "B"]),
        (".csv", [b"text\tlabel\n", b"A\tpositive\n", b"B\tneutral\n"], ["A", "B"]),
        (".tsv", [b"text\tlabel\n", b"A\tpositive\n", b"B\tneutral\n"], ["A", "B"]),
        (".jsonl", [b'{"text": "A"}\n', b'{"text": "B"}\n'], ["A", "B"]),
        (".txt", [b"A\n", b"B\n"], ["A", "B"]),
        (None, [b'{"text": "A"}\n', b'{"text": "B"}\n'], ["A", "B"]),
        (None, [b"text,label\n", b"A,positive\n", b"B,neutral\n"], ["A", "B"]),
        (None, [b"Osker, Vellin merge\n", b"B\n"], ["Osker, Vellin merge", "B"]),
        (None, ["text\nA\n".encode("utf-16"), "B\n".encode("utf-16-le")], ["A", "B"]),
    ],
)
def test_a_pipe_is_read_line_by_line_as_lines_come(
    form: str | None, pieces: list[bytes], expected: list[str]
) -> None:
    pipe = Pipe(*pieces)
    with open_records(io.BufferedReader(pipe), form=form) as records:
        found = iter(records)
        first = next(found)
        left = len(pipe.pieces)
        rest = list(found)

    texts = [row.values["text"] for row in (first, *rest) if isinstance(row, Record)]
    assert texts == expected
    assert left >= 1
    assert records.name == "stdin"


@pytest.mark.parametrize("name", ["news.csv", "news.zip", "news"])
def test_the_path_of_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    os.mkfifo(path)

    for read in (open_records, labelled):
        with pytest.raises(DataError, match="a pipe or a device, not a file"):
            read(path)


def test_bytes_of_a_pipe_that_are_not_utf8_are_a_bad_row() -> None:
    stream = io.BufferedReader(io.BytesIO(b"text\nA\nB\xf6\nC\n"))

    with open_records(stream, form=".csv") as records:
        found = list(records)

    assert [isinstance(row, BadRow) for row in found] == [False, True, False]
    again = io.BufferedReader(io.BytesIO(b"text\nB\xf6\n"))
    with open_records(again, ReadingSettings(encoding="cp1252"), form=".csv") as records:
        assert [row.values for row in records if isinstance(row, Record)] == [{"text": "Bö"}]


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x00\x00\x00\rIHDR\xff\xfe\x00\x00\x03" * 50, bytes(1000), b"text\n\xff\x00\x00"],
)
def test_a_binary_file_is_not_a_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"picture\.csv: not a text file") as caught:
        list(read_records(path))

    assert "encoding" not in (caught.value.hint or "")


def test_a_long_first_line_of_a_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("word " * 40_000 + "\nSales fall\n", encoding="utf-8")
    # In a process of its own: Python's limit on fields holds for a whole one.
    code = f"""
from pathlib import Path
from newsclf.data.records import open_records
print(len(list(open_records(Path({str(path)!r})))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "2\n"
