"""Detect the encoding of a file, and decode its lines.

Only near-certain guesses are made: a byte order mark, strict UTF-8, UTF-16 by its zero bytes, and
Western European text in Windows-1252. Anything else is an error that asks for --encoding.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from newsclf.common.errors import DataError
from newsclf.data.formats.opening import Source

MAX_LINE_CHARACTERS = 10_000_000
_CHUNK_BYTES = 2**20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", None),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_UNDECODED = re.compile("[\udc00-\udcff]")
_ZERO_SHARE = 0.2
_BINARY_SHARE = 0.05
"""Zero bytes in a file that is not UTF-16; a single one may stand in a damaged text."""
_FOREIGN_SHARE = 0.6
"""Share of non-ASCII characters in words that have any: about a fifth in Western languages, nearly
all in others."""
_ODD_SHARE = 0.1
_CHANCE_SHARE = 0.25
_NOT_IN_1252 = re.compile("[\x81\x8d\x8f\x90\x9d]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_ODD = re.compile(
    "[a-zß-öø-ÿ][À-ÖØ-ÞŠŒŽŸ]"
    "|[a-z][\u201a\u201e\u2020\u2021\u02c6\u2030\u2039\u2022\u02dc€¡-¬®-¿×÷][a-z]"
)
"""What Windows-1252 makes of other encodings: a capital or a sign in the middle of a word."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """The codec of a source, and a note about the guess."""

    codec: str
    note: str | None = None


def _mark_undecoded(error: UnicodeError) -> tuple[str, int]:
    """Replace each byte that can't be decoded by half a surrogate pair, which no text holds."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + b) for b in error.object[error.start : error.end]), error.end


codecs.register_error("newsclf.mark", _mark_undecoded)


def undecoded(line: str, codec: str) -> str | None:
    """The first byte of a line that could not be decoded, in words; None for a good line."""
    if line.isascii() or (found := _UNDECODED.search(line)) is None:
        return None
    name = "UTF-8" if codec.startswith("utf-8") else codec.upper()
    return f"not {name} (byte 0x{ord(found[0]) - 0xDC00:02x} at position {found.start() + 1})"


def open_text(source: Source, asked: str | None) -> tuple[io.TextIOWrapper, Encoding]:
    """A source as text, with line ends as they are; undecodable bytes are marked.

    Raises:
        DataError: the encoding can't be determined.
    """
    stream = source.open()
    if source.once:
        head, stream = _peeked(stream)
        encoding = _of_head(head, asked, source.name) or Encoding("utf-8")
    else:
        try:
            encoding = _of_file(source, asked)
        except BaseException:
            stream.close()
            raise
    return _wrapped(stream, encoding.codec), encoding


def _wrapped(stream: BinaryIO, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding=codec, errors="newsclf.mark", newline="")


