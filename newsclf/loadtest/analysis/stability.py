"""Steady-state tests of the measured window of a point.

The window is cut into batches of equal length. Two questions are tested on them; each answer needs
statistical significance and an effect that matters:

- Do the parts of the window agree? Its three thirds (after perf_analyzer, which compares three
  windows) must be within 10 % of each other, and with enough requests also its sixths, which shows
  a server that switches between two speeds. Parts of a steady queue differ by more than 10 % by
  chance alone, so the variance between parts must also stand out against that between the batches
  of a part (one-way analysis of variance of logarithms).
- Does something grow? The slope over the batches of the response time, and in an open loop of the
  number of requests in the system; in a closed loop that number is fixed.

The levels are stricter than the usual 5 %, because batches of a loaded queue depend on each other.
tests/unit/loadtest/test_stability.py measures the false alarms and the power of both tests;
decision 0025 gives the figures.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from newsclf.loadtest.analysis.statistics import Floats, mean_number, nearest_rank, slope
from newsclf.loadtest.analysis.timeline import Timeline

MAX_RATIO = 1.10
"""Highest ratio of two parts of a steady window."""
MIN_GROWTH = 0.10
"""Least growth over the window that counts, as a fraction of the mean."""
MIN_FOR_GROWTH = 100
"""Good answers in the window; fewer are not judged at all."""
MIN_FOR_PARTS = {3: 500, 6: 1000}
"""Parts of the window → good answers that it must hold for them to be compared."""
_BATCHES = 18
_PARTS_LEVEL = 0.002
_GROWTH_CONFIDENCE = 0.999


def unsteady(line: Timeline, *, open_loop: bool) -> Iterator[str]:
    """Describe, with figures, how a measured window was not in a steady state.

    For loads that are themselves steady: closed, constant and Poisson.
    """
    answered = line.measured & line.ok
    due_s, response_ms = line.due_s[answered], 1e3 * (line.end_s - line.due_s)[answered]
    count = len(due_s)
    if count < MIN_FOR_GROWTH:
        return
    edges = np.linspace(*line.window, _BATCHES + 1)
    if open_loop:
        entered = ~line.dropped
        number = mean_number(line.due_s[entered], line.end_s[entered], edges)
        yield from _growth("requests in the system", number, "", edges)
    batches = _cut(due_s, response_ms, edges)
    yield from _growth("mean response time", _each(batches, np.mean), " ms", edges)
    ended_s = np.sort(line.end_s[line.ok])
    for parts, needed in MIN_FOR_PARTS.items():
        if count < needed:
            continue
        wide = edges[:: _BATCHES // parts]
        wide_batches = _cut(due_s, response_ms, wide)
        for name, p in (("p50", 0.5), ("p95", 0.95)):
            yield from _parts_differ(
                name, _each(wide_batches, _quantile(p)), _each(batches, _quantile(p)), " ms"
            )
        if not open_loop:  # in an open loop it is the schedule that sets it
            yield from _parts_differ(
                "throughput", _per_second(ended_s, wide), _per_second(ended_s, edges), "/s"
            )


def _growth(what: str, batches: Floats, unit: str, edges: Floats) -> Iterator[str]:
    known = np.isfinite(batches)
    middles = ((edges[1:] + edges[:-1]) / 2)[known]
    growth = slope(middles, batches[known], _GROWTH_CONFIDENCE)
    length = edges[-1] - edges[0]
    if growth.value is None or growth.low is None or growth.low <= 0:
        return
    if growth.value * length > MIN_GROWTH * float(np.mean(batches[known])):
        ends = batches[known][[0, -1]]
        yield (
            f"{what} grew from {ends[0]:.1f} to {ends[1]:.1f}{unit} over {length:.0f} s "
            f"({growth.value:+.2g}{unit} each second)"
        )


def _parts_differ(what: str, parts: Floats, batches: Floats, unit: str) -> Iterator[str]:
    """Compare parts of a window by the spread of the batches inside them."""
    from scipy.stats import f_oneway

    both = np.concatenate([parts, batches])
    if not np.all(np.isfinite(both) & (both > 0)) or parts.max() <= MAX_RATIO * parts.min():
        return
    groups = np.log(batches).reshape(len(parts), -1)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # equal batches
        chance = f_oneway(*groups).pvalue
    if chance < _PARTS_LEVEL:
        figures = ", ".join(f"{value:.1f}" for value in parts)
        yield (
            f"{what} changed between the {_NAMES[len(parts)]} of the window: {figures}{unit} "
            f"(highest / lowest {parts.max() / parts.min():.2f}, at most {MAX_RATIO:.2f})"
        )


_NAMES = {3: "thirds", 6: "sixths"}


def _cut(moments: Floats, values: Floats, edges: Floats) -> list[Floats]:
    """`values` in bins between `edges` by their `moments`, which ascend."""
    return np.split(values, np.searchsorted(moments, edges[1:-1]))


def _each(batches: list[Floats], figure: Callable[[Floats], float | np.floating]) -> Floats:
    """A figure of each batch; NaN where it is empty."""
    return np.array([figure(batch) if len(batch) else np.nan for batch in batches])


def _quantile(p: float) -> Callable[[Floats], float]:
    return lambda batch: nearest_rank(np.sort(batch), p)


def _per_second(moments: Floats, edges: Floats) -> Floats:
    rates: Floats = np.diff(np.searchsorted(moments, edges)) / np.diff(edges)
    return rates
