"""Scales: mapping of values to pixels, and the ticks of an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from newsclf.reporting.text import percentile_name, short

_ROUND = (1, 2, 5)
_LOG_RATIO = 25
"""Values that differ by more than this are drawn on a logarithmic axis."""


class Tick(NamedTuple):
    """A labelled value of an axis."""

    value: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] to the pixels [begin, end]; values outside land on the nearer end."""

    kind: Literal["linear", "log", "nines"]
    low: float
    high: float
    begin: float
    end: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Pixel of a value."""
        low, high, here = (_stretch(v, self.kind) for v in (self.low, self.high, value))
        share = (min(max(here, low), high) - low) / (high - low)
        return self.begin + share * (self.end - self.begin)


def linear(
    values: Iterable[float], begin: float, end: float, *, most: int = 6, low: float | None = 0.0
) -> Scale:
    """A linear axis over finite values, from `low` (None: from near the least value)."""
    found = list(values)
    bottom = min(found) if low is None else low
    top = max([*found, bottom])
    if top <= bottom:
        top = bottom + (abs(bottom) or 1.0)
    step = _round_up((top - bottom) / (most - 1))
    first, last = math.floor(bottom / step + 1e-9), math.ceil(top / step - 1e-9)
    ticks = tuple(Tick(i * step, short(i * step)) for i in range(first, last + 1))
    return Scale("linear", first * step, last * step, begin, end, ticks)


def logarithmic(values: Iterable[float], begin: float, end: float, *, most: int = 7) -> Scale:
    """A logarithmic axis over positive values, from a round value to a round value."""
    found = list(values)
    low, high = _round_down(min(found)), _round_up(max(found))
    if high <= low:
        high = _round_up(low * 1.5)
    return Scale("log", low, high, begin, end, _log_ticks(low, high, most))


def suited(values: Iterable[float], begin: float, end: float, *, most: int = 6) -> Scale:
    """A linear axis from zero, or a logarithmic one where values differ too much for that."""
    found = list(values)
    if min(found) > 0 and max(found) / min(found) > _LOG_RATIO:
        return logarithmic(found, begin, end, most=most)
    return linear(found, begin, end, most=most)


def nines(highest: float, begin: float, end: float) -> Scale:
    """The axis of HDR histograms: each further nine of a percentile has the same width.

    `highest`: the last percentile, in [50, 100).
    """
    named = [0.0, 50.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 99.999, 99.9999]
    ticks = tuple(Tick(p, percentile_name(p)) for p in named if p <= highest)
    return Scale("nines", 0.0, highest, begin, end, ticks)


def legible(scale: Scale, letter: float, gap: float = 8.0) -> tuple[Tick, ...]:
    """The ticks of a horizontal scale whose texts do not touch.

    Args:
        scale: The axis.
        letter: Width of a letter in pixels.
        gap: Pixels that must stay free between two texts.
    """
    kept: list[Tick] = []
    for tick in scale.ticks:
        if kept:
            room = scale.at(tick.value) - scale.at(kept[-1].value)
            if room < letter * (len(tick.text) + len(kept[-1].text)) / 2 + gap:
                continue
        kept.append(tick)
    return tuple(kept)


def _stretch(value: float, kind: str) -> float:
    if kind == "log":
        return math.log10(max(value, 1e-12))
    if kind == "nines":
        return -math.log10(max(1 - value / 100, 1e-12))
    return value


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (*_ROUND, 10) if m * power >= value * (1 - 1e-9))


def _round_down(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(m * power for m in _ROUND if m * power <= value * (1 + 1e-9))


def _log_ticks(low: float, high: float, most: int) -> tuple[Tick, ...]:
    """The densest of 1-2-5, 1-3, and every decade or every few that has at most `most` ticks."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    choices: list[list[float]] = [
        [m * 10.0**d for d in range(first, last + 1) for m in steps] for steps in (_ROUND, (1, 3))
    ]
    choices += [[10.0**d for d in range(first, last + 1, every)] for every in (1, 2, 3, 4, 6)]
    within = [
        [v for v in choice if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)] for choice in choices
    ]
    values = next((v for v in within if len(v) <= most), within[-1])
    return tuple(Tick(v, short(v)) for v in values)
