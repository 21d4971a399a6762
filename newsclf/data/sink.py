"""Rows written to a CSV, JSONL or Parquet file that appears when it is complete."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from newsclf.core.errors import DataError
from newsclf.core.extras import require_extra
from newsclf.data.records import file_format

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetWriter

Rows = Sequence[Mapping[str, object]]


class Sink(Protocol):
    """Where rows go."""

    def write(self, rows: Rows) -> None:
        """Add rows; the first ones decide the columns."""

    def close(self) -> None:
        """Finish the file."""


@contextmanager
def open_sink(path: Path) -> Iterator[Sink]:
    """Open a file for rows; on an error nothing is left behind.

    Raises:
        DataError: the suffix is none of .csv, .jsonl, .parquet, or the folder can't be written.
        MissingExtraError: Parquet without pyarrow.
    """
    kinds: dict[str, type[_CsvSink | _JsonlSink | _ParquetSink]] = {
        ".csv": _CsvSink,
        ".jsonl": _JsonlSink,
        ".parquet": _ParquetSink,
    }
    suffix = file_format(path)
    if suffix not in kinds:
        raise DataError(
            f"{path}: a {suffix} file has no columns for predictions",
            hint=f"use a file that ends in {', '.join(kinds)}",
        )
    if suffix == ".parquet":
        require_extra("pyarrow", extra="train", purpose="writing Parquet")
    partial = path.with_name(f".{path.name}.partial")
    try:
        sink = kinds[suffix](partial)
        try:
            yield sink
        finally:
            sink.close()
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        partial.unlink(missing_ok=True)


class _CsvSink:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer: csv.DictWriter[str] | None = None

    def write(self, rows: Rows) -> None:
        if self._writer is None:
            self._writer = csv.DictWriter(self._file, list(rows[0]), lineterminator="\n")
            self._writer.writeheader()
        try:
            self._writer.writerows(rows)
        except ValueError as error:
            raise DataError(
                f"rows have different columns, which CSV cannot hold ({error})",
                hint="write JSONL: --output FILE.jsonl",
            ) from error

    def close(self) -> None:
        self._file.close()


class _JsonlSink:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")

    def write(self, rows: Rows) -> None:
        self._file.writelines(
            json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows
        )

    def close(self) -> None:
        self._file.close()


class _ParquetSink:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: ParquetWriter | None = None
        self._schema: Schema | None = None

    def write(self, rows: Rows) -> None:
        import pyarrow as pa
        import pyarrow.parquet

        try:
            table = pa.Table.from_pylist([dict(row) for row in rows], schema=self._schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(
                f"a column has values of different kinds ({error})",
                hint="write JSONL: --output FILE.jsonl",
            ) from error
        if self._writer is None or self._schema is None:
            # A column that is empty so far is most likely to be text.
            fields = [
                field.with_type(pa.string()) if pa.types.is_null(field.type) else field
                for field in table.schema
            ]
            self._schema = pa.schema(fields)
            table = table.cast(self._schema)
            self._writer = pa.parquet.ParquetWriter(self._path, self._schema)
        if any(set(row) != set(self._schema.names) for row in rows):
            raise DataError(
                "rows have different columns, which Parquet cannot hold",
                hint="write JSONL: --output FILE.jsonl",
            )
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
