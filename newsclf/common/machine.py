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
_INSTRUCTION_SETS = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve"),
)
"""Names in Linux's list of those that decide how fast matrix products are: x86-64, then Arm."""
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
    return _cpu_info("model name", _CPU_INFO) or platform.processor() or platform.machine()


def instruction_sets(cpu_info: Path = _CPU_INFO) -> list[str]:
    """The processor's instruction sets that decide the speed of a model; empty if not known.

    Args:
        cpu_info: Linux's description of the processors.
    """
    known = (_cpu_info("flags", cpu_info) or _cpu_info("Features", cpu_info)).split()
    return [name for name in _INSTRUCTION_SETS if name in known]


def _cpu_info(field: str, path: Path) -> str:
    """A field of the first processor; empty without one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == field), "")


def _cgroup_cores(cpu_max: Path) -> int | None:
    """The quota of control group version 2, rounded up; None without one.

    Source: the Linux kernel's cgroup-v2 documentation, `cpu.max`: "quota period", or "max".
    """
    try:
        quota, period = cpu_max.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, -(-int(quota) // int(period)))
