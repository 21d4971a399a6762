"""Find headlines of one collection that stand in another: identical, reworded or renumbered.

Near-duplicates are found with an inverted index over the rarest words and pairs of words of each
headline (prefix filtering; Chaudhuri et al. 2006, Bayardo et al. 2007), which misses none.
docs/decisions/0070 has the measurements behind the limits.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal, TypeAlias, get_args

from newsclf.data.examples import normalised

Kind = Literal["identical", "normalised", "numbers", "near", "run"]
"""How alike two headlines are, from the strongest to the weakest.

identical: the same characters; normalised: the same letters and digits, whatever their case;
numbers: normalised, with every number masked; near: at least NEAR of the words and pairs of words
in common, with numbers masked; run: RUN_WORDS consecutive words in common.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)
_EXACT = KINDS[:3]
NEAR = 0.5
"""Jaccard index of words and pairs of adjacent words from which headlines are near-duplicates."""
RUN_WORDS = 7
"""Consecutive words in common that are unlikely to be a coincidence."""
_ENOUGH = 20
"""Near-duplicates of one headline among which the nearest is chosen. Boilerplate has thousands."""
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Match:
    """A headline of the second collection and the headline of the first that it resembles most."""

    first: int
    """Index in the first collection."""
    second: int
    """Index in the second collection."""
    kind: Kind
    similarity: float
    """Jaccard index of their words and pairs of words, numbers masked; 1 for the first three kinds.
    """


def overlap(first: Sequence[str], second: Sequence[str]) -> list[Match]:
    """Find the headlines of `second` that `first` contains, each with its strongest match.

    Returns:
        At most one match for each headline of `second`, in its order. Of several headlines of
        `first` that match in the same way the earliest is named, and the most similar of twenty
        near-duplicates.
    """
    index = _Index(_ranks([*first, *second]))
    for number, text in enumerate(first):
        index.add(number, text)
    return [
        Match(found[0], number, found[1], found[2])
        for number, text in enumerate(second)
        if (found := index.find(text)) is not None
    ]


def near_any(texts: Sequence[str], others: Sequence[str]) -> list[bool]:
    """Say for each text whether it is the same as, or a near-duplicate of, one of the others."""
    near = {match.second for match in overlap(others, texts)}
    return [number in near for number in range(len(texts))]


def distinct(texts: Sequence[str]) -> list[int]:
    """Indices of the texts that are no duplicates or near-duplicates of an earlier one kept."""
    index = _Index(_ranks(texts))
    kept = []
    for number, text in enumerate(texts):
        if index.find(text) is None:
            index.add(number, text)
            kept.append(number)
    return kept


_Found = tuple[int, Kind, float]
_Parts: TypeAlias = "array[int]"
"""Ranks of the words and of the pairs of adjacent words of a headline, from the rarest on."""


class _Index:
    """Headlines by their exact forms, by their rarest parts, and by their runs of words."""

    def __init__(self, ranks: Mapping[str, int]) -> None:
        """Start an empty index of headlines whose parts are ranked from the rarest on."""
        self._ranks = ranks
        self._exact: dict[Kind, dict[str, int]] = {kind: {} for kind in _EXACT}
        self._parts: dict[int, _Parts] = {}
        self._by_rare_part: dict[int, list[int]] = {}
        self._by_run: dict[int, int] = {}

    def add(self, number: int, text: str) -> None:
        """Add a headline; those that differ in their numbers alone share their parts."""
        forms = _exact_forms(text)
        alike = self._exact["numbers"].get(forms.get("numbers", ""))
        for kind, form in forms.items():
            self._exact[kind].setdefault(form, number)
        for run in _runs(text):
            self._by_run.setdefault(run, number)
        if alike is not None:
            self._parts[number] = self._parts[alike]
            return
        self._parts[number] = parts = self._parts_of(text)
        for part in _rarest(parts):
            self._by_rare_part.setdefault(part, []).append(number)

    def find(self, text: str) -> _Found | None:
        """Find the headline that resembles a text most: its number, and how alike they are."""
        for kind, form in _exact_forms(text).items():
            if (number := self._exact[kind].get(form)) is not None:
                return number, kind, 1.0
        parts = self._parts_of(text)
        similarity, number = max(islice(self._near(parts), _ENOUGH), default=(0.0, 0))
        if similarity:
            return -number, "near", similarity
        for run in _runs(text):
            if (number := self._by_run.get(run)) is not None:
                return number, "run", _jaccard(frozenset(parts), self._parts[number])
        return None

    def _near(self, parts: _Parts) -> Iterator[tuple[float, int]]:
        """Near-duplicates, as their similarity and the negative of their number."""
        wanted = frozenset(parts)
        shortest, longest = NEAR * len(parts), len(parts) / NEAR
        seen = set()
        for part in _rarest(parts):
            for number in self._by_rare_part.get(part, ()):
                if number in seen:
                    continue
                seen.add(number)
                others = self._parts[number]
                if shortest <= len(others) <= longest:
                    similarity = _jaccard(wanted, others)
                    if similarity >= NEAR:
                        yield similarity, -number

    def _parts_of(self, text: str) -> _Parts:
        return array("I", sorted({self._ranks[part] for part in _parts(text)}))


def _exact_forms(text: str) -> dict[Kind, str]:
    """Forms of a text; one without letters and digits is only identical to itself."""
    forms: dict[Kind, str] = {"identical": text}
    if plain := normalised(text):
        forms |= {"normalised": plain, "numbers": _DIGITS.sub("0", plain)}
    return forms


def _parts(text: str) -> list[str]:
    words = _WORD.findall(_NUMBER.sub("0", text.casefold()))
    return words + [" ".join(pair) for pair in pairwise(words)]


def _ranks(texts: Iterable[str]) -> dict[str, int]:
    """Rank the parts of all texts, the rarest first."""
    counts = Counter(part for text in texts for part in _parts(text))
    return {part: rank for rank, part in enumerate(sorted(counts, key=counts.__getitem__))}


def _rarest(parts: _Parts) -> _Parts:
    """The parts of which two near-duplicates share one: all but as many as they must share, + 1."""
    return parts[: len(parts) - math.ceil(NEAR * len(parts)) + 1]


def _jaccard(one: frozenset[int], other: _Parts) -> float:
    shared = len(one.intersection(other))
    return shared / (len(one) + len(other) - shared or 1)


def _runs(text: str) -> Iterator[int]:
    """Hashes of the runs of consecutive words, numbers as they are."""
    words = _WORD.findall(text.casefold())
    for start in range(len(words) - RUN_WORDS + 1):
        yield hash(tuple(words[start : start + RUN_WORDS]))
