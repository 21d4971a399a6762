"""How far a model's confidence can be relied on: intervals of its error, risk against coverage.

Random numbers have a fixed seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from newsclf.common.intervals import wilson_interval
from newsclf.contract.answers import Prediction
from newsclf.evaluation.records import CoveragePoint, CoverageTarget, RiskCoverage
from newsclf.model.card import Interval
from newsclf.training.calibration.error import bin_of, expected_calibration_error

TARGET_ACCURACIES = (0.95, 0.97, 0.99)
_BOOTSTRAP_SAMPLES = 1_000
_NORMAL_95 = 1.96
_MOST_POINTS = 200


def calibration_interval(
    confidence: NDArray[np.float64], right: NDArray[np.bool_] | NDArray[np.float64]
) -> Interval:
    """95 % interval of the expected calibration error: 1.96 bootstrap standard errors each way.

    The bootstrap's quantiles would be no interval of it: resampling adds noise to each bin, so that
    nearly every sample has a larger error than the data. Nor does the error of few rows lie about
    the true one: a mean of absolute differences has no sign by which chance could cancel. So the
    lower end is lower still by the error that rows of a calibrated model would have on average.

    Args:
        confidence: (n,) probability of the predicted class.
        right: (n,) whether the predicted class is the true one.
    """
    bins, surplus, n = bin_of(confidence), right - confidence, len(confidence)
    random = np.random.default_rng(0)
    errors = [
        np.abs(np.bincount(bins[drawn], weights=surplus[drawn])).sum() / n
        for drawn in (random.integers(n, size=n) for _ in range(_BOOTSTRAP_SAMPLES))
    ]
    error, margin = expected_calibration_error(confidence, right), _NORMAL_95 * np.std(errors)
    by_chance = np.mean(
        [
            np.abs(np.bincount(bins, weights=(random.random(n) < confidence) - confidence)).sum()
            / n
            for _ in range(_BOOTSTRAP_SAMPLES)
        ]
    )
    return (float(max(0.0, error - margin - by_chance)), float(min(1.0, error + margin)))


def risk_coverage(truth: Sequence[int], predictions: Sequence[Prediction]) -> RiskCoverage:
    """Error among the headlines that are answered, when the least confident ones are set aside.

    Headlines of equal confidence are answered or set aside together, so the order of rows does not
    matter. The area is the mean of the error over all numbers of answers, from one to all of them
    (AURC of Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural
    Classifiers").

    Args:
        truth: Index in LABELS of each headline's class; at least one.
        predictions: An answer for each.
    """
    confidence = np.array([each.score for each in predictions])
    wrong = np.array([p.label_id != t for p, t in zip(predictions, truth, strict=True)])
    levels, level = np.unique(-confidence, return_inverse=True)
    sizes = np.bincount(level)
    errors_at = np.bincount(level, weights=wrong)
    answered, errors = sizes.cumsum(), errors_at.cumsum()
    counts = np.arange(1, len(wrong) + 1)
    # Within a level, errors are spread evenly, as they are on average over random orders.
    by_row = (errors_at / sizes)[np.sort(level)].cumsum() / counts
    best = np.maximum(counts - (len(wrong) - errors[-1]), 0) / counts
    points = [
        CoveragePoint(
            coverage=float(answered[i] / len(wrong)),
            rows=int(answered[i]),
            confidence=float(-levels[i]),
            errors=int(errors[i]),
        )
        for i in range(len(levels))
    ]
    return RiskCoverage(
        area=float(by_row.mean()),
        area_at_random=float(errors[-1] / len(wrong)),
        area_at_best=float(best.mean()),
        points=_thinned(points),
        targets=[_target(accuracy, points) for accuracy in TARGET_ACCURACIES],
    )


def _thinned(points: Sequence[CoveragePoint]) -> list[CoveragePoint]:
    """At most 200 points, the first and the last among them."""
    kept = np.unique(np.linspace(0, len(points) - 1, _MOST_POINTS).round().astype(int))
    return [points[i] for i in kept]


def _target(accuracy: float, points: Sequence[CoveragePoint]) -> CoverageTarget:
    reached = [each for each in points if each.errors <= (1 - accuracy) * each.rows + 1e-9]
    if not reached:
        return CoverageTarget(accuracy=accuracy)
    most = reached[-1]
    return CoverageTarget(
        accuracy=accuracy,
        point=most,
        interval=wilson_interval(most.rows - most.errors, most.rows),
    )
