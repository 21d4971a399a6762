"""Parsers for load-test options; without numpy, so that a wrong option is reported at once."""

from __future__ import annotations

import re

from newsclf.common.errors import ConfigError
from newsclf.loadtest.store.records import Objective

_OBJECTIVE = re.compile(r"p(\d+(?:\.\d+)?)=(\d+(?:\.\d+)?)(ms|s)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_STAIRS = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")


def parse_objective(text: str) -> Objective:
    """An objective such as `p95=200ms`; ConfigError if it cannot be parsed."""
    found = _OBJECTIVE.fullmatch(text.replace(" ", ""))
    if found is None or not 0 < float(found[1]) < 100 or float(found[2]) <= 0:  # noqa: PLR2004
        raise ConfigError(
            f"'{text}' is not a latency objective", hint="write a percentile and a limit: p95=200ms"
        )
    limit = float(found[2])
    limit_ms = limit * 1000 if found[3] == "s" else limit
    return Objective(percentile=float(found[1]), limit_ms=limit_ms)


def parse_rate(text: str) -> float:
    """Requests per second from `50/s`, `3000/min`, `1e5/h` or `1e6/day`; ConfigError otherwise."""
    number, _, unit = text.replace(" ", "").partition("/")
    try:
        rate_per_s = float(number) / _SECONDS[unit or "s"]
    except (ValueError, KeyError):
        rate_per_s = 0.0
    if not 0 < rate_per_s < float("inf"):
        raise ConfigError(f"'{text}' is not a rate", hint="write 50/s, 3000/min, 1e5/h or 1e6/day")
    return rate_per_s


def parse_numbers(text: str, option: str) -> list[float]:
    """Numbers over zero with commas between; ConfigError names the option."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < float("inf") for number in numbers):
        raise ConfigError(f"{option} {text}: expected numbers over zero, such as 1,2,4")
    return numbers


def parse_users(text: str) -> list[int]:
    """Numbers of users with commas between; ConfigError if one is not whole."""
    users = parse_numbers(text, "--concurrency")
    if any(number != int(number) for number in users):
        raise ConfigError(f"--concurrency {text}: users are whole numbers")
    return [int(number) for number in users]


def parse_stairs(text: str) -> list[float]:
    """Rates from `START:STOP:STEP`; ConfigError if they do not rise."""
    found = _STAIRS.fullmatch(text)
    if found is not None:
        start, stop, step = map(float, found.groups())
        if 0 < start < stop and step > 0:
            count = int((stop - start) / step + 1e-9) + 1
            return [start + i * step for i in range(count)]
    raise ConfigError(f"--stairs {text}: expected START:STOP:STEP in requests/s, such as 10:100:10")
