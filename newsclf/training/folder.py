"""Request of a training run, and the folder beside the model where the run keeps its state.

    model.partial/request.json   the training request
    model.partial/seed-0…        checkpoints and finished seeds, of a run on this machine
    model.partial/job.json       the training job, of a run on SageMaker

It is deleted when the model directory is finished, and when a run ends before its first epoch.
The folder may come from an untrusted archive, so no link in it is followed, and only files that a
training writes are deleted.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pydantic import Field

from newsclf.common.errors import ConfigError, ModelError
from newsclf.common.files import is_partial_of
from newsclf.common.machine import Device, Precision
from newsclf.common.ownership import ownership_problem
from newsclf.common.records import StrictRecord, find_record
from newsclf.common.settings import Settings
from newsclf.model.directory import CARD_FILE, SEEDS_FILE

REQUEST_FILE = "request.json"
JOB_FILE = "job.json"
LOCK_FILE = ".lock"
FETCHED, FETCHED_NEW, ARCHIVE = "fetched", "fetched.new", "model.tar.gz"
"""Model of a training job: unpacked and checked, unpacked, and packed."""
REHEARSAL = "rehearsal-"
"""Begins the name of the folder in which a base is tried."""

_FILES = (REQUEST_FILE, JOB_FILE, LOCK_FILE, SEEDS_FILE, ARCHIVE)
_FOLDERS = re.compile(
    rf"seed-\d+(\.new|\.checkpoint)?|{FETCHED}(\.new)?"
    r"|\.seed-\d+-[a-z0-9_]{8}"  # while `replace_directory` works there
    rf"|{REHEARSAL}[a-z0-9_]{{8}}"  # as tempfile names it
)
_MODE = 0o755
"""Mode of the folder, before the umask: only the owner may write."""


class TrainRequest(StrictRecord):
    """Everything that determines the result of a training run; stored so that it can be resumed."""

    settings: Settings
    seeds: int = Field(default=1, ge=1)
    """How many seeds, counted from `settings.train.seed`."""
    optimize: bool = True
    overwrite: bool = False
    """Whether a model directory that is there may be replaced."""
    base_revision: str | None = None
    """Revision of the base, once it has been found."""
    data_digest: str | None = None
    """SHA-256 of the data, once it has been read."""
    extra_digest: str | None = None
    """SHA-256 of the labelled file that is trained on beside the data, once it has been read."""
    lesson_digest: str | None = None
    """Identity of the teacher and the unlabelled texts, once the teacher has answered."""

    def computed_on(self, device: Device, precision: Precision | None = None) -> Self:
        """The same request for a device, and a precision if that changes."""
        train = self.settings.train
        update = {"device": device, "precision": precision or train.precision}
        settings = self.settings.model_copy(update={"train": train.model_copy(update=update)})
        return self.model_copy(update={"settings": settings})


def work_folder(model: Path) -> Path:
    """Folder of a run's checkpoints until the model directory is finished."""
    resolved = model.resolve()
    return resolved.with_name(f"{resolved.name}.partial")


def interrupted_request(model: Path, *, device: Device | None = None) -> TrainRequest:
    """The request of a run that was interrupted.

    Args:
        model: The model directory that it was to make.
        device: Where to resume, if not on the device of the interrupted run.

    Raises:
        ModelError: there is no such run.
        ConfigError: its folder is a link, or somebody else's.
    """
    path = work_folder(model) / REQUEST_FILE
    _check_ownership(path.parent)
    request = find_record(
        path,
        TrainRequest.model_validate_json,
        error=ModelError,
        hint="start again with newsclf train --overwrite, or name another model directory with"
        " --out",
    )
    if request is None:
        raise ModelError(
            f"{work_folder(model)}: no interrupted run to resume",
            hint="newsclf train starts one; --out names another model directory",
        )
    # The folder may have been moved, or be named from elsewhere, since.
    settings = request.settings.model_copy(update={"model": model})
    request = request.model_copy(update={"settings": settings})
    return request.computed_on(device) if device is not None else request


