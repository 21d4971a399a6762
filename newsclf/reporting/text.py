"""Numbers as text, the same in every report, on every terminal and on every machine."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from newsclf.common.intervals import Interval

NONE = "–"
_THOUSANDS = 1e4
"""From this value on, thousands are written as k."""


def exact_usd(value: float | None) -> str:
    """Dollars without a sign, with all digits that they have, and at least two."""
    if value is None:
        return NONE
    digits = f"{value:.10f}".rstrip("0")
    return digits + "0" * max(0, 2 - len(digits.partition(".")[2]))


def moment(iso: str) -> str:
    """A time such as `26 Nov 2026, 03:10 UTC`; a text that is no time stays as it is."""
    try:
        at = datetime.fromisoformat(iso).astimezone(UTC)
    except (ValueError, OverflowError):
        return iso
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def number(value: float | None, digits: int = 3) -> str:
    """At least `digits` significant digits, never an exponent; a dash for None."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def count(value: float | None) -> str:
    """A whole number with thousands apart."""
    return NONE if value is None else f"{value:,.0f}"


def short(value: float) -> str:
    """A number for an axis: no trailing zeros, thousands as k, M, B."""
    for letter, unit, least in (("B", 1e9, 1e9), ("M", 1e6, 1e6), ("k", 1e3, _THOUSANDS)):
        if abs(value) >= least:
            return f"{_stripped(value / unit)}{letter}"
    return _stripped(value)


def amount(value: float | None) -> str:
    """A number inside a sentence: three significant digits, no trailing zeros, k, M, B."""
    if value is None or not math.isfinite(value) or value == 0:
        return number(value)
    digits = 2 - math.floor(math.log10(abs(value)))
    return short(round(value, digits if abs(value) >= _THOUSANDS else max(0, digits)))


def usd(value: float | None) -> str:
    """Dollars with at least two decimals."""
    if value is None:
        return NONE
    return f"${value:,.2f}" if value >= 1 else f"${number(value)}"


def change(fraction: float | None) -> str:
    """A relative change with its sign."""
    return NONE if fraction is None else f"{100 * fraction:+.1f} %"


def interval(figure: Interval | None) -> str:
    """A figure with its 95 % interval, where there is one."""
    if figure is None or figure.value is None:
        return NONE
    if figure.low is None and figure.high is None:
        return number(figure.value)
    return f"{number(figure.value)} [{number(figure.low)}, {number(figure.high)}]"


def supported(figure: Interval) -> str:
    """A figure where there are enough data for its interval, and a dash where there are not."""
    unsupported = figure.low is None and figure.high is None
    return number(None if unsupported else figure.value)


def percentile_name(percentile: float) -> str:
    """The name of a percentile, such as p99.9."""
    return f"p{_stripped(percentile)}"


def _stripped(value: float) -> str:
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
