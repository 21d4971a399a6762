"""What an epoch ends with on disk, so that a run can be stopped and gone on with.

`last.pt` holds the state of training, `best.safetensors` the weights to keep. Each is written whole
or not at all.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch.optim.swa_utils import AveragedModel
from transformers import PreTrainedModel

from newsclf.core.files import replacing

BEST_FILE = "best.safetensors"
_STATE_FILE = "last.pt"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything that changes while training, apart from the number of the epoch."""

    model: PreTrainedModel
    averaged: AveragedModel
    optimizer: torch.optim.Optimizer


def save_state(folder: Path, state: TrainingState, history: list[dict[str, Any]]) -> None:
    """Write the state and the results of the epochs so far."""
    with replacing(folder / _STATE_FILE) as file:
        torch.save(
            {
                "model": state.model.state_dict(),
                "averaged": state.averaged.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "history": history,
            },
            file,
        )


def load_state(folder: Path, state: TrainingState) -> list[dict[str, Any]]:
    """Bring the state to where a run ended; the results of its epochs, none for a new run."""
    if not (folder / _STATE_FILE).is_file():
        return []
    saved = torch.load(folder / _STATE_FILE, map_location="cpu", weights_only=True)
    state.model.load_state_dict(saved["model"])
    state.averaged.load_state_dict(saved["averaged"])
    state.optimizer.load_state_dict(saved["optimizer"])
    history: list[dict[str, Any]] = saved["history"]
    return history


def save_best(folder: Path, model: PreTrainedModel) -> None:
    """Write the weights to keep."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        partial = Path(scratch) / BEST_FILE
        save_model(model, str(partial))
        partial.replace(folder / BEST_FILE)


def load_best(folder: Path, model: PreTrainedModel) -> None:
    """Read the weights to keep."""
    load_model(model, str(folder / BEST_FILE))
