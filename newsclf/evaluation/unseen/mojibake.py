"""Repair mojibake: UTF-8 that was read as Windows-1252, such as `Â£` for `£`."""

from __future__ import annotations

import re


def _characters(first: int, last: int) -> str:
    """What Windows-1252 makes of bytes, as a class of a regular expression."""
    return "".join(re.escape(_character(byte)) for byte in range(first, last + 1))


def _character(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:  # five bytes mean nothing there and are often kept as they are
        return chr(byte)


_BYTES = {_character(byte): byte for byte in range(256)}
_NEXT = f"[{_characters(0x80, 0xBF)}]"
_MULTIBYTE = re.compile(
    f"[{_characters(0xC2, 0xDF)}]{_NEXT}|[{_characters(0xE0, 0xEF)}]{_NEXT}{{2}}"
)
_LIKELY = re.compile("[\u00a0-\u017f\u2010-\u2044\u20ac\u2122]")
"""Accented Latin letters, punctuation and signs: what English news holds beyond ASCII."""


def repaired(text: str) -> str:
    """A text in which each misread character is restored, where that is certain.

    Certain are two or three characters that are together a valid UTF-8 sequence of one that English
    news uses. `CAFÉ»`, which would become `CAFɻ`, stays.
    """
    return _MULTIBYTE.sub(_restored, text)


def _restored(match: re.Match[str]) -> str:
    try:
        character = bytes(_BYTES[each] for each in match[0]).decode()
    except UnicodeDecodeError:
        return match[0]
    return character if _LIKELY.fullmatch(character) else match[0]
