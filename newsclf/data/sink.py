"""Write rows as CSV, TSV, JSONL or Parquet to a stream, or to a file that appears when complete."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from newsclf.common.errors import DataError, reason_of, require_extra
from newsclf.common.files import replacing

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetWriter

Rows = Sequence[Mapping[str, object]]
StreamFormat = Literal["csv", "tsv", "jsonl"]
"""Formats that can be written to a pipe; Parquet needs a file."""


class Sink(Protocol):
    """Destination of rows."""

    def write(self, rows: Rows) -> None:
        """Add rows; the first ones decide the columns."""

    def close(self) -> None:
        """Flush; the stream itself stays open."""


@contextmanager
def open_sink(path: Path) -> Iterator[Sink]:
    """Open a file for rows, creating its folder; on an error nothing is left behind.

    Raises:
        DataError: The suffix is not .csv, .tsv, .jsonl or .parquet, or the file cannot be
            written there.
        MissingExtraError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in _SINKS:
        raise DataError(
            f"{path}: predictions cannot be written to a '{path.suffix}' file",
            hint=f"name a file that ends in {', '.join(_SINKS)}",
        )
    if suffix == ".parquet":
        require_extra("pyarrow", extra="train", purpose="writing Parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file, closing(_SINKS[suffix](file)) as sink:
            yield sink
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({reason_of(error)})",
            hint="name another file with --output",
        ) from error


@contextmanager
def stream_sink(stream: BinaryIO, file_format: StreamFormat) -> Iterator[Sink]:
    """Write rows to a stream such as standard output, without buffering."""
    with closing(_SINKS[f".{file_format}"](stream)) as sink:
        yield sink


class _CsvSink:
    def __init__(self, file: BinaryIO, delimiter: str = ",") -> None:
        self._delimiter = delimiter
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._writer: csv.DictWriter[str] | None = None

    def write(self, rows: Rows) -> None:
        if self._writer is None:
            self._writer = csv.DictWriter(
                self._text, list(rows[0]), delimiter=self._delimiter, lineterminator="\n"
            )
            self._writer.writeheader()
        try:
            self._writer.writerows(
                {name: _cell(value) for name, value in row.items()} for row in rows
            )
        except ValueError as error:
            raise DataError(
                f"rows have different columns, which CSV cannot hold ({error})",
                hint="write JSONL: --output FILE.jsonl",
            ) from error
        self._text.flush()

    def close(self) -> None:
        self._text.flush()
        self._text.detach()  # closing the wrapper would close the stream, which is not ours


class _JsonlSink:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, rows: Rows) -> None:
        lines = (json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        self._file.write("".join(lines).encode())
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class _ParquetSink:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
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
            self._writer = pa.parquet.ParquetWriter(self._file, self._schema)
        if any(set(row) != set(self._schema.names) for row in rows):
            raise DataError(
                "rows have different columns, which Parquet cannot hold",
                hint="write JSONL: --output FILE.jsonl",
            )
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


_SINKS: dict[str, Callable[[BinaryIO], Sink]] = {
    ".csv": _CsvSink,
    ".tsv": partial(_CsvSink, delimiter="\t"),
    ".jsonl": _JsonlSink,
    ".parquet": _ParquetSink,
}


def _cell(value: object) -> object:
    """A value as CSV shows it: objects and lists as JSON, not as Python writes them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
