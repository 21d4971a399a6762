"""Interval of a signal: a bootstrap over events in which each draws its true class, too.

A replicate takes each event c times, c of a Poisson distribution with mean 1 (Hanley and MacGibbon
2006; Chamandy et al. 2012, "Estimating uncertainty for massive data streams"), and draws the class
y ∈ {−1, 0, 1} that the event truly has from the classifier's calibrated probabilities. Its signal
is Σ c·w·y / (k + Σ c·w); the interval has the middle 95 % of all replicates. So it covers that
other news might have come, and that the classifier errs.

The draws of an event depend on its number alone: the interval moves when news comes or fades, and
not by chance from bar to bar. They are raw outputs of Philox, a generator whose stream numpy
promises to keep, and all sums are of whole numbers: neither the order nor the version of numpy
changes a bit.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

REPLICATES = 400
_LEFT_OUT = 10
"""Replicates beyond each end: 2.5 % of 401, since n values divide a line into n + 1 parts."""
_UNIT = 2**32
"""Weights are counted in parts of this; a span may hold 100,000 events before an int64 is full."""
_MOST_TIMES = 12
_POISSON = np.array(
    [
        math.floor(_UNIT * math.fsum(math.exp(-1) / math.factorial(k) for k in range(times + 1)))
        for times in range(_MOST_TIMES)
    ],
    dtype=np.uint64,
)
"""Up to which of 2**32 numbers an event is taken 0, 1, … times."""

Replicated = npt.NDArray[np.int64]
"""Sums of products and of weights in each replicate; shape (2, REPLICATES)."""


def replicates(event: int, weight: float, probabilities: tuple[float, float, float]) -> Replicated:
    """What an event adds to the sums of each replicate.

    Args:
        event: Its number in the record.
        weight: Less than 16.
        probabilities: That its class is negative, neutral and positive.
    """
    times, uniform = _draws(event)
    weights = times * round(weight * _UNIT)
    negative, neutral, _ = probabilities
    is_negative = uniform < round(negative * _UNIT)
    is_positive = uniform >= round((negative + neutral) * _UNIT)
    return np.stack([weights * is_positive - weights * is_negative, weights])


@lru_cache(maxsize=2048)  # an event is drawn for its entity and for all headlines: 10 MB
def _draws(event: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How often each replicate takes an event, and a uniform number for its class."""
    raw = np.random.Philox(key=event).random_raw(REPLICATES)
    high, low = np.divmod(raw, np.uint64(_UNIT))
    return np.searchsorted(_POISSON, high, side="right"), low.astype(np.int64)


def no_replicates() -> Replicated:
    """Sums of no event."""
    return np.zeros((2, REPLICATES), dtype=np.int64)


def interval(decayed: list[tuple[float, Replicated]], shrinkage: float) -> tuple[float, float]:
    """The 95 % interval of a signal.

    Args:
        decayed: Sums of groups of events, each with the decay of its weights, in an order that
            depends on nothing else.
        shrinkage: k, the neutral events that the signal is shrunk with.
    """
    decays = np.array([decay for decay, _ in decayed])[:, None, None]
    sums = np.stack([replicated for _, replicated in decayed])
    # Along the first axis numpy adds one after the other, so that the order is this one.
    products, weights = np.add.reduce(sums * (decays / _UNIT), axis=0)
    totals = shrinkage + weights
    # Without shrinkage a replicate may have no event at all.
    signals = np.divide(products, totals, out=np.zeros_like(products), where=totals > 0)
    signals.sort()
    return float(signals[_LEFT_OUT - 1]), float(signals[REPLICATES - _LEFT_OUT])
