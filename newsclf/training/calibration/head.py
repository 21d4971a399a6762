"""Fold temperature and biases into the last layer of a classifier."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from newsclf.common.errors import ModelError
from newsclf.contract.labels import LABELS
from newsclf.training.calibration.fitting import Correction
from newsclf.training.classifier import logits_of

_PROBE = ["Sales rose in the third quarter"]


def head_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> nn.Linear:
    """The linear layer whose output is a model's logits, whatever its architecture calls it.

    Raises:
        ModelError: there is no such layer, or it has no bias.
    """
    outputs: dict[nn.Linear, torch.Tensor] = {}

    def note(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        if isinstance(layer, nn.Linear):
            outputs[layer] = output.float().cpu()

    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, nn.Linear) and layer.out_features == len(LABELS)
    ]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        logits = logits_of(model, tokenizer, _PROBE)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, output in outputs.items():
        if layer.bias is not None and torch.equal(output, logits):
            return layer
    raise ModelError(
        "its logits are not the output of a linear layer with a bias, so calibration can't be"
        " folded in",
        hint='choose another base, or train without: calibration = "none" in the section [train]',
    )


@torch.no_grad()
def fold(layer: nn.Linear, correction: Correction) -> None:
    """Change a layer so that its outputs are the calibrated logits."""
    layer.weight.div_(correction.temperature)
    layer.bias.div_(correction.temperature).add_(
        torch.tensor(correction.biases, dtype=layer.bias.dtype, device=layer.bias.device)
    )
