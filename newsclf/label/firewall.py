"""Keep headlines of validation and test parts out of what is labelled.

A headline that a model learns from and is then tested on, in these or nearly these words, makes its
score worthless.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsclf.common.settings import DataSettings
from newsclf.data.overlap import Kind, overlap
from newsclf.data.sources import load_data
from newsclf.data.split import split


@dataclass(frozen=True, slots=True)
class Passed:
    """The headlines that may be labelled, and how many may not."""

    kept: Sequence[int]
    """Indices of those that resemble no row of a validation or test part."""
    left_out: Mapping[Kind, int]
    """How many resemble one, by how alike they are at most."""

    @property
    def count(self) -> int:
        """How many are left out."""
        return sum(self.left_out.values())


def held_out_texts(sources: Sequence[DataSettings]) -> list[str]:
    """Headlines of the validation and test parts of sources, and of the shipped headlines.

    The latter are always among them: every model is calibrated on their validation part.

    Raises:
        DataError: there is no such source, or it can't be used or split.
        DownloadError: the Hub does not deliver the data.
        MissingExtraError: the packages that read or split these data are not installed.
    """
    found: dict[str, None] = {}
    for settings in (*sources, DataSettings(source="headlines")):
        parts = split(load_data(settings), settings)
        for part in (parts.validation, parts.test, parts.extra_test):
            found |= {example.text: None for example in part}
    return list(found)


def passed(texts: Sequence[str], held_out: Sequence[str]) -> Passed:
    """Leave out the headlines that are the same as held-out ones, or resemble them.

    They do if they have the same letters and digits, with or without their numbers, half of their
    words and pairs of words, or seven words in a row in common (see `data.overlap`).
    """
    matches = overlap(held_out, texts)
    near = {match.second for match in matches}
    return Passed(
        kept=[i for i in range(len(texts)) if i not in near],
        left_out=Counter(match.kind for match in matches),
    )
