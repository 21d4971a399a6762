"""Metrics from true labels and predictions. Pure functions; random numbers have a fixed seed."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from newsclf.common.intervals import wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example
from newsclf.evaluation.confidence import calibration_interval
from newsclf.evaluation.records import (
    Calibration,
    CalibrationBin,
    ClassScore,
    Comparison,
    ConfidentError,
    Difference,
    LevelScore,
    Slice,
)
from newsclf.model.card import Interval
from newsclf.training.calibration.error import BINS, bin_of, expected_calibration_error

_BOOTSTRAP_SAMPLES = 5_000
_DIFFERENCES = 50
_WORD_LIMITS = (10, 20, 30)


def confusion(truth: Sequence[int], predicted: Sequence[int]) -> list[list[int]]:
    """Confusion matrix: 3 × 3 counts; rows are true classes, columns predicted ones."""
    counts: list[list[int]] = confusion_matrix(truth, predicted, labels=range(len(LABELS))).tolist()
    return counts


def accuracy_of(counts: Sequence[Sequence[int]]) -> float:
    """Accuracy: the share of a confusion matrix that lies on its diagonal."""
    matrix = np.asarray(counts)
    return float(matrix.trace() / matrix.sum())


def macro_f1_of(counts: Sequence[Sequence[int]]) -> float:
    """Macro-F1: the mean of F1 over the classes that have rows.

    A class without rows has no F1. Counted as 0 once it is predicted, it would take a third off
    the score of a model that is nearly always right.
    """
    matrix = np.asarray(counts)
    return float(_macro_f1(matrix, matrix.sum(axis=1) > 0))


def macro_f1_interval(counts: Sequence[Sequence[int]]) -> Interval:
    """95 % percentile-bootstrap interval of macro-F1, from 5,000 resamples of the rows.

    Resampling rows with replacement is a multinomial draw of the nine cells of the matrix.
    """
    matrix = np.asarray(counts)
    draws = np.random.default_rng(0).multinomial(
        matrix.sum(), matrix.ravel() / matrix.sum(), size=_BOOTSTRAP_SAMPLES
    )
    scores = _macro_f1(draws.reshape(-1, *matrix.shape), matrix.sum(axis=1) > 0)
    low, high = np.quantile(scores, [0.025, 0.975])
    return (float(low), float(high))


def macro_f1s_of(matrices: np.ndarray) -> np.ndarray:
    """Macro-F1 of resamples of the same rows, shape (resamples, 3, 3) → (resamples)."""
    return _macro_f1(matrices, matrices.sum(axis=-1) > 0)


def _macro_f1(matrices: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Macro-F1 of confusion matrices over the classes of a mask, shape (…, 3, 3) → (…)."""
    right = np.diagonal(matrices, axis1=-2, axis2=-1)
    # F1 = 2·TP / (true + predicted)
    total = matrices.sum(axis=-1) + matrices.sum(axis=-2)
    f1 = 2 * right / np.maximum(total, 1)
    counted = (total > 0) & present
    return np.asarray((f1 * counted).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1))


def class_scores(truth: Sequence[int], predicted: Sequence[int]) -> list[ClassScore]:
    """Precision, recall, F1 and support of each class.

    They are None for a class without rows; precision is 0 for one that is never predicted.
    """
    columns = precision_recall_fscore_support(
        truth, predicted, labels=range(len(LABELS)), zero_division=0
    )
    return [
        ClassScore(
            label=label, precision=float(p), recall=float(r), f1=float(f), support=int(support)
        )
        if support
        else ClassScore(label=label, precision=None, recall=None, f1=None, support=0)
        for label, p, r, f, support in zip(LABELS, *columns, strict=True)
    ]


