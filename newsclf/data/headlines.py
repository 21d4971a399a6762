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

LICENCE = "Apache-2.0"


def read(settings: DataSettings) -> LabelledData:
    """Read the corpus; rows with less agreement than `settings.agreement` only train."""
    content = (files("newsclf") / "data" / "headlines.csv").read_bytes()
    parts: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    extra = []
    for row in csv.DictReader(io.StringIO(content.decode(), newline="")):
        agreement = int(row["agreement"])
        example = Example(row["text"], LABELS.index(row["label"]), agreement)
        if agreement >= settings.agreement:
            parts[row["part"]].append(example)
        elif row["part"] == "train" and agreement >= settings.extra_agreement:
            extra.append(Example(example.text, example.label_id, agreement, extra=True))
    return LabelledData(
        name=f"newsclf headlines, agreement ≥ {settings.agreement} %",
        examples=parts["train"],
        extra=extra,
        validation=parts["validation"],
        test=parts["test"],
        digest=hashlib.sha256(content).hexdigest(),
        licence=LICENCE,
    )
