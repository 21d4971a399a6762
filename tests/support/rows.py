"""Reading the rows of a data file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from newsclf.common.settings import ReadingSettings
from newsclf.data.formats.rows import BadRow, Record
from newsclf.data.records import open_records


def read_records(
    source: Path | BinaryIO,
    reading: ReadingSettings | None = None,
    *,
    on_bad: Callable[[BadRow], None] | None = None,
) -> Iterator[Record]:
    """Yield the good rows of a file; without `on_bad` a bad one is an error."""
    with open_records(source, reading) as records:
        for row in records:
            if isinstance(row, Record):
                yield row
            elif on_bad is None:
                raise row.error(records.name)
            else:
                on_bad(row)
