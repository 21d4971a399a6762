"""Paired test of non-inferiority: is a model's accuracy lower than a reference's by less than δ?

Both answer the same rows. b of n rows only the reference answers well, c only the model. The loss
of accuracy is estimated by (b − c) / n, and tested by Tango's score statistic (Tango 1998,
"Equivalence test and confidence interval for the difference in proportions for the paired-sample
design"), which keeps its level also where the two rarely differ, unlike Wald's. Pure functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

_HALVINGS = 60


def score_statistic(only_reference: int, only_model: int, rows: int, loss: float) -> float:
    """Tango's score statistic of the hypothesis that the true loss is `loss`, in (0, 1).

    Standard normal if that is true, and less if the true loss is smaller.
    """
    b, c, n = only_reference, only_model, rows
    # The most likely share of rows that only the model answers well, if the loss is as stated.
    first, second = 2 * n, -b - c + (2 * n - b + c) * loss
    third = -c * loss * (1 - loss)
    share = (math.sqrt(max(0.0, second**2 - 4 * first * third)) - second) / (2 * first)
    variance = n * (2 * share + loss * (1 - loss))
    return (b - c - n * loss) / math.sqrt(variance)


def p_value(only_reference: int, only_model: int, rows: int, delta: float) -> float:
    """Probability that rows show so small a loss, or a smaller one, if the true one is `delta`."""
    return NormalDist().cdf(score_statistic(only_reference, only_model, rows, delta))


def loss_bound(only_reference: int, only_model: int, rows: int, alpha: float) -> float:
    """The largest loss that the rows do not rule out: a one-sided upper bound.

    It lies below δ exactly where `p_value` for δ is below alpha.
    """
    least = NormalDist().inv_cdf(alpha)
    low, high = max(0.0, (only_reference - only_model) / rows), 1.0
    if low == high:  # nothing larger is left to rule out, and the statistic has no variance
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if score_statistic(only_reference, only_model, rows, middle) < least:
            high = middle
        else:
            low = middle
    return high


def discordant(
    truth: Sequence[int], reference: Sequence[int], model: Sequence[int]
) -> tuple[int, int]:
    """How many rows only the reference answers well, and how many only the model."""
    rows = list(zip(truth, reference, model, strict=True))
    return sum(r == t != m for t, r, m in rows), sum(m == t != r for t, r, m in rows)
