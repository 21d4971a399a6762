"""The project's own corpus of headlines, `headlines.csv`, and the sample: an eighth of it.

Training, validation and test part of both are fixed. docs/annotation.md says what a label means,
docs/headlines.md where the rows are from.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from importlib.resources import files

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, LabelledData

NAME = "newsclf headlines"
LICENCE = "Apache-2.0"
_SAMPLE_EVERY = 8
"""The sample holds each group whose number leaves the remainder 1 by this."""


def read(settings: DataSettings) -> LabelledData:
    """Read the corpus; rows with less agreement than `settings.agreement` only train.

    Those of the test part are held out.
    """
    return _labelled(
        rows(),
        settings,
        name=f"{NAME}, agreement ≥ {settings.agreement} %",
        digest=hashlib.sha256(_content()).hexdigest(),
    )


def read_sample(settings: DataSettings) -> LabelledData:
    """Read the sample: every eighth group of the corpus, in the parts where it stands there.

    All of its labels agree, so `settings.agreement` leaves none out.
    """
    chosen = sample_rows()
    digest = hashlib.sha256(json.dumps(chosen).encode()).hexdigest()
    return _labelled(chosen, settings, name="newsclf sample headlines", digest=digest)


def rows() -> list[dict[str, str]]:
    """Rows of the corpus, with the columns that docs/headlines.md describes."""
    return list(csv.DictReader(io.StringIO(_content().decode(), newline="")))


def sample_rows() -> list[dict[str, str]]:
    """Rows of the sample, in the corpus's order and with its columns."""
    return [row for row in rows() if int(row["group"].partition("-")[2]) % _SAMPLE_EVERY == 1]


def texts() -> set[str]:
    """All headlines of the corpus."""
    return {row["text"] for row in rows()}


def _labelled(
    chosen: Sequence[dict[str, str]], settings: DataSettings, *, name: str, digest: str
) -> LabelledData:
    parts: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    extra: list[Example] = []
    extra_test: list[Example] = []
    for row in chosen:
        agreement = int(row["agreement"])
        example = Example(row["text"], LABELS.index(row["label"]), agreement)
        if agreement >= settings.agreement:
            parts[row["part"]].append(example)
        elif agreement >= settings.extra_agreement and row["part"] != "validation":
            below = Example(example.text, example.label_id, agreement, extra=True)
            (extra if row["part"] == "train" else extra_test).append(below)
    return LabelledData(
        name=name,
        examples=parts["train"],
        extra=extra,
        validation=parts["validation"],
        test=parts["test"],
        extra_test=extra_test,
        digest=digest,
        licence=LICENCE,
    )


def _content() -> bytes:
    return (files("newsclf") / "data" / "headlines.csv").read_bytes()
