"""Calibrate a trained classifier, before it is written and exported."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from newsclf.model.card import CalibrationSet, CardCalibration
from newsclf.training.calibration.error import expected_calibration_error
from newsclf.training.calibration.fitting import (
    Array,
    FitFailedError,
    cross_fitted,
    fit,
    probabilities_of,
    row_weights,
)
from newsclf.training.calibration.head import fold, head_of
from newsclf.training.calibration.rows import RowSet
from newsclf.training.classifier import logits_of

log = logging.getLogger(__name__)


def calibrate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sets: Sequence[RowSet]
) -> CardCalibration | None:
    """Fit temperature and biases on sets of rows, each of equal weight, and fold them into a model.

    A fit that fails leaves the model as it is; the log and the record say why.

    Returns:
        What was fitted, on what, and the calibration error before and after; None for no sets.

    Raises:
        ModelError: the model's head is not a linear layer with a bias.
    """
    if not sets:
        return None
    examples = [example for each in sets for example in each.examples]
    logits = logits_of(model, tokenizer, [example.text for example in examples]).double().numpy()
    labels = np.array([example.label_id for example in examples])
    groups = np.repeat(np.arange(len(sets)), [len(each.examples) for each in sets])
    try:
        correction = fit(logits, labels, row_weights(groups))
        after = cross_fitted(logits, labels, groups)
    except FitFailedError as error:
        log.warning("not calibrated: %s", error)
        return CardCalibration(problem=str(error))
    fold(head_of(model, tokenizer), correction)
    return CardCalibration(
        temperature=correction.temperature,
        biases=correction.biases,
        sets=[
            CalibrationSet(
                name=each.name,
                rows=len(each.examples),
                error_before=_error(logits[groups == i], labels[groups == i]),
                error_after=_error(after[groups == i], labels[groups == i]),
            )
            for i, each in enumerate(sets)
        ],
    )


def _error(logits: Array, labels: np.ndarray) -> float:
    found = probabilities_of(logits)
    return expected_calibration_error(found.max(axis=1), found.argmax(axis=1) == labels)
