"""Words of headlines and of names, as they are compared with each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_LONGEST_ACRONYM = 5
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_HYPHEN = re.compile(r"(?<=[^\W_])-(?=[^\W_])")
_APOSTROPHES_AND_HYPHENS = str.maketrans("’‘ʼ‐‑", "'''--", "™®©℠")  # noqa: RUF001 - as written


class PlainText(NamedTuple):
    """A text without accents and trade marks, with plain apostrophes and hyphens."""

    text: str
    origins: Sequence[int]
    """Where each of its characters stands in the original, and the original's length."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The same place in the original, with the marks that belong to its last character."""
        return self.origins[start], self.origins[end - 1] + 1

    def without(self, start: int, end: int) -> PlainText:
        """The same with spaces in a place."""
        return self._replace(text=self.text[:start] + " " * (end - start) + self.text[end:])


class Token(NamedTuple):
    """A word or a mark of a text."""

    text: str
    in_compound: bool
    """Whether a hyphen ties it to a word in lower case, as in Meta-analysis."""
    after_hyphen: bool
    start: int
    end: int


def plain(text: str) -> PlainText:
    """Remove what spellings of the same name differ in: accents, forms of apostrophes, ™."""
    if text.isascii():
        return PlainText(text, range(len(text) + 1))
    characters: list[str] = []
    origins: list[int] = []
    for origin, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character.translate(_APOSTROPHES_AND_HYPHENS)):
            if not unicodedata.combining(part):
                characters.append(part)
                origins.append(origin)
    return PlainText("".join(characters), [*origins, len(text)])


def tokens(text: str) -> Iterator[Token]:
    """Words and marks; a hyphen inside a word counts as a space, so Coca-Cola is Coca Cola."""
    hyphens = {match.start() for match in _HYPHEN.finditer(text)}
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if start not in hyphens:
            after = end in hyphens and text[end + 1].islower()
            before = start - 1 in hyphens and text[start - 2].islower()
            yield Token(match[0], after or before, start - 1 in hyphens, start, end)


def words_of(name: str) -> tuple[str, ...]:
    """The words and marks of a name."""
    return tuple(token.text for token in tokens(plain(name).text))


def is_acronym(word: str) -> bool:
    """Whether a word of a name must be written as it is: SAP can't be sap."""
    return word.isupper() and 1 < len(word) <= _LONGEST_ACRONYM


def is_spelt(known: str, written: str, *, exactly: bool) -> bool:
    """Whether a word of a headline is one of a name: Nvidia may be NVIDIA, SAP can't be sap."""
    if exactly or is_acronym(known):
        return written == known
    if written.casefold() != known.casefold():
        return False
    return not known[0].isupper() or written[0].isupper()


@cache
def ordinary_words() -> frozenset[str]:
    """English words and abbreviations, in lower case, that may be tickers or names of companies.

    docs/decisions/0086 says where they are from.
    """
    content = files("newsclf.watch.entities").joinpath("ordinary_words.txt")
    return frozenset(content.read_text(encoding="utf-8").split())