def lines_of(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Lines with any of the three line ends; DataError for an endless line."""
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise DataError(
                f"{name}: a line of more than {MAX_LINE_CHARACTERS:,} characters",
                hint="check that it is the right file, and a text",
            )
        yield line


def _of_head(head: bytes, asked: str | None, name: str) -> Encoding | None:
    for mark, codec, said in _MARKS:
        if head.startswith(mark):
            if asked and not codecs.lookup(asked).name.startswith(codec[:5]):
                break
            return Encoding(codec, f"read as {said}" if said and not asked else None)
    if asked:
        return Encoding(asked)
    even, odd = head[0:4096:2], head[1:4096:2]
    if odd.count(0) > _ZERO_SHARE * len(odd) > 0 and not even.count(0):
        return Encoding("utf-16-le", "read as UTF-16 without a byte order mark")
    if even.count(0) > _ZERO_SHARE * len(even) > 0 and not odd.count(0):
        return Encoding("utf-16-be", "read as UTF-16 without a byte order mark")
    if even.count(0) and odd.count(0) and head.count(0) > _BINARY_SHARE * len(head):
        raise _no_text(name)
    return None


def _no_text(name: str) -> DataError:
    return DataError(f"{name}: not a text file", hint="name a file of headlines and labels")


def _of_file(source: Source, asked: str | None) -> Encoding:
    with source.open() as stream:
        if found := _of_head(stream.read(4096), asked, source.name):
            return found
    with source.open() as stream:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while piece := stream.read(_CHUNK_BYTES):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _not_utf8(source)
    return Encoding("utf-8")


def _not_utf8(source: Source) -> Encoding:
    seen = _Western()
    zeros = [0, 0]  # at even and at odd places: UTF-16 has them at one kind only
    with source.open() as stream:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        while piece := stream.read(_CHUNK_BYTES):
            zeros = [zeros[i] + piece[i::2].count(0) for i in range(2)]
            text = decoder.decode(piece)
            seen.look(text)
    if seen.has_utf8:
        # Damaged or mixed: each bad line is named where it is met.
        return Encoding("utf-8")
    if all(zeros):
        raise _no_text(source.name)
    where = f"line {seen.line} is not UTF-8 (byte 0x{seen.byte:02x})"
    if not seen.is_western:
        raise DataError(
            f"{source.name}: its encoding is not known: {where}",
            hint="name it, for example --encoding cp1251, mac_roman, shift_jis or gb18030",
        )
    return Encoding("cp1252", f"read as Windows-1252: {where}")


class _Western:
    """Whether text that is not UTF-8 reads like a Western European language in Windows-1252."""

    def __init__(self) -> None:
        self.line = 0
        self.byte = 0
        self._utf8 = 0
        self._lines = 1
        self._undefined = self._odd = self._high = self._foreign = self._characters = 0

    def look(self, text: str) -> None:
        """Take in a piece, decoded as UTF-8 with marks."""
        if not self.byte and (found := _UNDECODED.search(text)):
            self.byte = ord(found[0]) - 0xDC00
            self.line = self._lines + len(_LINE_END.findall(text[: found.start()]))
        self._lines += len(_LINE_END.findall(text))
        if text.isascii():
            return
        words = " ".join(word for word in text.split() if not word.isascii())
        marks = len(_UNDECODED.findall(words))
        self._utf8 += len(_NOT_ASCII.findall(words)) - marks
        raw = _UNDECODED.sub(lambda found: chr(ord(found[0]) - 0xDC00), words)
        self._undefined += len(_NOT_IN_1252.findall(raw))
        western = raw.encode("latin-1", "replace").decode("cp1252", "replace")
        self._high += marks
        self._odd += len(_ODD.findall(western))
        for word in western.split():
            if any(map(str.isalpha, word)):  # not a dash by itself
                self._characters += len(word)
                self._foreign += len(_NOT_ASCII.findall(word))

    @property
    def has_utf8(self) -> bool:
        """Whether there is more UTF-8 than the few sequences that occur by chance, such as `ß»`."""
        return self._utf8 > _CHANCE_SHARE * self._high

    @property
    def is_western(self) -> bool:
        """No byte that Windows-1252 lacks, accents where they may stand and not all over words."""
        return (
            not self._undefined
            and self._odd <= _ODD_SHARE * self._high
            and self._foreign <= _FOREIGN_SHARE * self._characters
        )


def _peeked(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """The bytes that a pipe holds so far, and a stream of all of them."""
    read_some = getattr(stream, "read1", stream.read)
    head = read_some(4096)
    return head, io.BufferedReader(_Again(head, read_some), 2**16)


class _Again(io.RawIOBase):
    """A pipe from its start, although its head was already read."""

    def __init__(self, head: bytes, read_some: object) -> None:
        self._head = head
        self._read_some = read_some

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = self._head or self._read_some(len(view))  # type: ignore[operator]
        self._head = piece[len(view) :] if self._head else b""
        piece = piece[: len(view)]
        view[: len(piece)] = piece
        return len(piece)
