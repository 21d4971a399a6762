"""Arrival processes: schedules of requests, made from a seed before anything is sent.

A schedule is an array of nanoseconds since the load began, rising. It does not depend on how many
processes send it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Schedule = npt.NDArray[np.int64]
_NS_PER_S = 1_000_000_000


def constant(rate_per_s: float, duration_s: float) -> Schedule:
    """Evenly spaced requests, the first at once."""
    count = round(rate_per_s * duration_s)
    return (np.arange(count) * (_NS_PER_S / rate_per_s)).astype(np.int64)


def poisson(rate_per_s: float, duration_s: float, *, seed: int) -> Schedule:
    """Independent users: gaps are exponential, and so the number of requests varies, too.

    Gaps of a fixed number are not scaled to fill the duration, which would make them dependent.
    """
    rng = np.random.default_rng(seed)
    expected = rate_per_s * duration_s
    gaps = rng.exponential(1 / rate_per_s, size=int(expected + 10 * expected**0.5 + 20))
    moments = np.cumsum(gaps)
    return (moments[moments < duration_s] * _NS_PER_S).astype(np.int64)


def stairs(rates_per_s: Sequence[float], step_s: float, *, warmup_s: float, seed: int) -> Schedule:
    """Poisson requests whose rate changes every `step_s`, after a warm-up at the first rate."""
    steps = [poisson(rates_per_s[0], warmup_s, seed=seed)]
    for i, rate in enumerate(rates_per_s):
        begin_ns = round((warmup_s + i * step_s) * _NS_PER_S)
        steps.append(poisson(rate, step_s, seed=seed + 1 + i) + begin_ns)
    return np.concatenate(steps)


def burst(requests: int) -> Schedule:
    """All at once."""
    return np.zeros(requests, dtype=np.int64)


def replay(timestamps_s: Sequence[float]) -> Schedule:
    """Recorded arrival times, the first at once."""
    moments = np.sort(np.asarray(timestamps_s, dtype=float))
    nanoseconds: Schedule = np.round((moments - moments[0]) * _NS_PER_S).astype(np.int64)
    return nanoseconds


def digest(schedule: Schedule) -> str:
    """SHA-256 of a schedule, hexadecimal."""
    return hashlib.sha256(schedule.astype("<i8").tobytes()).hexdigest()