def calibration(truth: Sequence[int], predictions: Sequence[Prediction]) -> Calibration:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017)."""
    confidence = np.array([prediction.score for prediction in predictions])
    right = np.array([p.label_id == t for p, t in zip(predictions, truth, strict=True)])
    edges, of_row = np.linspace(0, 1, BINS + 1), bin_of(confidence)
    bins = [
        CalibrationBin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            rows=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(right[inside].mean()),
        )
        for i in range(BINS)
        if (inside := of_row == i).any()
    ]
    return Calibration(
        expected_error=expected_calibration_error(confidence, right),
        error_interval=calibration_interval(confidence, right),
        bins=bins,
    )


def slices(
    examples: Sequence[Example], right: Sequence[bool], name_of: Callable[[Example], str | None]
) -> list[Slice]:
    """Accuracy by a property of the example; rows for which it is None are left out."""
    groups: dict[str, list[bool]] = {}
    for example, is_right in zip(examples, right, strict=True):
        if (name := name_of(example)) is not None:
            groups.setdefault(name, []).append(is_right)
    return [
        Slice(
            name=name,
            rows=len(group),
            accuracy=sum(group) / len(group),
            interval=wilson_interval(sum(group), len(group)),
        )
        for name, group in sorted(groups.items())
    ]


def length_name(example: Example) -> str:
    """The length class of a headline, in words."""
    i = bisect.bisect_left(_WORD_LIMITS, len(example.text.split()))
    lower = _WORD_LIMITS[i - 1] + 1 if i else 1
    if i == len(_WORD_LIMITS):
        return f"{lower} words or more"
    return f"{lower:2d}–{_WORD_LIMITS[i]} words"


def agreement_name(example: Example) -> str | None:
    """The agreement class of a PhraseBank sentence; None for other data."""
    names = {50: "50–65 % agreed", 66: "66–74 % agreed", 75: "75–99 % agreed", 100: "all agreed"}
    return names[example.agreement] if example.agreement is not None else None


def level_scores(examples: Sequence[Example], predicted: Sequence[int]) -> list[LevelScore]:
    """Scores at each agreement level of the examples, each of which includes those above it."""
    levels = sorted({e.agreement for e in examples if e.agreement is not None})
    found = []
    for level in levels:
        rows = [
            (example.label_id, label_id)
            for example, label_id in zip(examples, predicted, strict=True)
            if example.agreement is not None and example.agreement >= level
        ]
        counts = confusion(*zip(*rows, strict=True))
        right = sum(truth == label_id for truth, label_id in rows)
        found.append(
            LevelScore(
                level=level,
                rows=len(rows),
                accuracy=right / len(rows),
                accuracy_interval=wilson_interval(right, len(rows)),
                macro_f1=macro_f1_of(counts),
                macro_f1_interval=macro_f1_interval(counts),
            )
        )
    return found


def confident_errors(
    examples: Sequence[Example], predictions: Sequence[Prediction], limit: int
) -> list[ConfidentError]:
    """The wrong predictions with the highest confidence, in falling order."""
    wrong = [
        ConfidentError(
            text=example.text,
            truth=LABELS[example.label_id],
            predicted=prediction.label,
            score=prediction.score,
        )
        for example, prediction in zip(examples, predictions, strict=True)
        if prediction.label_id != example.label_id
    ]
    return sorted(wrong, key=lambda error: -error.score)[:limit]


def compare(
    examples: Sequence[Example],
    predicted: Sequence[int],
    other_predicted: Sequence[int],
    *,
    other: str,
) -> Comparison:
    """McNemar's exact test (McNemar 1947) of two models on the same rows, and where they differ."""
    rows = list(zip(examples, predicted, other_predicted, strict=True))
    only_this = sum(p == e.label_id != o for e, p, o in rows)
    only_other = sum(o == e.label_id != p for e, p, o in rows)
    disagreements = only_this + only_other
    p_value = stats.binomtest(only_this, disagreements).pvalue if disagreements else 1.0
    counts = confusion([example.label_id for example in examples], other_predicted)
    differing = [row for row in rows if row[1] != row[2]]
    differing.sort(key=lambda row: (row[1] != row[0].label_id, row[2] != row[0].label_id))
    return Comparison(
        other=other,
        other_accuracy=accuracy_of(counts),
        other_macro_f1=macro_f1_of(counts),
        confusion=counts,
        differing=len(differing),
        differences=[
            Difference(
                text=example.text, truth=LABELS[example.label_id], this=LABELS[p], other=LABELS[o]
            )
            for example, p, o in differing[:_DIFFERENCES]
        ],
        only_this_right=only_this,
        only_other_right=only_other,
        p_value=float(p_value),
        gain=(only_this - only_other) / len(rows),
        gain_interval=_gain_interval(only_this, only_other, len(rows)),
    )


def _gain_interval(only_this: int, only_other: int, rows: int) -> Interval:
    """95 % interval of the difference of two accuracies on the same rows (Agresti and Min 2005).

    It is Wald's after half a row was added to each of the four cells.
    """
    total, differing = rows + 2, only_this + only_other + 1
    gain = (only_this - only_other) / total
    margin = 1.96 * math.sqrt(max(0.0, differing / total - gain**2) / total)
    return (max(-1.0, gain - margin), min(1.0, gain + margin))
