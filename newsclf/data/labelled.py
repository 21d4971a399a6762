"""Files of headlines that an LLM or people have labelled, each row with its votes, and their audit.

    labelled.jsonl        a row for each headline
    labelled.jsonl.audit  how good the labels are, measured on hidden rows of known label

A training takes such a file only with an audit of the same bytes that has met its gate.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from newsclf.common.errors import DataError
from newsclf.common.files import file_digest, replacing, write_text
from newsclf.common.records import StrictRecord, read_record

Label = Literal["negative", "neutral", "positive"]
Share = Annotated[float, Field(ge=0, le=1)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_HINT = "newsclf label writes such files; --out names another one"


class Vote(StrictRecord):
    """What one annotator said of a headline, once."""

    annotator: str
    """Name of the person, or of the model and where it was asked."""
    kind: Literal["llm", "human"]
    label: Label | None
    """None where the answer was none of the three, or there was none."""
    at: dt.datetime
    blind: bool = True
    """Whether it was given before the annotator saw what others had said."""
    raw: str | None = None
    """The LLM's answer, word for word."""
    failure: str | None = None
    """Why there is no label."""
    prompt: str | None = None
    """SHA-256 of the prompt without the headline, hexadecimal."""
    cost_usd: Usd = 0.0


class LabelledRow(StrictRecord):
    """A headline with its votes and the label that follows from them."""

    schema_version: Literal[1] = 1
    text: str
    label: Label | None
    """Of most votes; a person's counts before any LLM's. None for a tie, for less than half of the
    votes, or without votes."""
    agreement: int | None
    """Share of the votes for the label, percent, as PhraseBank has it: the highest of 50, 66, 75
    and 100 that is reached; None without a label, and for a single vote."""
    votes: tuple[Vote, ...]
    source: str | None = None
    """Where the headline is from."""


class Measured(StrictRecord):
    """A figure with its 95 % interval."""

    value: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat


class AnnotatorScore(StrictRecord):
    """How good an annotator was on the rows of known label."""

    annotator: str
    rows: int
    """Rows of known label to which it gave one."""
    failures: int
    """Rows of known label to which it gave none; they don't count in the figures."""
    accuracy: Measured
    kappa: Measured
    """Cohen's, against the known labels."""
    recall: dict[Label, Measured]
    """Share of each class that it found."""


class Audit(StrictRecord):
    """How good the labels of a file are."""

    schema_version: Literal[1] = 1
    file_sha256: str
    """Of the labelled file, hexadecimal."""
    created: dt.datetime
    rows: int
    """Headlines with a label."""
    undecided: int
    """Headlines without one."""
    gold_rows: int
    """Hidden rows of known label; they are not in the file."""
    gold_name: str
    """Where they are from."""
    score: AnnotatorScore
    """Of the labels that the votes lead to."""
    annotators: tuple[AnnotatorScore, ...]
    alpha: Measured | None = None
    """Krippendorff's, between annotators; None with a single one."""
    firewall: int
    """Headlines left out because they stand in, or resemble, a validation or test part."""
    cost_usd: Usd
    gate: dict[str, float]
    """Least value of a figure, such as {"kappa": 0.7}."""
    gate_met: bool


def audit_path(path: Path) -> Path:
    """Where the audit of a labelled file is."""
    return path.with_name(f"{path.name}.audit")


def write_labelled(path: Path, rows: Iterable[LabelledRow]) -> str:
    """Write a labelled file atomically; returns its SHA-256, for its audit."""
    # Of what is written, not of the file: another run may have replaced that by then.
    digest = hashlib.sha256()
    with replacing(path) as file:
        for row in rows:
            line = row.model_dump_json().encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def write_audit(path: Path, audit: Audit) -> None:
    """Write the audit of a labelled file atomically."""
    write_text(audit_path(path), audit.model_dump_json(indent=2) + "\n")


def read_labelled(path: Path) -> Iterator[LabelledRow]:
    """Read the rows of a labelled file one by one.

    Raises:
        DataError: It can't be read, or one of its rows is no such row (the message names it).
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield LabelledRow.model_validate(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise DataError(
                        f"{path}, line {number}: not a row of a labelled file", hint=_HINT
                    ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", hint=_HINT) from error


def read_if_labelled(path: Path) -> list[LabelledRow] | None:
    """The rows of a file of `newsclf label`; None for other data.

    Raises:
        DataError: A row after the first is not a row of a labelled file.
    """
    if not path.is_file():
        return None
    rows = read_labelled(path)
    try:
        first = next(rows, None)
    except DataError:
        return None
    return None if first is None else [first, *rows]


def read_audit(path: Path) -> Audit:
    """Read the audit of a labelled file, and check that it is of the file as it is now.

    Raises:
        DataError: The audit is missing, or the file was changed after it.
    """
    audit = read_record(
        audit_path(path),
        Audit.model_validate_json,
        error=DataError,
        hint="newsclf label measures a file on rows of known label",
    )
    if audit.file_sha256 != file_digest(path):
        raise DataError(
            f"{path}: it was changed after its audit", hint="newsclf label measures it again"
        )
    return audit
