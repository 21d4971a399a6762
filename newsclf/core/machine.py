"""What this machine gives this process."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores that this process may run on, which in a container can be fewer than the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
