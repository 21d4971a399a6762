"""Percentiles, intervals and slopes of autocorrelated samples.

Latencies under load are autocorrelated: a request behind a long queue is followed by others behind
the same queue. Formulas for independent samples then promise too much, so each interval here is at
least as wide as one from batch means: the samples are cut, in the order of time, into a few batches
long enough that their means hardly depend on each other, and the spread of those means is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from newsclf.common.intervals import Interval

Floats = npt.NDArray[np.float64]

PERCENTILES: Mapping[str, float] = {
    "p50": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p99.9": 0.999,
}
CONFIDENCE = 0.95
BATCHES = 10
"""Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research 30(3),
1982: beyond 10 to 30 batches little is gained, and shorter ones depend on each other more."""
_SAMPLES_PER_BATCH = 5
"""Least samples in a batch for an interval from batch means."""


def nearest_rank(ordered: Floats, p: float) -> float:
    """The smallest sample with at least the fraction `p` of the samples at or below it.

    Args:
        ordered: At least one sample, ascending.
        p: In (0, 1].
    """
    return float(ordered[max(math.ceil(p * len(ordered)), 1) - 1])


def binomial_ranks(n: int, p: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Ranks, from 1, of the order statistics around the `p` quantile of `n` independent samples.

    The number of samples at or below the true quantile is binomial(n, p), whatever the
    distribution (Hahn and Meeker, Statistical Intervals, 1991, section 5.2). A rank of 0 or n + 1
    means that n samples do not support that side: p99 has an upper end from n = 368 on.
    """
    from scipy.stats import binom

    tail = (1 - confidence) / 2
    return int(binom.ppf(tail, n, p)), int(binom.ppf(1 - tail, n, p)) + 1


def percentile(values: Floats, p: float, confidence: float = CONFIDENCE) -> Interval:
    """The `p` quantile of `values`, in the order of time, and its interval; see `percentiles`."""
    return _percentile(np.sort(values), values, p, confidence)


def percentiles(values: Floats, confidence: float = CONFIDENCE) -> dict[str, Interval]:
    """The quantiles of `PERCENTILES`, by nearest rank.

    An interval is the wider one, on each side, of two: from the binomial order statistics of
    independent samples, and from batch means of the indicator "at or below the quantile", whose
    interval for the fraction is read off at those fractions' ranks (Heidelberger and Lewis,
    "Quantile estimation in dependent sequences", Operations Research 32(1), 1984).

    Args:
        values: Samples in the order of time; may be empty.
    """
    ordered = np.sort(values)
    return {name: _percentile(ordered, values, p, confidence) for name, p in PERCENTILES.items()}


def _percentile(ordered: Floats, values: Floats, p: float, confidence: float) -> Interval:
    n = len(ordered)
    if n == 0:
        return Interval(value=None)
    value = nearest_rank(ordered, p)
    low, high = binomial_ranks(n, p, confidence)
    if n >= BATCHES * _SAMPLES_PER_BATCH:
        batch_means = _batch_means(values <= value)
        half_width = _half_width(batch_means, confidence)
        low = min(low, math.floor(n * (p - half_width)))
        high = max(high, math.ceil(n * (p + half_width)))
    return Interval(
        value=value,
        low=float(ordered[low - 1]) if low >= 1 else None,
        high=float(ordered[high - 1]) if high <= n else None,
    )


def mean(values: Sequence[float] | Floats, confidence: float = CONFIDENCE) -> Interval:
    """Mean of independent values, such as repeats or batches, with Student's interval."""
    if len(values) == 0:
        return Interval(value=None)
    middle = float(np.mean(values))
    if len(values) == 1:
        return Interval(value=middle)
    half_width = _half_width(np.asarray(values, dtype=np.float64), confidence)
    return Interval(value=middle, low=middle - half_width, high=middle + half_width)


def effective_size(flags: npt.NDArray[np.bool_]) -> float:
    """Effective sample size: independent samples that tell as much about the fraction of `flags`.

    Kish's effective size, n divided by the variance of the batch means over that of independent
    samples; never more than n (Korn and Graubard, "Confidence intervals for proportions with small
    expected number of positive counts", Survey Methodology 24(2), 1998).

    Args:
        flags: In the order of time.
    """
    n, fraction = len(flags), float(np.mean(flags)) if len(flags) else 0.0
    if n < BATCHES * _SAMPLES_PER_BATCH or fraction in {0.0, 1.0}:
        return float(n)
    variance = float(np.var(_batch_means(flags), ddof=1)) / BATCHES
    return min(n, fraction * (1 - fraction) / variance) if variance > 0 else float(n)


def slope(x: Floats, y: Floats, confidence: float = CONFIDENCE) -> Interval:
    """Ordinary least squares slope of `y` on `x`, with Student's interval.

    Points should be means of batches: the interval takes them as independent. It is None for fewer
    than three points.
    """
    from scipy.stats import linregress, t

    n = len(x)
    if n < 2:  # noqa: PLR2004
        return Interval(value=None)
    line = linregress(x, y)
    value = float(line.slope)
    if n == 2:  # noqa: PLR2004
        return Interval(value=value)
    half_width = float(t.ppf((1 + confidence) / 2, n - 2) * line.stderr)
    return Interval(value=value, low=value - half_width, high=value + half_width)


def mean_number(begin: Floats, end: Floats, edges: Floats) -> Floats:
    """Mean number of intervals [begin, end) that are open, in each bin between `edges`.

    The integral of N(t) up to t is the sum of what each interval has lasted by then.

    Args:
        begin: When each begins.
        end: When each ends; infinite if it did not.
        edges: Ascending, one more than there are bins.
    """
    return np.diff(_elapsed_since(begin, edges) - _elapsed_since(end, edges)) / np.diff(edges)


def _elapsed_since(moments: Floats, at: Floats) -> Floats:
    """For each `at`, the sum over earlier moments of the time since."""
    ordered = np.sort(moments[np.isfinite(moments)])
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    count = np.searchsorted(ordered, at)
    elapsed: Floats = count * at - sums[count]
    return elapsed


def little_gap(begin: Floats, end: Floats, window: tuple[float, float]) -> float:
    """|N − X·R| / N of Little's law over a window; 0 if nothing was ever in the system.

    N is integrated from the events; X counts those that end in the window and R is their mean
    stay. In a window much longer than a stay the two agree whatever the distribution (Little,
    "A proof for the queuing formula L = λW", Operations Research 9(3), 1961), so a gap of more
    than some per cent is a fault of clocks or counts, or a window that is too short.
    """
    number = float(mean_number(begin, end, np.asarray(window))[0])
    ended = (end >= window[0]) & (end < window[1])
    by_little = float(np.sum(end[ended] - begin[ended])) / (window[1] - window[0])
    return abs(number - by_little) / number if number > 0 else 0.0


def _batch_means(values: npt.NDArray[np.bool_]) -> Floats:
    """Means of `BATCHES` batches of equal size; the samples that are left over come first."""
    size = len(values) // BATCHES
    whole = values[len(values) - size * BATCHES :].reshape(BATCHES, size)
    return np.asarray(whole.mean(axis=1), dtype=np.float64)


def _half_width(values: Floats, confidence: float) -> float:
    """Half width of Student's interval for a mean; `ttest_1samp` warns of equal values."""
    from scipy.stats import sem, t

    return float(t.ppf((1 + confidence) / 2, len(values) - 1) * sem(values))
