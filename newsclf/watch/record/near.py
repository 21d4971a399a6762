"""Find who tells the same event among the headlines of the last 24 hours, in flat memory.

Two headlines are near-duplicates if the Jaccard index of their words and pairs of adjacent words is
at least NEAR, unless each has a number that the other lacks (`Q3` and `Q4`, `$200` and `$300`, the
dates of two daily reports), each has another company or period, or they say the opposite. A
correction may have other numbers. Follow-ups in other words are found by what they say: see
`facts`.

Near-duplicates are found exactly: of n parts at most n − ⌈NEAR · n⌉ may be missing in one, so any
n − ⌈NEAR · n⌉ + 1 of them, kept in an inverted index, are enough to find it (prefix filtering;
Chaudhuri et al. 2006). Which ones are chosen changes the speed and never the answer, so an index
that is built again from the record answers as the one that was lost. docs/decisions/0077 compares
it with MinHash.
"""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import NamedTuple, TypeAlias
from zlib import crc32

from newsclf.watch.record.facts import Facts, contradict, facts_of, is_follow_up

NEAR = 0.5
"""Jaccard index of words and pairs of adjacent words from which headlines tell the same event."""
WINDOW_S = 24 * 3600
"""How long after its beginning an event is joined by near-duplicates, seconds."""
MIN_WORDS = 4
"""Words that a headline needs to be recognised by its words alone."""
_MOST_WORDS = 100
"""Words that are compared; a feed of long texts would hold up all others."""
_SEGMENT_S = 4 * 3600
_TELLINGS = 8
"""Events of a name and kind to which follow-ups are sought in a segment; it bounds the time of a
search where one company fills the news."""
_COUNTERS = 1 << 16
_WORD = re.compile(r"[^\W_]+(?:[.,][^\W_]+)*")

_Parts: TypeAlias = "array[int]"
"""Distinct checksums of the words and of the pairs of adjacent words of a headline."""


class Near(NamedTuple):
    """The event of the headline that resembles another one most."""

    similarity: float
    """0 where the same is told in other words."""
    event: int
    began_s: float


def words_of(text: str) -> list[str]:
    """The first 100 words of a headline, case-folded; `1.5` and `U.S` are one word each."""
    return [found.group() for found in islice(_WORD.finditer(text.casefold()), _MOST_WORDS)]


def similarity(one: str, other: str) -> float:
    """Jaccard index of the words and pairs of adjacent words of two headlines."""
    return _jaccard(frozenset(_parts(words_of(one))), _parts(words_of(other)))


def is_copy(one: str, other: str, *, correction: bool = False) -> bool:
    """Whether two headlines, without prefixes, are near-duplicates.

    Args:
        one: A headline.
        other: Another one.
        correction: One of them corrects, so that numbers, periods and directions may differ.
    """
    if one == other:
        return True
    first, second = words_of(one), words_of(other)
    if min(len(first), len(second)) < MIN_WORDS or similarity(one, other) < NEAR:
        return False
    said, also_said = facts_of(one), facts_of(other)
    if correction:
        return not contradict(Facts(names=said.names), Facts(names=also_said.names))
    numbers, other_numbers = _numbers(first), _numbers(second)
    return not (_each_its_own(numbers, other_numbers) or contradict(said, also_said))


