"""Read delimited text: detect its delimiter and header, and report broken rows.

A row that can't be parsed affects no other: all of its lines but the first are read again.
"""

from __future__ import annotations

import csv
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from newsclf.common.settings import ReadingSettings
from newsclf.data.formats.columns import TEXT_COLUMN, Header, find_header
from newsclf.data.formats.encodings import MAX_LINE_CHARACTERS, undecoded
from newsclf.data.formats.rows import BadRow, Found, Record, Row

_SAMPLE_LINES = 200
_DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}
_ALIKE = 0.9
"""Share of sampled rows that must have as many fields as the first."""

csv.field_size_limit(MAX_LINE_CHARACTERS)  # of all readers of this process


class Lines:
    """Numbered lines with push-back."""

    def __init__(self, lines: Iterator[str], codec: str) -> None:
        self._source = lines
        self._waiting: deque[str] = deque()
        self._codec = codec
        self.number = 0
        self.taken: list[str] = []
        """The lines since `begin`."""

    def __iter__(self) -> Iterator[str]:
        """Return the iterator itself."""
        return self

    def __next__(self) -> str:
        """The next line, with its end."""
        line = self._waiting.popleft() if self._waiting else next(self._source)
        self.number += 1
        self.taken.append(line)
        return line

    def begin(self) -> None:
        """Begin a row."""
        self.taken.clear()

    def push_back(self, keep: int) -> None:
        """Push back the lines of the row, except the first `keep`."""
        returned = self.taken[keep:]
        self._waiting.extendleft(reversed(returned))
        self.number -= len(returned)
        del self.taken[keep:]

    def peek(self, count: int) -> list[str]:
        """Look at the next lines without consuming them."""
        while len(self._waiting) < count and (line := next(self._source, None)) is not None:
            self._waiting.append(line)
        return list(itertools.islice(self._waiting, count))

    def rows(self, parse: Callable[[str, str], Row]) -> Iterator[Row]:
        """A row for each line that is not blank.

        Args:
            parse: Makes a row from its place and its line.
        """
        for line in self:
            place = f"line {self.number}"
            bad = self.undecoded(place)
            self.begin()
            if bad or line.strip():
                yield bad or parse(place, line)

    def undecoded(self, place: str) -> BadRow | None:
        """The latest row if its bytes could not be decoded; None if they could be."""
        problem = next(filter(None, (undecoded(line, self._codec) for line in self.taken)), None)
        return BadRow(place, problem, _BYTES_HINT) if problem else None


def read_delimited(
    lines: Lines, reading: ReadingSettings, name: str, *, usual: str, once: bool
) -> Found:
    """The rows of a CSV file.

    Args:
        lines: The file.
        reading: Settings that the user gave.
        name: The file's name, for messages.
        usual: The delimiter that is tried first.
        once: Whether the source is a pipe, of which only one line is read in advance.

    Raises:
        ConfigError, DataError: see `find_header`.
    """
    stated = _excel_line(lines)
    sample = lines.peek(1 if once else _SAMPLE_LINES)
    delimiter = reading.delimiter or stated or guess_delimiter(sample, usual)
    notes = []
    if delimiter != (reading.delimiter or usual):
        notes.append(f"read as {_DELIMITERS.get(delimiter, delimiter)}-separated (--delimiter)")
    first = [row for row in _parsed(sample, delimiter) if row]
    if not first:
        return Found(_rows(lines, delimiter, Header([], 0)), notes)
    header = find_header(first, reading.columns, name)
    return Found(_rows(lines, delimiter, header), notes + header.notes)


def guess_delimiter(sample: Sequence[str], usual: str) -> str:
    """Guess the delimiter of these lines: the usual one, unless only another fits."""
    fits = {}
    for delimiter in (usual, *(each for each in _DELIMITERS if each != usual)):
        widths = [len(row) for row in _parsed(sample, delimiter) if row]
        if widths and widths[0] > 1:
            # A row may have one field more than the header: the index that pandas writes.
            alike = sum(width - widths[0] in (0, 1) for width in widths)
            fits[delimiter] = alike / len(widths)
    good = [delimiter for delimiter, share in fits.items() if share >= _ALIKE]
    return good[0] if good else usual


def _excel_line(lines: Lines) -> str | None:
    """The delimiter of a first line such as `sep=;`, which Excel writes and reads."""
    first = "".join(lines.peek(1)).strip()
    if len(first) != len("sep=;") or not first.lower().startswith("sep="):
        return None
    next(lines)
    return first[-1]


def is_header(line: str) -> bool:
    """Whether a line is the header of a table with headlines, with any delimiter."""
    rows = (next(csv.reader([line], delimiter=each), []) for each in _DELIMITERS)
    return any(len(row) > 1 and any(TEXT_COLUMN.matches(cell) for cell in row) for row in rows)


def _parsed(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Rows of a sample, without the last one if it may be cut off."""
    rows = list(csv.reader(lines, delimiter=delimiter))
    return rows[:-1] if len(lines) == _SAMPLE_LINES else rows


def _rows(lines: Lines, delimiter: str, header: Header) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    left = header.skip
    while True:
        lines.begin()
        place = f"line {lines.number + 1}"
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.push_back(keep=1)
            yield BadRow(place, f"broken CSV ({error})", _BROKEN_HINT)
            continue
        if not fields or (len(fields) == 1 < len(header.names) and not fields[0].strip()):
            continue
        if left:
            left -= 1
        elif bad := lines.undecoded(place):
            yield bad
        elif len(fields) != len(header.names):
            yield _wrong_width(place, len(fields), len(header.names))
        else:
            yield Record(place, dict(zip(header.names, fields, strict=True)))


def _wrong_width(place: str, fields: int, expected: int) -> BadRow:
    hint = (
        "put double quotes around fields that hold the delimiter, or name it with --delimiter"
        if fields > expected
        else "look for a line break inside a field, which then needs double quotes around it"
    )
    return BadRow(place, f"{fields} fields, but the header has {expected}", hint)


_BROKEN_HINT = "look for a double quote that is not closed, and double those inside a field"
_BYTES_HINT = "name the file's encoding, for example --encoding cp1252, or fix the line"
