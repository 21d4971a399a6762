"""Labelled files with their audits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from newsclf.data.labelled import Label, LabelledRow, Vote, write_audit, write_labelled
from newsclf.label.gold import GoldRow
from newsclf.label.measure import measure
from newsclf.label.votes import labelled_row

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
_KNOWN: tuple[Label, ...] = ("negative", "neutral", "positive")
GATE = {"accuracy": 0.7}


def row_of(text: str, *labels: str | None) -> LabelledRow:
    """A row with a vote for each label."""
    return labelled_row(text, votes_of(*labels))


def votes_of(*labels: str | None) -> tuple[Vote, ...]:
    """Votes of an LLM, one for each label."""
    return tuple(
        Vote(annotator="llm", kind="llm", label=cast("Label | None", label), at=NOON)
        for label in labels
    )


def write_labelled_file(
    path: Path,
    rows: Iterable[LabelledRow],
    *,
    right_of_10: int = 8,
    gate: Mapping[str, float] | None = None,
) -> Path:
    """Write rows, and the audit of an annotator that is right on so many of ten gold rows."""
    kept = list(rows)
    gold = [
        GoldRow(
            text=f"gold {i}",
            known=_KNOWN[i % 3],
            votes=votes_of(_KNOWN[(i + (i >= right_of_10)) % 3]),
        )
        for i in range(10)
    ]
    digest = write_labelled(path, kept)
    audit = measure(
        kept,
        gold,
        file_sha256=digest,
        gold_name="training part of sample",
        gate=GATE if gate is None else gate,
        created=NOON,
    )
    write_audit(path, audit)
    return path
