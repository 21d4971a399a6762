"""Headlines of a test set: those with one label apart from those with conflicting ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from newsclf.common.errors import DataError
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, normalised
from newsclf.evaluation.unseen.catalogue import UnseenSet
from newsclf.evaluation.unseen.formats import NoSuchFormatError, RawRow, read_rows
from newsclf.evaluation.unseen.mojibake import repaired

_DAMAGE = "\ufffd"


@dataclass(frozen=True, slots=True)
class ConflictingHeadline:
    """A headline whose entities are labelled differently."""

    text: str
    label_ids: frozenset[int]
    """Indices in LABELS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """The headlines of a set, and what became of its rows."""

    agreeing: list[Example]
    """Headlines with a single label."""
    conflicting: list[ConflictingHeadline]
    rows: int
    """Rows of the files."""
    merged: int
    """Rows with the headline of an earlier row: duplicates, or further entities of one headline."""
    left_out: int
    """Rows with a label that is not scored, or without one."""
    repaired: int
    """Rows whose labels could be read only after a repair."""
    cleaned: int
    """Rows in whose text misread characters were restored."""
    damaged: int
    """Rows whose text holds a character that was lost before the set was published."""


def read_headlines(unseen: UnseenSet, contents: Iterable[bytes]) -> Headlines:
    """Read the files of a set.

    Args:
        unseen: The set.
        contents: Contents of its files, in the catalogue's order.

    Raises:
        DataError: A file has another form than the catalogue says, or an unknown label.
    """
    rows = []
    for file, content in zip(unseen.files, contents, strict=True):
        try:
            rows += read_rows(content, unseen.format)
        except NoSuchFormatError as error:
            raise DataError(
                f"{unseen.title}, {file.file_name}: not a file of the format"
                f" '{unseen.format}': {error}",
                hint="check the format of this set in the catalogue",
            ) from error
    return _merged(unseen, rows)


def _merged(unseen: UnseenSet, rows: list[RawRow]) -> Headlines:
    """One headline for each normalised text, with all labels that its rows give it."""
    texts: dict[str, str] = {}
    labels: dict[str, set[int]] = {}
    used = cleaned = damaged = 0
    for row in rows:
        text = repaired(row.text.strip())
        cleaned += text != row.text.strip()
        damaged += _DAMAGE in text
        found = set(_label_ids(unseen, row))
        if not found or not normalised(text):
            continue
        used += 1
        key = normalised(text)
        texts.setdefault(key, text)
        labels.setdefault(key, set()).update(found)
    return Headlines(
        agreeing=[
            Example(texts[key], min(found)) for key, found in labels.items() if len(found) == 1
        ],
        conflicting=[
            ConflictingHeadline(texts[key], frozenset(found))
            for key, found in labels.items()
            if len(found) > 1
        ],
        rows=len(rows),
        merged=used - len(texts),
        left_out=len(rows) - used,
        repaired=sum(row.repaired for row in rows),
        cleaned=cleaned,
        damaged=damaged,
    )


def _label_ids(unseen: UnseenSet, row: RawRow) -> Iterator[int]:
    """Indices in LABELS of a row's labels, without those that are not scored."""
    for label in row.labels:
        if isinstance(label, str):
            if label in unseen.labels:
                yield LABELS.index(unseen.labels[label])
            elif label not in unseen.left_out:
                raise DataError(
                    f"{unseen.title}: the label {label[:40]!r} is not in the catalogue",
                    hint="add it to the labels of this set, or to left_out",
                )
        elif unseen.neutral_within is not None:
            neutral = abs(label) <= unseen.neutral_within
            yield LABELS.index("neutral" if neutral else "positive" if label > 0 else "negative")
