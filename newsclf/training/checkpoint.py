"""Checkpoint of a training run, written after each epoch, from which the run can be resumed.

`last.pt` holds the state of training, `best.safetensors` the weights to keep. Each is written
atomically.
"""

from __future__ import annotations

import pickle
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch.optim.swa_utils import AveragedModel
from transformers import PreTrainedModel

from newsclf.common.errors import ModelError
from newsclf.common.files import naming_full_disk, replacing, synced

BEST_FILE = "best.safetensors"
_STATE_FILE = "last.pt"
_UNUSABLE = (
    *(pickle.UnpicklingError, SafetensorError, OSError, EOFError, RuntimeError),
    *(ValueError, LookupError, TypeError, AttributeError),
)
"""Exceptions of torch and safetensors for files that are damaged or belong to another base."""


@dataclass(frozen=True, slots=True)
class EpochResult:
    """An epoch's training loss, and its averaged weights on the validation part."""

    epoch: int
    train_loss: float
    validation_loss: float
    accuracy: float
    macro_f1: float


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything that changes while training, apart from the number of the epoch."""

    model: PreTrainedModel
    averaged: AveragedModel | None
    """Moving average of the weights, if the settings ask for one."""
    optimizer: torch.optim.Optimizer


def save_state(folder: Path, state: TrainingState, history: Sequence[EpochResult]) -> None:
    """Write the state and the results of the epochs so far."""
    with naming_full_disk(folder), replacing(folder / _STATE_FILE) as file:
        torch.save(
            {
                "model": state.model.state_dict(),
                "averaged": state.averaged.state_dict() if state.averaged else None,
                "optimizer": state.optimizer.state_dict(),
                "history": [asdict(result) for result in history],
            },
            file,
        )


def load_state(folder: Path, state: TrainingState) -> list[EpochResult]:
    """Restore the state of an interrupted run.

    Args:
        folder: Folder with the run's checkpoint.
        state: The state to restore into.

    Returns:
        The results of its epochs; none for a new run.

    Raises:
        ModelError: the checkpoint is damaged, or that of another base.
    """
    path = folder / _STATE_FILE
    if not path.is_file():
        return []
    with _checkpoint_errors(path):
        saved = torch.load(path, map_location="cpu", weights_only=True)
        state.model.load_state_dict(saved["model"])
        if state.averaged is not None:
            state.averaged.load_state_dict(saved["averaged"])
        state.optimizer.load_state_dict(saved["optimizer"])
        return _results(saved["history"])
    raise AssertionError


@contextmanager
def _checkpoint_errors(path: Path) -> Iterator[None]:
    """Turn what reading a checkpoint raises into one error, without torch's advice.

    That is to load the file in a way that runs the code in it.

    Raises:
        ModelError: the checkpoint can't be used.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of foreign pickles
            yield
    except torch.OutOfMemoryError:
        raise
    except _UNUSABLE:
        raise ModelError(
            f"{path}: the checkpoint is damaged, or not that of this run",
            hint="start again with newsclf train --overwrite",
        ) from None


def _results(history: object) -> list[EpochResult]:
    """The results of epochs 1 to n in a checkpoint; ValueError for anything else."""
    results = TypeAdapter(list[EpochResult]).validate_python(history)
    if not results or [result.epoch for result in results] != [*range(1, len(results) + 1)]:
        raise ValueError("epochs are not counted from 1")
    return results


def save_best(folder: Path, model: PreTrainedModel) -> None:
    """Write the weights to keep."""
    with naming_full_disk(folder), tempfile.TemporaryDirectory(dir=folder) as scratch:
        partial = Path(scratch) / BEST_FILE
        save_model(model, str(partial))
        synced(partial).replace(folder / BEST_FILE)  # before the state that goes with it


def load_best(folder: Path, model: PreTrainedModel) -> None:
    """Read the weights to keep.

    Raises:
        ModelError: they are damaged, missing, or those of another base.
    """
    with _checkpoint_errors(folder / BEST_FILE):
        load_model(model, str(folder / BEST_FILE))
