"""Character encoding of feed documents: decode bytes whose declarations may lie."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with UTF-16's mark, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNMARKED_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_PROLOG = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_NOT_OF_DOCUMENTS = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "undefined",
    "unicode-escape",
    "utf-7",
}
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252"}
"""Encodings that publishers name where they mean a larger one, as browsers read them too."""
_FALLBACK = "cp1252"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A document's text."""

    text: str
    encoding: str
    """Python's name of the encoding that it is in."""
    declared_otherwise: bool
    """Whether the header or the prolog names another encoding, or bytes had to be replaced."""


def decode(body: bytes, content_type: str | None) -> Decoded:
    """Decode a document by what its bytes are, not by what is said about them.

    A byte-order mark decides; then whether the bytes are valid UTF-8, which other encodings hardly
    ever are by chance; then the header's charset, the XML prolog, and Windows-1252.

    Args:
        body: The document, uncompressed.
        content_type: Value of the HTTP header, if there was one.
    """
    header = _CHARSET.search(content_type or "")
    prolog = _PROLOG.match(body[:1_000].replace(b"\0", b""))
    named = [
        name
        for name in (
            _known(header[1]) if header else None,
            _known(prolog[1].decode("ascii")) if prolog else None,
        )
        if name is not None
    ]
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _decoded(body, encoding, named)
    for start, encoding in _UNMARKED_UTF16:
        if body.startswith(start):
            return _decoded(body, encoding, named)
    if b"\x1b" in body and (escaping := [name for name in named if name.startswith("iso2022")]):
        return _decoded(body, escaping[0], named)  # is ASCII to the eye of a UTF-8 decoder
    if _is_utf8(body):
        return _decoded(body, "utf-8", named)
    for name in named:
        try:
            return Decoded(body.decode(name), name, declared_otherwise=name != named[-1])
        except UnicodeDecodeError:
            continue
    return Decoded(body.decode(_FALLBACK, "replace"), _FALLBACK, declared_otherwise=True)


def _decoded(body: bytes, encoding: str, named: list[str]) -> Decoded:
    text = body.decode(encoding, "replace").removeprefix("\ufeff")
    contradicted = any(_family(name) != _family(encoding) for name in named)
    if encoding == "utf-8" and body.isascii():
        contradicted = False  # each of them reads it so
    return Decoded(text, encoding, declared_otherwise=contradicted or "\ufffd" in text)


def _is_utf8(body: bytes) -> bool:
    """Whether bytes are UTF-8, or would be but for a few that are broken or cut off."""
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return broken == 0 or sum(character > "\x7f" for character in text) > 2 * broken


def _known(name: str) -> str | None:
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except (LookupError, UnicodeError):
        return None
    return None if found in _NOT_OF_DOCUMENTS else _WIDER.get(found, found)


def _family(encoding: str) -> str:
    return encoding[:6]
