"""Read the rows of any data file, one at a time, each with its place.

Every command reads data through this module. Memory does not grow with the file. Guesses about the
file are kept as notes for the user; an unusable row is a value, an unusable file is an error.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Self

from newsclf.common.errors import DataError, reason_of
from newsclf.common.settings import ReadingSettings
from newsclf.data.formats import columnar, json_rows
from newsclf.data.formats.columns import LABEL, TEXT, TEXT_COLUMN, ColumnKind, find_column
from newsclf.data.formats.delimited import Lines, is_header, read_delimited
from newsclf.data.formats.encodings import lines_of, open_text
from newsclf.data.formats.opening import (
    BINARY_FORMATS,
    Source,
    find_source,
    seekable,
    unknown_format,
)
from newsclf.data.formats.rows import BadRow, Found, Record, Row
from newsclf.data.formats.spreadsheet import read_excel
from newsclf.data.labels import KNOWN_LABELS

_USUAL_DELIMITER = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_SENTENCE_AT_LABEL = re.compile(r"(?P<text>.+)@(?P<label>[A-Za-z]+)\s*")
_SAMPLE_LINES = 20


class Records:
    """An opened data file; iterating reads its rows.

    Attributes:
        name: The file, for messages.
        notes: Guesses about the file, as phrases for the user.
        columns: Names of the columns, as the first good row has them.
        class_names: Column → class names of its numbers, where the file has them.
        has_names: Whether the file names its columns; a text file does not.
    """

    def __init__(self, found: Found, name: str, opened: ExitStack) -> None:
        self.name = name
        self.notes = list(found.notes)
        self.class_names = found.class_names
        self.has_names = found.has_names
        self._rows = _until_closed(found.rows, opened, name)
        skipped: list[BadRow] = []
        for row in self._rows:
            if isinstance(row, Record):
                self.columns = list(row.values)
                self._ahead: list[Row] = [*skipped, row]
                return
            skipped.append(row)
        if skipped:
            raise skipped[0].error(name)
        raise DataError(
            f"{name}: it has no rows",
            hint="it takes headlines, one per line, or a file's content"
            if name == "stdin"
            else "check that the file is complete",
        )

    def __enter__(self) -> Self:
        """Enter a block at whose end the file is closed."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._rows.close()

    def __iter__(self) -> Iterator[Row]:
        """The rows, good and bad, in the file's order; once."""
        ahead, self._ahead = self._ahead, []
        return itertools.chain(ahead, self._rows)

    def column(self, kind: ColumnKind, asked: str | None) -> str:
        """Find the column with the headlines or labels; a guess is added to the notes.

        Raises:
            MissingColumnError: there is no such column, or several candidates.
        """
        asked = asked if self.has_names else None
        column, notes = find_column(kind, self.columns, asked, self.name)
        self.notes += [note for note in notes if note not in self.notes]
        return column


def open_records(
    source: Path | BinaryIO,
    reading: ReadingSettings | None = None,
    *,
    form: str | None = None,
    split: str | None = None,
    subset: str | None = None,
) -> Records:
    """Open a file, a Hugging Face folder, or a pipe, and look at its first row.

    Args:
        source: What to read; a binary stream is read line by line as lines come.
        reading: Settings that the user gave; the rest is recognised.
        form: Format of a stream: .csv, .tsv, .jsonl or .txt; by default, what its first line
            looks like.
        split: Which part of a folder; by default the only one, or `train`.
        subset: Which configuration of a folder that has several.

    Raises:
        DataError: there is no such file, it can't be read, or it has no good row.
        ConfigError: `reading.columns` does not fit.
        MissingExtraError: a package for this format is not installed.
    """
    reading = reading or ReadingSettings()
    if isinstance(source, Path) and source.is_dir():
        if not columnar.is_dataset_folder(source):
            raise DataError(
                f"{source}: a folder without data files",
                hint="name a file, or a folder with .parquet, .csv or .jsonl files",
            )
        found = columnar.read_folder(source, split, subset=subset)
        return Records(found, str(source), ExitStack())
    if isinstance(source, Path):
        data = find_source(source)
    else:
        data = Source("stdin", form, lambda: source, once=True)
    try:
        with ExitStack() as opened:
            found = _read(data, reading, opened)
            return Records(found, data.name, opened.pop_all())
    except OSError as error:
        raise DataError(f"{data.name}: {reason_of(error)}") from error


def _read(source: Source, reading: ReadingSettings, opened: ExitStack) -> Found:
    if source.format in BINARY_FORMATS:
        stream = opened.enter_context(seekable(source))
        if source.format == ".xlsx":
            return read_excel(stream, reading, source.name)
        return columnar.read_columnar(stream, source.name, source.format)
    text, notes = open_text(source, reading.encoding)
    opened.enter_context(text)
    if source.format == ".json":
        found = json_rows.read_json(text, source.name)
    else:
        found = _read_lines(Lines(lines_of(text, source.name), text.encoding), source, reading)
    return replace(found, notes=notes + found.notes)


def _read_lines(lines: Lines, source: Source, reading: ReadingSettings) -> Found:
    first = lines.peek(1)
    form = source.format or _form_of("".join(first), reading)
    if form is None:
        raise unknown_format(source.name)
    if form == ".jsonl":
        return Found(lines.rows(json_rows.from_line))
    if form == ".txt" and not _is_table("".join(first), reading):
        return _read_text(lines, once=source.once)
    return read_delimited(
        lines, reading, source.name, usual=_USUAL_DELIMITER[form], once=source.once
    )


def _until_closed(rows: Iterator[Row], opened: ExitStack, name: str) -> Generator[Row]:
    """The rows as a generator, which closes their file at its end or when it is closed."""
    with opened:
        try:
            yield from rows
        except OSError as error:  # or it would be blamed on a file that is being written
            raise DataError(f"{name}: {reason_of(error)}") from error


def _form_of(first: str, reading: ReadingSettings) -> str | None:
    """Format that a stream's first line suggests."""
    if first.lstrip().startswith("{"):
        return ".jsonl"
    return ".csv" if _is_table(first, reading) or TEXT_COLUMN.matches(first) else ".txt"


def _is_table(first: str, reading: ReadingSettings) -> bool:
    """Whether a text file has columns: by the settings, or by its first line."""
    return bool(reading.columns or reading.delimiter) or is_header(first)


def _read_text(lines: Lines, *, once: bool) -> Found:
    """Read one headline per line; in PhraseBank's format its label follows an @ sign."""
    sample = [line for line in lines.peek(1 if once else _SAMPLE_LINES) if line.strip()]
    found = [_SENTENCE_AT_LABEL.fullmatch(line) for line in sample]
    labelled = bool(found) and all(m and m["label"].casefold() in KNOWN_LABELS for m in found)
    notes = ["read as sentence@label"] if labelled else []
    parse = _labelled_row if labelled else lambda place, line: Record(place, {TEXT: line.strip()})
    return Found(lines.rows(parse), notes, has_names=False)


def _labelled_row(place: str, line: str) -> Row:
    text, at, label = line.strip().rpartition("@")
    if not at:
        return BadRow(place, "no @label at its end", "add it, or remove the line")
    return Record(place, {TEXT: text.strip(), LABEL: label})
