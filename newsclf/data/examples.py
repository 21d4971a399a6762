"""Labelled headlines in memory: one example, a data set, and its three parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from newsclf.contract.labels import LABELS


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled headline."""

    text: str
    label_id: int
    """Index in LABELS."""
    agreement: int | None = None
    """Lowest share of annotators who agreed, percent (50, 66, 75 or 100); PhraseBank only."""
    extra: bool = False
    """A training row below the chosen agreement level, which gets a smaller weight."""
    weight: float = 1.0
    """Weight in the loss of a training row that is not `extra`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledData:
    """Labelled examples of one source, without exact duplicates, in the file's order."""

    name: str
    examples: Sequence[Example]
    extra: Sequence[Example] = field(default=())
    validation: Sequence[Example] | None = None
    """Validation examples from a separate source; None: they are drawn from `examples`."""
    test: Sequence[Example] | None = None
    """Test examples from a separate source; None: they are drawn from `examples`."""
    extra_test: Sequence[Example] | None = None
    """Held-out examples below the chosen agreement level; None: they are drawn from `extra`."""
    digest: str
    """SHA-256 of the bytes that were read, hexadecimal."""
    licence: str | None = None
    repeated: int = 0
    """Rows that were dropped because they repeat an earlier text and label."""
    contradictory: int = 0
    """Texts that occur with more than one label; all of these rows are kept."""
    notes: Sequence[str] = ()
    """Guesses about the file, as phrases for the user."""

    @property
    def of_all_parts(self) -> list[Example]:
        """The examples with those of separate parts, without extra ones."""
        return [*self.examples, *(self.validation or ()), *(self.test or ())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Training, validation and test parts, which share no normalised text."""

    train: Sequence[Example]
    validation: Sequence[Example]
    test: Sequence[Example]
    extra_test: Sequence[Example] = ()
    """Rows below the chosen agreement level that are not trained on; the test part is without."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Headlines of one source or of one of its parts, with or without labels."""

    name: str
    texts: Sequence[str]
    notes: Sequence[str] = ()
    """Guesses about the file, as phrases for the user."""


def normalised(text: str) -> str:
    """Reduce a text to its letters and digits, case-folded, to compare headlines."""
    return "".join(character for character in text.casefold() if character.isalnum())


def contradictory_texts(examples: Sequence[Example]) -> int:
    """How many normalised texts have more than one label."""
    labels: dict[str, set[int]] = {}
    for example in examples:
        labels.setdefault(normalised(example.text), set()).add(example.label_id)
    return sum(len(found) > 1 for text, found in labels.items() if text)


def class_counts(examples: Sequence[Example]) -> dict[str, int]:
    """How many examples each class has, in the order of LABELS."""
    counts = Counter(example.label_id for example in examples)
    return {label: counts[i] for i, label in enumerate(LABELS)}


def counted(count: int, one: str, several: str) -> str:
    """A count with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {one if count == 1 else several}"


def remarks_on(data: LabelledData) -> list[str]:
    """Caveats about repeated and contradictory rows of a source, as sentences."""
    found = []
    if data.repeated:
        rows = len(data.examples) + len(data.extra) + data.repeated
        found.append(
            f"{data.repeated:,} of {rows:,} rows repeat the headline and label of another row and"
            " are left out."
        )
    if data.contradictory:
        found.append(
            f"{counted(data.contradictory, 'headline has', 'headlines have')} rows with different"
            " labels, all of which count."
        )
    return found
