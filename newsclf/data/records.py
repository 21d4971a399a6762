"""Rows of a CSV, JSONL, Parquet or text file, one at a time, each with its place in the file.

Memory does not grow with the file, and every complaint names the line, so both scoring and the
diagnosis of a bad training file read through here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from newsclf.core.errors import DataError
from newsclf.core.extras import require_extra

FORMATS = (".csv", ".jsonl", ".parquet", ".txt")
TEXT_COLUMN_OF_TXT = "text"
_MAX_FIELD_BYTES = 10_000_000


class Record(NamedTuple):
    """One row and where it stands."""

    place: str
    """`line 7`, or `row 7` in a Parquet file, counted from 1."""
    values: Mapping[str, object]


def file_format(path: Path) -> str:
    """The path's suffix, if it is one of FORMATS; DataError otherwise."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise DataError(
            f"{path}: cannot tell what kind of file this is",
            hint=f"use a file that ends in {', '.join(FORMATS)}",
        )
    return suffix


def read_records(path: Path) -> Iterator[Record]:
    """Yield the rows of a file; blank lines are passed over.

    Raises:
        DataError: no such file, not UTF-8, broken CSV, JSON or Parquet.
        MissingExtraError: a Parquet file without pyarrow.
    """
    reader = {
        ".csv": _csv_records,
        ".jsonl": _jsonl_records,
        ".parquet": _parquet_records,
        ".txt": _txt_records,
    }[file_format(path)]
    try:
        yield from reader(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def column_of(record: Record, column: str, path: Path) -> object:
    """A value of a record; DataError with the columns there are if it has no such column."""
    try:
        return record.values[column]
    except KeyError:
        raise missing_column(path, column, list(record.values), record.place) from None


def missing_column(
    path: Path, column: str, columns: list[str], place: str | None = None
) -> DataError:
    """The error for a column that a file does not have."""
    where = f"{path}, {place}" if place else str(path)
    there = ", ".join(repr(name) for name in columns) or "none"
    return DataError(
        f"{where}: no column '{column}'; the columns are {there}",
        hint="name the columns with --text-column and --label-column",
    )


def _utf8_lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02x}"
                    f" at position {error.start + 1})",
                    hint=f"convert it: iconv -f LATIN1 -t UTF-8 {path} > utf8{path.suffix}",
                ) from None


def _csv_records(path: Path) -> Iterator[Record]:
    csv.field_size_limit(_MAX_FIELD_BYTES)
    reader = csv.reader((line for _, line in _utf8_lines(path)), strict=True)
    start = 1
    header: list[str] | None = None
    try:
        for row in reader:
            if row and header is None:
                header = row
                if twice := sorted({name for name in row if row.count(name) > 1}):
                    raise DataError(
                        f"{path}, line {start}: two columns are called '{twice[0]}'",
                        hint="rename one of them",
                    )
            elif row and header is not None:
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {start}: {len(row)} fields, but the header has"
                        f" {len(header)}",
                        hint="put double quotes around fields that hold commas",
                    )
                yield Record(f"line {start}", dict(zip(header, row, strict=True)))
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: broken CSV ({error})",
            hint="look for a double quote that is not closed, and double those inside a field",
        ) from None


def _jsonl_records(path: Path) -> Iterator[Record]:
    for number, line in _utf8_lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: broken JSON ({error})", hint="write one object a line"
            ) from None
        if not isinstance(values, dict):
            raise DataError(
                f"{path}, line {number}: expected a JSON object, found {line.strip()[:40]!r}",
                hint='write one object a line, such as {"text": "…", "label": "neutral"}',
            )
        yield Record(f"line {number}", values)


def _txt_records(path: Path) -> Iterator[Record]:
    for number, line in _utf8_lines(path):
        if line.strip():
            yield Record(f"line {number}", {TEXT_COLUMN_OF_TXT: line.strip()})


def _parquet_records(path: Path) -> Iterator[Record]:
    require_extra("pyarrow", extra="train", purpose="reading Parquet")
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pa.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(f"row {number}", values)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: broken Parquet ({error})", hint="write the file again") from None