def check_target(request: TrainRequest, target: Path, work: Path, *, resume: bool) -> None:
    """Raise ConfigError if the model directory or an interrupted run is in the way."""
    model = request.settings.model
    other = "move it, and resume again" if resume else "name another with --out"
    if target.exists():
        if not any((target / name).is_file() for name in (CARD_FILE, SEEDS_FILE)):
            raise ConfigError(
                f"{model} is not a model directory, and will not be replaced",
                hint=other,
            )
        if not request.overwrite:
            raise ConfigError(
                f"{model} already exists",
                hint=f"add --overwrite to replace it, or {other}",
            )
        _check_ownership(model, shared=True)  # a group may work on the model
    _check_ownership(work)
    if not work.exists():
        return
    _check_only_expected(work)
    if resume:
        return
    if (work / JOB_FILE).exists():
        raise ConfigError(
            f"{work} holds the record of a training job on SageMaker",
            hint=f"newsclf train --resume --out {model} waits for it; Ctrl-C there stops it and"
            " deletes its resources",
        )
    if not request.overwrite and has_progress(work):
        if _is_locked(work):
            raise _running(work)
        raise ConfigError(
            f"{work} holds an interrupted run",
            hint=f"newsclf train --resume --out {model}, or discard it with --overwrite",
        )


def _check_ownership(folder: Path, *, shared: bool = False) -> None:
    """Raise ConfigError if a folder is a link or another user's, or others can write to it.

    Args:
        shared: Whether other users may write to it.
    """
    problem = ownership_problem(folder, folder=True)
    if problem is None or (shared and problem.kind == "mode"):
        return
    raise ConfigError(
        f"{folder} {problem.words}, and will not be used or replaced",
        hint=f"if you trust its contents: chmod -R go-w {folder}"
        if problem.kind == "mode"
        else "move it, or name another model directory with --out",
    )


def _check_only_expected(work: Path) -> None:
    """Raise ConfigError if the folder holds a link or a file that no training writes."""
    if foreign := [path.name for path in sorted(work.iterdir()) if not _is_expected(path)]:
        named = ", ".join(foreign[:5]) + (" …" if len(foreign) > 5 else "")  # noqa: PLR2004
        raise ConfigError(
            f"{work} holds files that newsclf train did not write: {named}",
            hint="move them, or name another model directory with --out",
        )


def _is_expected(path: Path) -> bool:
    """Whether a training writes a file or folder of this name; a training writes no links."""
    if path.is_symlink():
        return False
    if path.is_dir():
        return _FOLDERS.fullmatch(path.name) is not None
    return path.name in _FILES or any(is_partial_of(path, name) for name in _FILES)


def has_progress(work: Path) -> bool:
    """Whether a run can be resumed: from a finished seed or epoch, or a job."""
    patterns = (JOB_FILE, f"seed-*/{CARD_FILE}", "seed-*.checkpoint/last.pt")
    return any(next(work.glob(pattern), None) is not None for pattern in patterns)


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Make the folder, and hold its lock.

    Raises:
        ConfigError: another training is running there, or the folder is not the user's own.
    """
    from filelock import FileLock, Timeout

    work.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        work.mkdir(mode=_MODE)
    _check_ownership(work)
    try:
        with FileLock(work / LOCK_FILE, timeout=0):
            _check_only_expected(work)
            yield
    except Timeout:
        raise _running(work) from None


def _is_locked(work: Path) -> bool:
    from filelock import FileLock, Timeout

    if not (work / LOCK_FILE).is_file():  # which FileLock would make
        return False
    try:
        with FileLock(work / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True


def _running(work: Path) -> ConfigError:
    return ConfigError(
        f"{work}: another training is running there",
        hint="wait for it, or name another model directory with --out",
    )


def empty(work: Path) -> None:
    """Delete the files of an earlier run, except the lock, and no others."""
    for path in work.iterdir():
        if path.name == LOCK_FILE or not _is_expected(path):
            continue
        if path.is_dir():
            shutil.rmtree(path)  # which follows no link
        else:
            path.unlink()


def remove(work: Path) -> None:
    """Delete the files of a run, and the folder unless it holds other files."""
    if ownership_problem(work, folder=True) is not None:
        return
    with suppress(OSError):
        empty(work)
        (work / LOCK_FILE).unlink(missing_ok=True)
        work.rmdir()
