"""A clock that jumps where the real one would wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.endpoint

from newsclf.deploy.aws.call.clock import Clock


def patch(setter: Callable[[Any, str, Any], object]) -> None:
    """Skip waits for AWS and boto3's pauses between attempts, but count them as elapsed time."""
    jumped_s = 0.0

    def sleep(_clock: Clock, pause_s: float) -> None:
        nonlocal jumped_s
        jumped_s += pause_s

    setter(Clock, "sleep", sleep)
    setter(Clock, "now_s", lambda _clock: time.monotonic() + jumped_s)
    setter(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
