"""Figures with their uncertainty."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from newsclf.common.records import StrictRecord


class Interval(StrictRecord):
    """A figure and its 95 % interval; None where the data do not support one."""

    value: float | None
    low: float | None = None
    high: float | None = None


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction as a percentage; a small one is shown as `<0.1 %`, not as 0."""
    if fraction is None:
        return "–"
    text = f"{100 * fraction:.{decimals}f}"
    if fraction > 0 and float(text) == 0:
        return f"<{10**-decimals:.{decimals}f} %"
    return f"{text} %"


def share_range(ends: tuple[float, float] | None) -> str:
    """Both ends of a share's interval; empty without one."""
    return f"{percent(ends[0])} to {percent(ends[1])}" if ends else ""


class MeanStd(NamedTuple):
    """Mean and sample standard deviation."""

    mean: float
    deviation: float

    def percent(self) -> str:
        """Both as percentages."""
        return f"{100 * self.mean:.2f} ± {100 * self.deviation:.2f} %"


def mean_std(values: Sequence[float]) -> MeanStd:
    """Mean and sample standard deviation of at least two values."""
    return MeanStd(statistics.fmean(values), statistics.stdev(values))


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), which stays in [0, 1] and fits small counts."""
    from scipy import stats

    if trials == 0:
        return (0.0, 1.0)
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return (float(interval.low), float(interval.high))
