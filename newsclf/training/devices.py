"""Device and precision of torch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from newsclf.common.errors import ConfigError


def pick_device(wanted: str) -> torch.device:
    """The device to train on; `auto` takes CUDA, else MPS, else the CPU.

    Raises:
        ConfigError: this machine, or this build of torch, has no such device.
    """
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    available = [*(name for name, is_here in here.items() if is_here), "cpu"]
    if wanted == "auto":
        wanted = available[0]
    if wanted not in available:
        raise ConfigError(
            f"device '{wanted}' is not available to torch {torch.__version__}",
            hint="--device auto, or install a build of torch for this device",
        )
    return torch.device(wanted)


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bf16 on CUDA, which needs no loss scaling; float32 elsewhere, where bf16 is no faster."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()
