"""A figure over several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Mean and sample standard deviation."""

    mean: float
    deviation: float

    def percent(self) -> str:
        """Both as percentages."""
        return f"{100 * self.mean:.2f} ± {100 * self.deviation:.2f} %"


def spread_of(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of at least two values."""
    return Spread(statistics.fmean(values), statistics.stdev(values))
