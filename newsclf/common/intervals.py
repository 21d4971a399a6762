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
