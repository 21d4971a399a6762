"""What every engine shares: its test headline, the check of its classes, and scores from logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from newsclf.common.errors import ModelError
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS, label_mapping_error

PROBE = "Sales rose in the third quarter"
"""Headline of the test prediction that shows that a loaded model also runs."""


def check_classes(folder: Path, config: object) -> None:
    """Raise ModelError if the classes in a model's config.json are not LABELS."""
    classes = config.get("id2label") if isinstance(config, dict) else None
    if problem := label_mapping_error(classes):
        raise ModelError(f"{folder}: {problem}", hint="newsclf train makes a model that fits")


def predictions(
    folder: Path, logits: npt.NDArray[np.float32], *, rows: int, hint: str
) -> list[Prediction]:
    """The probabilities of so many headlines, a row of logits each.

    Raises:
        ModelError: the logits have another shape, or are not finite.
    """
    if logits.shape != (rows, len(LABELS)):
        raise ModelError(
            f"{folder}: the model's output has the shape {list(logits.shape)}, not"
            f" {'one row' if rows == 1 else f'{rows} rows'} of {len(LABELS)} classes",
            hint=hint,
        )
    if not np.isfinite(logits).all():
        raise ModelError(f"{folder}: the model's scores are not finite numbers", hint=hint)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    return [Prediction(tuple(row)) for row in shares.tolist()]
