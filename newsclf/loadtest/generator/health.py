"""How a process of the generator was doing: what holds it up looks like a slow server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from newsclf.loadtest.store.records import WorkerHealth

_HEARTBEAT_S = 0.01
_SCHEDSTAT = Path("/proc/self/schedstat")


class HealthWatch:
    """Measures the lag of an event loop and the CPU that its process uses, in a window."""

    def __init__(self, window_begin_ns: int, window_end_ns: int) -> None:
        self._begin_ns = window_begin_ns
        self._end_ns = window_end_ns
        self._lags_ms: list[tuple[int, float]] = []
        self._cpu_s: list[tuple[float, float]] = []

    async def watch_lag(self, clock_ns: Callable[[], int]) -> None:
        """Note, until cancelled, how late a heartbeat comes."""
        while True:
            due_ns = clock_ns() + round(_HEARTBEAT_S * 1e9)
            await asyncio.sleep(_HEARTBEAT_S)
            now_ns = clock_ns()
            self._lags_ms.append((now_ns, max(0, now_ns - due_ns) / 1e6))

    def note_cpu(self) -> None:
        """To be called when the window begins, and when it ends."""
        self._cpu_s.append(_cpu_s())

    def result(self, now_ns: int) -> WorkerHealth:
        """What was measured; a window that has not ended yet ends now."""
        begun, ended = (*self._cpu_s, _cpu_s(), _cpu_s())[:2]
        window_s = max((min(self._end_ns, now_ns) - self._begin_ns) / 1e9, 1e-9)
        lags_ms = [ms for moment, ms in self._lags_ms if self._begin_ns <= moment < self._end_ns]
        return WorkerHealth(
            cpu_fraction=(ended[0] - begun[0]) / window_s,
            cpu_wait_fraction=(ended[1] - begun[1]) / window_s,
            lag_p99_ms=float(np.percentile(lags_ms, 99)) if lags_ms else 0.0,
            lag_max_ms=max(lags_ms, default=0.0),
        )


def _cpu_s() -> tuple[float, float]:
    """CPU seconds of this process, and seconds for which it waited for a core.

    Source of the second: the Linux kernel's Documentation/scheduler/sched-stats.rst, where
    /proc/<pid>/schedstat holds both in nanoseconds; elsewhere it is taken to be 0.
    """
    try:
        waited_ns = int(_SCHEDSTAT.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return time.process_time(), waited_ns / 1e9
