"""Device and precision of torch, chosen by measuring a training step where there is a choice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import inf

import torch

from newsclf.common.errors import ConfigError
from newsclf.common.machine import Device, Precision
from newsclf.common.settings import TrainSettings

_STEPS = 3
_GAIN = 1.2
"""A less exact precision has to be faster by this factor, so that noise doesn't choose it."""


@dataclass(frozen=True, slots=True)
class Compute:
    """Where and in which number format a model is trained."""

    device: Device
    precision: Precision

    def autocast(self) -> AbstractContextManager[object]:
        """Context in which matrix products have this precision.

        bfloat16 has float32's range, so no loss has to be scaled.
        """
        if self.precision == "bfloat16":
            return torch.autocast(self.device, dtype=torch.bfloat16)
        return nullcontext()


def candidates(settings: TrainSettings) -> list[Compute]:
    """What the settings allow and this machine has: GPUs first, float32 before bfloat16.

    Raises:
        ConfigError: this machine, or this build of torch, has no such device.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    devices: list[Device] = [*(name for name in ("cuda", "mps") if here[name]), "cpu"]
    if settings.device != "auto":
        if settings.device not in devices:
            raise ConfigError(
                f"device '{settings.device}' is not available to torch {torch.__version__}",
                hint="--device auto, or install a build of torch for this device",
            )
        devices = [settings.device]
    precisions: list[Precision] = ["float32", "bfloat16"]
    if settings.precision != "auto":
        precisions = [settings.precision]
    return [Compute(*pair) for pair in itertools.product(devices, precisions)]


def fastest(
    choices: list[Compute],
    step: Callable[[Compute], object],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Compute:
    """The candidate whose training steps take the least time; the first if there is one only.

    Args:
        choices: What may be chosen, at least one; `step` isn't called for a single one.
        step: Do one training step; the first on each candidate, which sets it up, isn't counted. A
            candidate that lacks something, such as memory or an operator, is left out by a
            RuntimeError.
        clock: Tells the time in seconds.

    Raises:
        RuntimeError: no candidate can do a step.
    """
    if len(choices) == 1:
        return choices[0]
    times_s: dict[Compute, float] = {}
    failure: RuntimeError | None = None
    for choice in choices:
        try:
            step(choice)
            limit_s = 2 * min(times_s.values(), default=inf)
            times_s[choice] = _step_s(step, choice, limit_s, clock)
        except RuntimeError as error:
            failure = error
    if failure is not None and not times_s:
        raise failure
    return min(
        times_s,
        key=lambda choice: times_s[choice] * (_GAIN if choice.precision == "bfloat16" else 1),
    )


def _step_s(
    step: Callable[[Compute], object], choice: Compute, limit_s: float, clock: Callable[[], float]
) -> float:
    """Seconds of the shortest of a few steps, which end with the first one over the limit."""
    shortest_s = inf
    for _ in range(_STEPS):
        started = clock()
        step(choice)
        shortest_s = min(shortest_s, clock() - started)
        if shortest_s > limit_s:
            break
    return shortest_s
