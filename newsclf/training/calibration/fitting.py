"""Fit a temperature and class biases to logits, and measure by cross-fitting what they gain.

Calibrated logits are `logits / temperature + biases`: temperature scaling (Guo et al. 2017, "On
Calibration of Modern Neural Networks") with the biases of a prior that differs from the training's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newsclf.contract.labels import LABELS

Array = NDArray[np.float64]

TEMPERATURE_DEVIATION = 0.5
"""Standard deviation of the normal prior of log(temperature) around 0: a handful of rows leaves the
temperature near 1, and some hundred hardly notice it."""
BIAS_DEVIATION = 0.05
"""The same for each bias. It is narrow, since biases change labels and follow the shares of classes
in the fitted rows, which other headlines don't have: decision 0072 has the measurement."""
FOLDS = 5


class FitFailedError(ValueError):
    """The rows give no usable temperature and biases; the text says why."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What calibration does to logits."""

    temperature: float = 1.0
    biases: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """In the order of LABELS, with mean 0; added to the logits after the division."""

    def applied(self, logits: Array) -> Array:
        """Calibrated logits; (n, 3) → (n, 3)."""
        return np.asarray(logits / self.temperature + np.array(self.biases))


def probabilities_of(logits: Array) -> Array:
    """Softmax of each row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def row_weights(groups: NDArray[np.intp]) -> Array:
    """Weights with which each group of rows counts equally.

    They add up to Kish's effective number of rows, (Σw)² / Σw², so that a small group that is
    weighted up is not taken for more evidence than it is.

    Args:
        groups: (n,) index of each row's group.
    """
    _, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    weights = 1 / sizes[index]
    return np.asarray(weights * weights.sum() / (weights**2).sum())


def fit(logits: Array, labels: NDArray[np.intp], weights: Array) -> Correction:
    """Fit temperature and biases: the least weighted negative log-likelihood plus the prior's.

    Biases stay 0 if a class has no rows, since nothing then says where its bias should lie.

    Args:
        logits: (n, 3), n ≥ 1.
        labels: (n,) index in LABELS of each row's true class.
        weights: (n,) weight of each row's log-likelihood.

    Raises:
        FitFailedError: logits are not finite, or the minimum was not found.
    """
    from scipy.optimize import minimize

    if not np.isfinite(logits).all():
        raise FitFailedError("its logits are not finite numbers")
    truth = np.eye(len(LABELS))[labels]
    with_biases = float(truth.any(axis=0).all())

    def loss(parameters: Array) -> tuple[float, Array]:
        scaled, biases = logits * np.exp(-parameters[0]), with_biases * parameters[1:]
        found = probabilities_of(scaled + biases)
        likelihoods = np.maximum((found * truth).sum(axis=1), np.finfo(float).tiny)
        gradient = weights[:, None] * (found - truth)
        return (
            float(-weights @ np.log(likelihoods) + 0.5 * (parameters**2 / variances).sum()),
            np.array([-(gradient * scaled).sum(), *(with_biases * gradient.sum(axis=0))])
            + parameters / variances,
        )

    variances = np.array([TEMPERATURE_DEVIATION, *[BIAS_DEVIATION] * len(LABELS)]) ** 2
    start = np.zeros(1 + len(LABELS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    # The line search may give up where rounding hides the last gain; the minimum is found then.
    if not np.isfinite(found.x).all() or not found.fun <= loss(start)[0]:
        raise FitFailedError(f"L-BFGS found no minimum ({found.message})")
    # Equal biases change no probability, so the prior's minimum has mean 0 but for rounding.
    first, second, third = found.x[1:] - found.x[1:].mean()
    return Correction(float(np.exp(found.x[0])), (float(first), float(second), float(third)))


def cross_fitted(logits: Array, labels: NDArray[np.intp], groups: NDArray[np.intp]) -> Array:
    """Calibrated logits of each row, by a fit on the other folds; (n, 3).

    The five folds are drawn by group and class, with a fixed seed.

    Raises:
        FitFailedError: a fold can't be fitted.
    """
    order = np.lexsort((np.random.default_rng(0).random(len(labels)), labels, groups))
    fold = np.empty(len(labels), dtype=np.intp)
    fold[order] = np.arange(len(labels)) % FOLDS
    calibrated = logits.copy()
    for each in range(FOLDS):
        inside, others = fold == each, fold != each
        if others.any():
            found = fit(logits[others], labels[others], row_weights(groups[others]))
            calibrated[inside] = found.applied(logits[inside])
    return calibrated
