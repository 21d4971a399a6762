"""Learning rates: by depth of the layer, and by step of the run."""

from __future__ import annotations

import re
from typing import Any

import torch
from transformers import PreTrainedModel

from newsclf.common.settings import TrainSettings

_NARROW_WIDTH = 512
_WIDE_RATE, _NARROW_RATE = 1e-4, 2e-4
_LAYER = re.compile(r"\blayers?\.(\d+)\.")


def rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Learning rate at a step, as a share of its peak: a linear rise, then a linear fall to 0."""
    warmup = int(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / max(1, steps - warmup)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to a share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def parameter_groups(
    model: PreTrainedModel, settings: TrainSettings, peak_rate: float
) -> list[dict[str, Any]]:
    """Parameters by depth and by whether they decay, each group with its `peak` rate.

    The rate falls by `layer_decay` from each layer to the one below it, since lower layers hold
    what is common to all texts (Howard & Ruder 2018); embeddings lie below layer 0, the head and
    the pooler above the last. Biases and layer norms, which have one dimension, do not decay.
    """
    layers = 1 + max(
        (int(found[1]) for name, _ in model.named_parameters() if (found := _LAYER.search(name))),
        default=-1,
    )
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        found = _LAYER.search(name)
        depth = int(found[1]) + 1 if found else 0 if "embeddings" in name else layers + 1
        decays = parameter.ndim > 1
        group = groups.setdefault(
            (depth, decays),
            {
                "params": [],
                "peak": peak_rate * settings.layer_decay ** max(0, layers - depth),
                "weight_decay": settings.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
    return list(groups.values())


def default_rate(model: PreTrainedModel) -> float:
    """The peak rate of a base by its width: narrow models take larger steps."""
    width = getattr(model.config, "hidden_size", _NARROW_WIDTH)
    return _NARROW_RATE if width < _NARROW_WIDTH else _WIDE_RATE
