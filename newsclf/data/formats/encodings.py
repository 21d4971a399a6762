"""Detect the encoding of a file, and decode its lines.

Only near-certain guesses are made: a byte order mark, strict UTF-8, UTF-16 by its zero bytes, and
Western European text in Windows-1252. Anything else is an error that asks for --encoding.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from newsclf.common.errors import DataError
from newsclf.data.formats.opening import Source

MAX_LINE_CHARACTERS = 10_000_000
_HEAD_BYTES = 4096
_CHUNK_CHARACTERS = 2**20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", None),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_UNDECODED = re.compile("[\udc00-\udcff]")
_ZERO_SHARE = 0.2
_BINARY_SHARE = 0.05
"""Share of zero bytes from which a file is binary; a damaged text may hold a few."""
_SAMPLE_WORDS = 100_000
"""Number of words with non-ASCII characters that a guess is based on."""
_FOREIGN_SHARE = 0.6
"""Share of non-ASCII characters in words that have any: about a fifth in Western languages, nearly
all in others."""
_ODD_SHARE = 0.1
_CHANCE_SHARE = 0.25
"""A few characters of UTF-8 occur by chance in Windows-1252, such as `ß»`."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_ODD = re.compile(
    "[a-zß-öø-ÿ][À-ÖØ-ÞŠŒŽŸ]"
    "|[a-z][\u201a\u201e\u2020\u2021\u02c6\u2030\u2039\u2022\u02dc€¡-¬®-¿×÷][a-z]"
)
"""What Windows-1252 makes of other encodings: a capital or a sign in the middle of a word."""


def _mark_undecoded(error: UnicodeError) -> tuple[str, int]:
    """Replace each undecodable byte by a lone surrogate, which valid text never contains."""
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


def open_text(source: Source, asked: str | None) -> tuple[io.TextIOWrapper, list[str]]:
    """A source as text, with line ends as they are, and a note if the encoding was guessed.

    Bytes that can't be decoded are marked; see `undecoded`.

    Raises:
        DataError: the encoding can't be determined.
    """
    if source.once:
        stream = source.open()
        if not hasattr(stream, "peek"):
            stream = cast("BinaryIO", io.BufferedReader(cast("io.RawIOBase", stream)))
        head: bytes = stream.peek(_HEAD_BYTES)  # type: ignore[attr-defined]
    else:
        with source.open() as stream:
            head = stream.read(_HEAD_BYTES)
    codec, note = _codec_by_head(head, asked, source.name)
    if codec is None:
        codec, note = ("utf-8", None) if source.once else _codec_by_contents(source)
    return _text(stream if source.once else source.open(), codec), [note] if note else []


def lines_of(text: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Lines with any of the three line endings; DataError for an endless line."""
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise DataError(
                f"{name}: a line of more than {MAX_LINE_CHARACTERS:,} characters",
                hint="check that it is the right file, and a text",
            )
        yield line


def _text(stream: BinaryIO, codec: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding=codec, errors="newsclf.mark", newline="")


def _codec_by_head(head: bytes, asked: str | None, name: str) -> tuple[str | None, str | None]:
    """The codec and a note about the guess; None where the first bytes do not tell."""
    for mark, codec, label in _MARKS:
        if head.startswith(mark):
            if asked and not codecs.lookup(asked).name.startswith(codec[:5]):
                break
            return codec, f"read as {label}" if label and not asked else None
    if asked:
        return asked, None
    even, odd = (half.count(0) / max(1, len(half)) for half in (head[::2], head[1::2]))
    if max(even, odd) > _ZERO_SHARE and not min(even, odd):
        codec = "utf-16-le" if odd else "utf-16-be"
        return codec, "read as UTF-16 without a byte order mark"
    if even and odd and head.count(0) > _BINARY_SHARE * len(head):
        raise DataError(f"{name}: not a text file", hint="name a file of headlines and labels")
    return None, None


def _codec_by_contents(source: Source) -> tuple[str, str | None]:
    try:
        with io.TextIOWrapper(source.open(), encoding="utf-8", newline="") as text:
            while text.read(_CHUNK_CHARACTERS):
                pass
    except UnicodeDecodeError:
        return _guess(source)
    return "utf-8", None


def _guess(source: Source) -> tuple[str, str | None]:
    """Windows-1252 for text that reads like a Western language in it; UTF-8 if it is damaged."""
    where, words = "", []
    with _text(source.open(), "utf-8") as text:
        for number, line in enumerate(lines_of(text, source.name), start=1):
            if not where and (problem := undecoded(line, "utf-8")):
                where = f"line {number} is {problem}"
            words += [] if line.isascii() else [w for w in line.split() if not w.isascii()]
            if where and len(words) > _SAMPLE_WORDS:
                break
    sample = " ".join(words)
    marks = len(_UNDECODED.findall(sample))
    if len(_NOT_ASCII.findall(sample)) - marks > _CHANCE_SHARE * marks:
        return "utf-8", None  # each bad line is named where it is met
    western = sample.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    letters = [word for word in western.split() if any(map(str.isalpha, word))]  # not dashes
    foreign = sum(len(_NOT_ASCII.findall(word)) for word in letters)
    if (
        "\ufffd" in western  # a byte that Windows-1252 lacks
        or len(_ODD.findall(western)) > _ODD_SHARE * marks
        or foreign > _FOREIGN_SHARE * sum(map(len, letters))
    ):
        raise DataError(
            f"{source.name}: its encoding is not known: {where}",
            hint="name it, for example --encoding cp1251, mac_roman, shift_jis or gb18030",
        )
    return "cp1252", f"read as Windows-1252: {where}"
