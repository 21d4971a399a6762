"""Write rows as CSV, TSV, JSONL or Parquet to a stream, or to a file that appears when complete."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from newsclf.common.errors import DataError, reason_of, require_extra
from newsclf.common.files import replacing

Rows = Sequence[Mapping[str, object]]
Columns = Mapping[str, type]
StreamFormat = Literal["csv", "tsv", "jsonl"]
"""Formats that can be written to a pipe; Parquet needs a file."""


Write = Callable[[Rows], None]
"""Writes rows; the first ones decide the columns."""


@contextmanager
def open_sink(path: Path, columns: Columns | None = None) -> Iterator[Write]:
    """Open a file for rows, creating its folder; on an error nothing is left behind.

    Args:
        path: The file.
        columns: Names and kinds of the columns (str, int, float, bool, date or datetime), so that a
            column may be empty in the first rows, and the file without rows. Without it the first
            rows decide.

    Raises:
        DataError: The suffix is not .csv, .tsv, .jsonl or .parquet, or the file cannot be
            written there.
        MissingExtraError: Parquet without pyarrow.
    """
    suffix = path.suffix.lower()
    if suffix not in _SINKS:
        raise DataError(
            f"{path}: rows cannot be written to a '{path.suffix}' file",
            hint=f"name a file that ends in {', '.join(_SINKS)}",
        )
    if suffix == ".parquet":
        require_extra("pyarrow", extra=None, purpose="writing Parquet")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file, _SINKS[suffix](file, columns=columns) as write:
            yield write
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({reason_of(error)})",
            hint="name another file with --output",
        ) from error


def stream_sink(stream: BinaryIO, file_format: StreamFormat) -> AbstractContextManager[Write]:
    """Write rows to a stream such as standard output, without buffering."""
    return _SINKS[f".{file_format}"](stream)


@contextmanager
def _csv_sink(
    file: BinaryIO, columns: Columns | None = None, delimiter: str = ","
) -> Iterator[Write]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer: csv.DictWriter[str] | None = None

    def write(rows: Rows) -> None:
        nonlocal writer
        if writer is None:
            names = list(columns or rows[0])
            writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator="\n")
            writer.writeheader()
        try:
            writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
        except ValueError as error:
            raise DataError(
                f"rows have different columns, which CSV cannot hold ({error})",
                hint="write JSONL: --output FILE.jsonl",
            ) from error
        text.flush()

    try:
        yield write
    finally:
        text.detach()  # the stream stays open


@contextmanager
def _jsonl_sink(file: BinaryIO, columns: Columns | None = None) -> Iterator[Write]:
    del columns  # each line names its own

    def write(rows: Rows) -> None:
        lines = (json.dumps(_finite(row), ensure_ascii=False, default=str) + "\n" for row in rows)
        file.write("".join(lines).encode())
        file.flush()

    yield write


@contextmanager
def _parquet_sink(file: BinaryIO, columns: Columns | None = None) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    writer: ParquetWriter | None = None
    kinds = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        dt.date: pa.date32(),
        dt.datetime: pa.timestamp("us", tz="UTC"),
    }
    schema = columns and pa.schema([(name, kinds[kind]) for name, kind in columns.items()])

    def write(rows: Rows) -> None:
        nonlocal writer
        try:
            known = writer.schema if writer else schema
            table = pa.Table.from_pylist(list(map(dict, rows)), schema=known)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DataError(
                f"a column has values of different kinds ({error})",
                hint="write JSONL: --output FILE.jsonl",
            ) from error
        if writer is None:
            # A column that is empty so far is most likely to be text.
            fields = [
                field.with_type(pa.string()) if pa.types.is_null(field.type) else field
                for field in table.schema
            ]
            writer = opened.enter_context(ParquetWriter(file, pa.schema(fields)))
        if any(set(row) != set(writer.schema.names) for row in rows):
            raise DataError(
                "rows have different columns, which Parquet cannot hold",
                hint="write JSONL: --output FILE.jsonl",
            )
        writer.write_table(table.cast(writer.schema))

    with ExitStack() as opened:
        yield write


_SINKS: dict[str, Callable[..., AbstractContextManager[Write]]] = {
    ".csv": _csv_sink,
    ".tsv": partial(_csv_sink, delimiter="\t"),
    ".jsonl": _jsonl_sink,
    ".parquet": _parquet_sink,
}


def _finite(value: object) -> object:
    """A value as JSON can hold it: NaN and infinities become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value


def _cell(value: object) -> object:
    """A value as CSV shows it: objects, lists and truth as JSON, not as Python writes them."""
    if isinstance(value, dict | list | bool):
        return json.dumps(_finite(value), ensure_ascii=False)
    return value
