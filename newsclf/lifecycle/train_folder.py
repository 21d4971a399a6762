"""What a training run is asked for, and the folder beside the model where it keeps its state.

    model.partial/request.json   what was asked for
    model.partial/seed-0…        checkpoints and finished seeds, of a run on this machine
    model.partial/job.json       the managed job, of a run on SageMaker

It goes when the model directory is finished, and when a run ends before its first epoch does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsclf.core.errors import ConfigError, ModelError
from newsclf.core.findings import first_finding
from newsclf.core.model_dir import CARD_FILE, SEEDS_FILE
from newsclf.core.settings import Settings

REQUEST_FILE = "request.json"
JOB_FILE = "job.json"
LOCK_FILE = ".lock"


class TrainRequest(BaseModel):
    """Everything that decides what a training run makes; kept so that it can be resumed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    seeds: int = Field(default=1, ge=1)
    """How many seeds, counted from `settings.train.seed`."""
    optimize: bool = True
    overwrite: bool = False
    """Whether a model directory that is there may be replaced."""
    data_digest: str | None = None
    """SHA-256 of the data, once it has been read."""


def work_folder(model: Path) -> Path:
    """Where a run keeps its checkpoints until the model directory is finished."""
    resolved = model.resolve()
    return resolved.with_name(f"{resolved.name}.partial")


def interrupted_request(
    model: Path, *, device: Literal["auto", "cpu", "cuda", "mps"] | None = None
) -> TrainRequest:
    """The request of a run that was interrupted.

    Args:
        model: The model directory that it was to make.
        device: Where to go on, if not where it began.

    Raises:
        ModelError: there is no such run.
    """
    path = work_folder(model) / REQUEST_FILE
    try:
        request = TrainRequest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(
            f"{work_folder(model)}: no interrupted run to resume",
            hint="newsclf train starts one; --out names another model directory",
        ) from None
    except ValidationError as error:
        raise ModelError(
            f"{path}: not a run of this version of newsclf ({first_finding(error)})",
            hint="start again with newsclf train --overwrite",
        ) from error
    # The folder may have been moved, or be named from elsewhere, since.
    train = request.settings.train
    if device is not None:
        train = train.model_copy(update={"device": device})
    settings = request.settings.model_copy(update={"model": model, "train": train})
    return request.model_copy(update={"settings": settings})


def check_target(request: TrainRequest, target: Path, work: Path, *, resume: bool) -> None:
    """Raise ConfigError if the model directory or an interrupted run is in the way."""
    if target.exists() and not request.overwrite:
        raise ConfigError(
            f"{request.settings.model} already exists",
            hint="add --overwrite to replace it, or name another with --out",
        )
    if target.exists() and not any((target / name).is_file() for name in (CARD_FILE, SEEDS_FILE)):
        raise ConfigError(
            f"{request.settings.model} is not a model directory, and will not be replaced",
            hint="name another with --out",
        )
    if not work.exists() or resume:
        return
    if not any((work / name).exists() for name in (REQUEST_FILE, LOCK_FILE)):
        raise ConfigError(
            f"{work} is not newsclf's, and will not be replaced",
            hint="move it, or name another model directory with --out",
        )
    if (work / JOB_FILE).exists():
        raise ConfigError(
            f"{work} holds the record of a training job on SageMaker",
            hint=f"newsclf train --resume --out {request.settings.model} waits for it; Ctrl-C"
            " there stops it and removes all of it",
        )
    if not request.overwrite and has_progress(work):
        raise ConfigError(
            f"{work} holds an interrupted run",
            hint=f"newsclf train --resume --out {request.settings.model}, or drop it with"
            " --overwrite",
        )


def has_progress(work: Path) -> bool:
    """Whether a run has left anything there to go on from: a finished seed or epoch, or a job."""
    patterns = (JOB_FILE, f"seed-*/{CARD_FILE}", "seed-*.checkpoint/last.pt")
    return any(next(work.glob(pattern), None) is not None for pattern in patterns)


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Make the folder, and have it for oneself.

    Raises:
        ConfigError: another training is under way there.
    """
    from filelock import FileLock, Timeout

    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / LOCK_FILE, timeout=0):
            yield
    except Timeout:
        raise ConfigError(
            f"{work}: another training is under way there",
            hint="wait for it, or name another model directory with --out",
        ) from None


def empty(work: Path) -> None:
    """Delete what an earlier run has left there."""
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()
