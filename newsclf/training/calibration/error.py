"""Expected calibration error of predictions, over bins of confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15


def bin_of(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of each prediction's bin, from 0; of n bins, bin i holds (i / n, (i + 1) / n]."""
    edges = np.linspace(0, 1, BINS + 1)
    return np.clip(np.digitize(confidence, edges, right=True) - 1, 0, BINS - 1)


def expected_calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_] | NDArray[np.float64]
) -> float:
    """Mean over rows of |accuracy − mean confidence| of their bin, over 15 bins of equal width.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".

    Args:
        confidence: (n,) probability of the predicted class.
        right: (n,) whether the predicted class is the true one.
    """
    surplus = np.bincount(bin_of(confidence), weights=right - confidence, minlength=BINS)
    return float(np.abs(surplus).sum() / len(confidence))
