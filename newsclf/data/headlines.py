"""The project's own corpus of headlines, `headlines.csv`, whose parts are fixed.

docs/annotation.md says what a label means, docs/headlines.md where the rows are from.
"""

from __future__ import annotations

import csv
import hashlib
import io
from importlib.resources import files

from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, LabelledData

NAME = "newsclf headlines"
LICENCE = "Apache-2.0"


def read(settings: DataSettings) -> LabelledData:
    """Read the corpus; rows with less agreement than `settings.agreement` only train.

    Those of the test part are held out.
    """
    content = _content()
    parts: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    extra: list[Example] = []
    extra_test: list[Example] = []
    for row in _rows(content):
        agreement = int(row["agreement"])
        example = Example(row["text"], LABELS.index(row["label"]), agreement)
        if agreement >= settings.agreement:
            parts[row["part"]].append(example)
        elif agreement >= settings.extra_agreement and row["part"] != "validation":
            below = Example(example.text, example.label_id, agreement, extra=True)
            (extra if row["part"] == "train" else extra_test).append(below)
    return LabelledData(
        name=f"{NAME}, agreement ≥ {settings.agreement} %",
        examples=parts["train"],
        extra=extra,
        validation=parts["validation"],
        test=parts["test"],
        extra_test=extra_test,
        digest=hashlib.sha256(content).hexdigest(),
        licence=LICENCE,
    )


def texts() -> set[str]:
    """All headlines of the corpus."""
    return {row["text"] for row in _rows(_content())}


def _content() -> bytes:
    return (files("newsclf") / "data" / "headlines.csv").read_bytes()


def _rows(content: bytes) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(content.decode(), newline=""))
