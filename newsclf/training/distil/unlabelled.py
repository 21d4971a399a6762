"""Texts without labels on which a student learns from its teacher."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.errors import DataError
from newsclf.common.files import file_digest
from newsclf.common.settings import DistilSettings
from newsclf.data.examples import Example
from newsclf.data.formats.columns import TEXT_COLUMN
from newsclf.data.formats.rows import BadRow, Record, headline_of
from newsclf.data.overlap import distinct, near_any
from newsclf.data.records import open_records


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """The texts that are used of a file, and why the others aren't."""

    name: str
    digest: str
    texts: Sequence[str]
    rows: int
    """Rows of the file."""
    unusable: int
    """Rows without a headline, or with one that is too long."""
    repeated: int
    """Texts that repeat, or nearly repeat, another one or a training text."""
    held_out: int
    """Texts that repeat, or nearly repeat, one of the validation or test part."""


def read_unlabelled(
    path: Path,
    settings: DistilSettings,
    *,
    training: Sequence[Example],
    held_out: Sequence[Example],
    seed: int,
) -> Unlabelled:
    """Read a file of headlines, and choose at most `settings.unlabelled_rows` of them at random.

    Args:
        path: The file.
        settings: How many texts are wanted, and their column.
        training: Rows that are learnt anyway.
        held_out: Rows that no text may resemble.
        seed: Chooses among more texts than are wanted.

    Raises:
        DataError: there is no such file, or none of its rows can be used.
    """
    if not path.exists() or path.is_dir():
        raise DataError(
            f"{path}: a folder, not a file" if path.is_dir() else f"{path}: no such file",
            hint="--unlabelled takes a file of headlines (.csv, .jsonl, .parquet, .txt, …)",
        )
    rows, texts = 0, []
    with open_records(path) as records:
        column = records.column(TEXT_COLUMN, settings.unlabelled_column)
        for row in records:
            rows += 1
            text = headline_of(row, column) if isinstance(row, Record) else row
            if not isinstance(text, BadRow):
                texts.append(text)
    unusable = rows - len(texts)
    texts = [texts[i] for i in distinct(texts)]
    near_training, near_held_out = (
        near_any(texts, [example.text for example in others]) for others in (training, held_out)
    )
    usable = [
        text
        for text, in_training, is_held_out in zip(texts, near_training, near_held_out, strict=True)
        if not in_training and not is_held_out
    ]
    if not usable:
        raise DataError(
            f"{path}: none of its {rows:,} rows can be used: they aren't headlines, or they repeat"
            " those of --data",
            hint="name a file of other headlines with --unlabelled",
        )
    random.Random(seed).shuffle(usable)  # noqa: S311 - a reproducible choice, not a secret
    return Unlabelled(
        name=path.name,
        digest=file_digest(path),
        texts=usable[: settings.unlabelled_rows],
        rows=rows,
        unusable=unusable,
        repeated=rows - unusable - len(usable) - sum(near_held_out),
        held_out=sum(near_held_out),
    )
