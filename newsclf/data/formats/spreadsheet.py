"""Read the first sheet of an Excel file (.xlsx)."""

from __future__ import annotations

import itertools
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from newsclf.common.errors import DataError, require_extra
from newsclf.common.settings import ReadingSettings
from newsclf.data.formats.columns import Header, find_header
from newsclf.data.formats.rows import BadRow, Found, Record, Row

_SAMPLE_ROWS = 50
_Cells = tuple[int, list[object]]


def read_excel(stream: IO[bytes], reading: ReadingSettings, name: str) -> Found:
    """The rows of the first sheet, without empty rows.

    Raises:
        DataError: it is no Excel file, or a damaged one.
        MissingExtraError: openpyxl is not installed.
    """
    require_extra("openpyxl", extra="train", purpose="reading Excel files")
    import openpyxl

    with _intact(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheet = book.worksheets[0]
    cells = _filled(sheet.iter_rows(values_only=True), name)
    first = list(itertools.islice(cells, _SAMPLE_ROWS))
    notes = []
    if len(book.worksheets) > 1:
        notes.append(f"the sheet '{sheet.title}' is read, the first of {len(book.worksheets)}")
    if not first:
        return Found(iter(()), notes)
    header = find_header([values for _, values in first], reading.columns, name)
    rows = _rows(itertools.chain(first, cells), header)
    return Found(rows, notes + header.notes)


def _filled(rows: Iterator[tuple[object, ...]], name: str) -> Iterator[_Cells]:
    """Numbered rows that hold something, without the empty cells at their end."""
    with _intact(name):
        for number, row in enumerate(rows, start=1):
            values = list(row)
            while values and values[-1] in (None, ""):
                values.pop()
            if values:
                yield number, values


def _rows(cells: Iterator[_Cells], header: Header) -> Iterator[Row]:
    width = len(header.names)
    for number, values in itertools.islice(cells, header.skip, None):
        place = f"row {number}"
        if len(values) > width:
            yield BadRow(
                place,
                f"{len(values)} cells, but the header has {width}",
                "give every column a name in the first row",
            )
            continue
        padded = values + [None] * (width - len(values))
        yield Record(place, dict(zip(header.names, padded, strict=True)))


@contextmanager
def _intact(name: str) -> Iterator[None]:
    """Turn openpyxl's errors into DataError."""
    from openpyxl.utils.exceptions import InvalidFileException

    damage = (
        InvalidFileException,
        zipfile.BadZipFile,
        zlib.error,
        SyntaxError,  # of the XML
        RuntimeError,  # encrypted
        TypeError,
        AttributeError,
        LookupError,
        OSError,
        ValueError,
    )
    try:
        yield
    except damage as error:
        raise DataError(
            f"{name}: not an Excel file, or a damaged one ({error})",
            hint="open it in Excel, and save it as CSV UTF-8",
        ) from error
