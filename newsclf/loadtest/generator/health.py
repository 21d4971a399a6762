"""Health of a worker: whatever delays the load generator would look like a slow server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from newsclf.loadtest.store.records import WorkerHealth

_HEARTBEAT_S = 0.01
_SCHEDSTAT = Path("/proc/self/schedstat")
_Usage = npt.NDArray[np.float64]
_now_ns = time.perf_counter_ns


class HealthMonitor:
    """Measures the lag of the event loop and the CPU use of this process during a window."""

    def __init__(self, begin_ns: int, end_ns: int) -> None:
        """Prepare for a window between two times of time.perf_counter_ns."""
        self._begin_ns = begin_ns
        self._end_ns = end_ns
        self._lags_ms: list[float] = []
        self._first: _Usage | None = None
        self._last: _Usage | None = None

    async def run(self) -> None:
        """Measure until the window ends, or until cancelled."""
        while (before_ns := _now_ns()) < self._end_ns:
            await asyncio.sleep(_HEARTBEAT_S)
            now_ns = _now_ns()
            if self._begin_ns <= now_ns < self._end_ns:
                if self._first is None:
                    self._first = _usage_s()
                self._lags_ms.append(max(0.0, (now_ns - before_ns) / 1e6 - 1000 * _HEARTBEAT_S))
        self._last = _usage_s()

    def result(self) -> WorkerHealth:
        """What was measured; a window that has not ended yet ends now."""
        last = _usage_s() if self._last is None else self._last
        elapsed_s, cpu_s, waited_s = last - (last if self._first is None else self._first)
        return WorkerHealth(
            cpu_fraction=cpu_s / max(elapsed_s, 1e-9),
            cpu_wait_fraction=waited_s / max(elapsed_s, 1e-9),
            lag_p99_ms=float(np.percentile(self._lags_ms, 99)) if self._lags_ms else 0.0,
            lag_max_ms=max(self._lags_ms, default=0.0),
        )


def _usage_s() -> _Usage:
    """Now, CPU seconds of this process, and seconds for which it waited for a core.

    Source of the last: the Linux kernel's Documentation/scheduler/sched-stats.rst, where
    /proc/<pid>/schedstat holds it in nanoseconds; elsewhere it is taken to be 0.
    """
    try:
        waited_ns = int(_SCHEDSTAT.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        waited_ns = 0
    return np.array([_now_ns() / 1e9, time.process_time(), waited_ns / 1e9])
