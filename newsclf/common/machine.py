"""CPU and GPU resources of this process."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Device that torch computes on."""
Precision = Literal["auto", "float32", "bfloat16"]
"""Number format of torch's matrix products in training; weights are always float32."""
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def available_cores(cpu_max: Path = _CPU_MAX) -> int:
    """Cores that this process may use: those it may run on, or fewer by a container's quota.

    Args:
        cpu_max: File with the quota of its control group.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return min(cores, _cgroup_cores(cpu_max) or cores)


def cpu_name() -> str:
    """Processor name, from Linux or else from Python."""
    try:
        text = _CPU_INFO.read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _cgroup_cores(cpu_max: Path) -> int | None:
    """The quota of control group version 2, rounded up; None without one.

    Source: the Linux kernel's cgroup-v2 documentation, `cpu.max`: "quota period", or "max".
    """
    try:
        quota, period = cpu_max.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, -(-int(quota) // int(period)))