class RecentHeadlines:
    """Headlines of the events that began in the last 24 hours, to find near-duplicates among.

    Memory is that of one window, however long it runs: events are kept by the hours in which they
    began, and go with them.
    """

    def __init__(self) -> None:
        self._segments: dict[int, _Segment] = {}
        self._counters = array("I", bytes(4 * _COUNTERS))

    def __len__(self) -> int:
        """How many headlines are kept; some may be older than 24 hours."""
        return sum(len(segment.entries) for segment in self._segments.values())

    def add(self, text: str, *, event: int, began_s: float) -> None:
        """Keep a headline of an event that began at `began_s`; one with few words is left out."""
        words = words_of(text)
        if len(words) < MIN_WORDS:
            return
        parts = _parts(words)
        for part in parts:
            self._counters[part % _COUNTERS] += 1
        segment = self._segments.setdefault(int(began_s // _SEGMENT_S), _Segment())
        entry = _Entry(event, began_s, parts, _numbers(words), text)
        segment.add(entry, self._rarest(parts))

    def find(self, text: str, *, at_s: float, correction: bool = False) -> Near | None:
        """Find the event that a headline tells.

        Args:
            text: The headline, without an agency's prefix.
            at_s: The time; events that began in the 24 hours before are searched.
            correction: It corrects another one, which may have other numbers.

        Returns:
            The event of the most similar headline, the earliest of several; without a
            near-duplicate the earliest event that it follows up in other words; None without one.
        """
        self._forget(at_s - WINDOW_S)
        words = words_of(text)
        if len(words) < MIN_WORDS:
            return None
        parts = _parts(words)
        sought = _Entry(0, at_s, parts, _numbers(words), text)
        said = facts_of(text)
        followed = said
        if correction:
            said = Facts(names=said.names)
        wanted = frozenset(parts)
        best: Near | None = None
        for segment in self._segments.values():
            for entry in segment.comparable(sought):
                if not correction and _each_its_own(sought.numbers, entry.numbers):
                    continue  # cheaper to tell than how many of their parts are shared
                found = Near(_jaccard(wanted, entry.parts), entry.event, entry.began_s)
                if (
                    found.similarity >= NEAR
                    and at_s - WINDOW_S <= entry.began_s
                    and (best is None or _before(found, best))
                    and not contradict(said, facts_of(entry.text))
                ):
                    best = found
        return best or self._followed_up(sought, followed)

    def _followed_up(self, sought: _Entry, said: Facts) -> Near | None:
        """The earliest event that is told in other words."""
        wanted = frozenset(sought.parts)
        followed = min(
            (
                (entry.began_s, entry.event)
                for number, segment in self._segments.items()
                # Only segments that lie wholly in the window: they are as full after a restart.
                if sought.began_s - WINDOW_S <= number * _SEGMENT_S
                for entry in segment.followed_up(said)
                # The same words with another number, company or period were told apart above.
                if _jaccard(wanted, entry.parts) < NEAR
            ),
            default=None,
        )
        return None if followed is None else Near(0.0, followed[1], followed[0])

    def _forget(self, before_s: float) -> None:
        for number in [n for n in self._segments if (n + 1) * _SEGMENT_S <= before_s]:
            del self._segments[number]

    def _rarest(self, parts: _Parts) -> list[int]:
        """As many parts as a near-duplicate shares one of, those that were rare so far."""
        by_count = sorted(parts, key=lambda part: self._counters[part % _COUNTERS])
        return by_count[: _chosen(len(parts))]


class _Entry(NamedTuple):
    event: int
    began_s: float
    parts: _Parts
    numbers: frozenset[str]
    text: str


class _Segment:
    """Headlines of the events that began within the same few hours, by some of their parts."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._sizes: list[int] = []
        self._by_part: dict[int, int | list[int]] = {}
        self._by_facts: dict[int, list[int]] = {}
        """By name and kind of event, one headline of each event."""
        self._facts: dict[int, Facts] = {}
        """Of these headlines; to find them anew would take most of the time."""

    def add(self, entry: _Entry, chosen: list[int]) -> None:
        number = len(self.entries)
        self.entries.append(entry)
        self._sizes.append(len(entry.parts))
        for part in chosen:
            first = self._by_part.setdefault(part, number)
            if isinstance(first, list):
                first.append(number)
            elif first != number:
                self._by_part[part] = [first, number]

        said = facts_of(entry.text)
        for key in _keys(said):
            told = self._by_facts.setdefault(key, [])
            if len(told) < _TELLINGS and all(self.entries[n].event != entry.event for n in told):
                told.append(number)
                self._facts[number] = said

    def followed_up(self, sought: Facts) -> Iterator[_Entry]:
        """Headlines that tell the same in whatever words."""
        for number in {n for key in _keys(sought) for n in self._by_facts.get(key, ())}:
            if is_follow_up(sought, self._facts[number]):
                yield self.entries[number]

    def comparable(self, sought: _Entry) -> list[_Entry]:
        """Headlines that may be near-duplicates, by their length and how many parts were met."""
        numbers: list[int] = []
        for part in sought.parts:
            there = self._by_part.get(part)
            if isinstance(there, list):
                numbers += there
            elif there is not None:
                numbers.append(there)
        fewest = _fewest_met(len(sought.parts))
        too_long = len(fewest)
        entries, sizes = self.entries, self._sizes
        # Most of the time of a hard search goes by in this line.
        return [
            entries[number]
            for number, met in Counter(numbers).items()
            if (size := sizes[number]) < too_long and met >= fewest[size]
        ]


@lru_cache(maxsize=1024)
def _fewest_met(sought: int) -> tuple[int, ...]:
    """How many of its chosen parts a near-duplicate of a headline of so many parts has at least.

    Returns:
        The number by the near-duplicate's own parts, up to the longest that there can be.
    """
    return tuple(
        # Of the parts that were not chosen all may be shared.
        math.ceil(NEAR * (sought + other) / (1 + NEAR)) - (other - _chosen(other))
        for other in range(int(sought / NEAR) + 1)
    )


def _chosen(parts: int) -> int:
    """As many parts of a headline as each near-duplicate has one of."""
    return parts - math.ceil(NEAR * parts) + 1


def _numbers(words: list[str]) -> frozenset[str]:
    return frozenset(word for word in words if any(map(str.isdigit, word)))


def _each_its_own(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one - other and other - one)


def _keys(said: Facts) -> Iterator[int]:
    """What a headline and its follow-ups have in common."""
    for name in said.names:
        for kind in said.kinds:
            yield crc32(f"{name} {kind}".encode())


def _parts(words: list[str]) -> _Parts:
    pairs = (" ".join(pair) for pair in pairwise(words))
    return array("I", {crc32(part.encode()) for part in (*words, *pairs)})


def _jaccard(one: frozenset[int], other: _Parts) -> float:
    shared = len(one.intersection(other))
    return shared / (len(one) + len(other) - shared or 1)


def _before(one: Near, other: Near) -> bool:
    """Whether a candidate comes before another: the more similar, then the earlier event."""
    return (-one.similarity, one.event) < (-other.similarity, other.event)
