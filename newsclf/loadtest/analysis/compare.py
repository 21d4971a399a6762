"""Comparison of two runs: loads that became slower by more than chance and the minimal effect.

Changes are computed on logarithms, so that half and double are equally far. With three repeats or
more on both sides, their spread gives the interval (Welch's t), which covers all that differs
between repeats. With fewer, it is computed from the intervals within the points, which allow for
autocorrelation (MOVER: Zou and Donner, "Construction of confidence limits about effect measures",
Statistics in Medicine 27(10), 2008).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from newsclf.common.errors import DataError
from newsclf.common.intervals import Interval
from newsclf.loadtest.analysis.statistics import CONFIDENCE
from newsclf.loadtest.store.records import (
    Change,
    Comparison,
    Figure,
    Load,
    PointComparison,
    PointSummary,
)

MINIMAL_EFFECT = 0.05
_REPEATS_FOR_SPREAD = 3
_DECISIVE: tuple[Figure, ...] = ("p95_ms", "throughput_per_s")
_Key = tuple[str, str]


def compare(
    before: Sequence[PointSummary],
    after: Sequence[PointSummary],
    *,
    names: tuple[str, str],
    minimal_effect: float = MINIMAL_EFFECT,
) -> Comparison:
    """Compare the points of two runs that had the same load on the same instance.

    Two runs of one instance each are compared whatever the instances are, such as one's own API
    and another one.

    A figure is better or worse when the interval of its change leaves out 0 and the change is more
    than the minimal effect. The intervals are wide enough that all of them hold in 95 of 100
    comparisons, however many loads there are (Bonferroni over loads and figures). Points limited by
    the client are shown, but decide nothing.

    Args:
        before: Points of the first run, all repeats.
        after: Points of the second run, all repeats.
        minimal_effect: Relative change below which two figures count as the same.

    Raises:
        DataError: the runs have no load in common.
    """
    subjects = [{point.instance for point in points} for points in (before, after)]
    is_one_each = [len(found) for found in subjects] == [1, 1]
    old, new = (_group(points, by_instance=not is_one_each) for points in (before, after))
    shared = [key for key in old if key in new]
    if not shared:
        raise DataError(
            f"{names[0]} and {names[1]} have no load in common",
            hint="run both with the same load options, and several instances in both or in none",
        )
    confidence = 1 - (1 - CONFIDENCE) / (len(get_args(Figure)) * len(shared))
    points = [_compare_point(old[key], new[key], minimal_effect, confidence) for key in shared]
    return Comparison(
        before=names[0],
        after=names[1],
        minimal_effect=minimal_effect,
        confidence=confidence,
        points=points,
        unmatched=[
            point.id
            for mine, other in ((old, new), (new, old))
            for key, group in mine.items()
            if key not in other
            for point in group
        ],
        regression=any(point.regression for point in points),
    )


def _group(
    points: Sequence[PointSummary], *, by_instance: bool
) -> Mapping[_Key, list[PointSummary]]:
    groups: dict[_Key, list[PointSummary]] = {}
    for point in points:
        instance = point.instance if by_instance else ""
        groups.setdefault((instance, point.load.model_dump_json()), []).append(point)
    return groups


def _compare_point(
    before: list[PointSummary], after: list[PointSummary], minimal_effect: float, confidence: float
) -> PointComparison:
    load: Load = before[0].load
    limited = any(point.verdict == "CLIENT-LIMITED" for point in before + after)
    changes = []
    for figure in get_args(Figure):
        old, new = _Logs.of(before, figure), _Logs.of(after, figure)
        change = _change(old, new, confidence)
        changes.append(
            Change(
                figure=figure,
                before=_exp(old.middle),
                after=_exp(new.middle),
                change=change,
                verdict="unknown" if limited else _verdict(figure, change, minimal_effect),
            )
        )
    fails = any(p.verdict == "ERRORS" for p in after) and all(p.verdict != "ERRORS" for p in before)
    worse = any(c.verdict == "worse" and c.figure in _DECISIVE for c in changes)
    instances = dict.fromkeys((before[0].instance, after[0].instance))
    return PointComparison(
        instance=" → ".join(instances),
        load=load,
        repeats_before=len(before),
        repeats_after=len(after),
        changes=changes,
        warnings=[
            f"{side}, repeat {point.repeat}: {point.verdict}: {'; '.join(point.reasons)}"
            for side, group in (("before", before), ("after", after))
            for point in group
            if point.verdict != "OK"
        ],
        regression=worse or fails,
    )


@dataclass(frozen=True, slots=True)
class _Logs:
    """The logarithms of one figure over the repeats."""

    values: tuple[float, ...]
    below: tuple[float, ...]
    """How far the lower end of each interval lies below the value; infinite without one."""
    above: tuple[float, ...]

    @staticmethod
    def of(points: Sequence[PointSummary], figure: Figure) -> _Logs:
        intervals = [
            point.throughput_interval
            if figure == "throughput_per_s"
            else point.response_ms[figure.removesuffix("_ms")]
            for point in points
        ]
        known = [(i, i.value) for i in intervals if i.value is not None and i.value > 0]
        return _Logs(
            tuple(math.log(value) for _, value in known),
            tuple(
                math.log(value / i.low) if i.low and i.low > 0 else math.inf for i, value in known
            ),
            tuple(math.log(i.high / value) if i.high else math.inf for i, value in known),
        )

    @property
    def middle(self) -> float | None:
        return float(np.mean(self.values)) if self.values else None

    def half_widths(self) -> tuple[float, float]:
        """Half widths of the 95 % interval of the mean, from the intervals within the repeats."""
        count = len(self.values)
        return math.hypot(*self.below) / count, math.hypot(*self.above) / count


def _change(before: _Logs, after: _Logs, confidence: float) -> Interval:
    """The relative change and its interval; ends are None where the data do not support them."""
    if before.middle is None or after.middle is None:
        return Interval(value=None)
    middle = after.middle - before.middle
    if min(len(before.values), len(after.values)) >= _REPEATS_FOR_SPREAD:
        down = up = _welch(before.values, after.values, confidence)
    else:
        stretch = _stretch(confidence)
        (below, above), (new_below, new_above) = before.half_widths(), after.half_widths()
        down = stretch * math.hypot(new_below, above)
        up = stretch * math.hypot(new_above, below)
    return Interval(
        value=math.expm1(middle),
        low=math.expm1(middle - down) if math.isfinite(down) else None,
        high=math.expm1(middle + up) if math.isfinite(up) else None,
    )


def _welch(before: Sequence[float], after: Sequence[float], confidence: float) -> float:
    """Half width of Welch's interval for a difference of means."""
    from scipy.stats import ttest_ind

    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # equal repeats
        ends = ttest_ind(after, before, equal_var=False).confidence_interval(confidence)
    return float(ends.high - ends.low) / 2


def _stretch(confidence: float) -> float:
    """Factor from the half width of a 95 % interval to another confidence (normal distribution)."""
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2) / norm.ppf((1 + CONFIDENCE) / 2))


def _verdict(
    figure: Figure, change: Interval, minimal_effect: float
) -> Literal["better", "same", "worse", "unknown"]:
    if change.value is None or (change.low is None and change.high is None):
        return "unknown"
    higher_is_better = figure == "throughput_per_s"
    if change.low is not None and change.low > 0 and change.value > minimal_effect:
        return "better" if higher_is_better else "worse"
    if change.high is not None and change.high < 0 and change.value < -minimal_effect:
        return "worse" if higher_is_better else "better"
    return "same"


def _exp(log: float | None) -> float | None:
    return None if log is None else math.exp(log)
