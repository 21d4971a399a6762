"""Durations as users type them: 20, 20s, 250ms, 2m, 12h, 3d."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

_UNITS_S = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+) *(ms|s|m|h|d|)")


def duration_s(text: str | float) -> float:
    """Seconds in a duration; a number without a unit is seconds.

    Raises:
        ValueError: It is no duration, or is too long to be one; the message says what is expected.
    """
    found = _DURATION.fullmatch(str(text).strip())
    seconds = float(found[1]) * _UNITS_S[found[2]] if found else math.inf
    if not math.isfinite(seconds):
        message = "expected a duration such as 20s, 250ms, 2m or 1h"
        raise ValueError(message)
    return seconds


def duration_from(minimum_s: float) -> Callable[[str | float], float]:
    """A reader of durations that are at least this long, for an option's `parser`."""

    def read(text: str | float) -> float:
        seconds = duration_s(text)
        if seconds < minimum_s:
            message = f"at least {minimum_s:g} s"
            raise ValueError(message)
        return seconds

    return read
