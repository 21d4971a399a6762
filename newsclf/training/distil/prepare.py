"""The teacher of a training run: a model directory, or a base that is trained first."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from newsclf.common.errors import (
    ConfigError,
    DataError,
    DownloadError,
    InterruptedRunError,
    ModelError,
)
from newsclf.common.files import file_digest
from newsclf.common.settings import DataSettings, LabelledSettings, TrainSettings
from newsclf.model.card import CardExtra
from newsclf.model.directory import CARD_FILE, SEEDS_FILE
from newsclf.training.base import Base, resolve_base
from newsclf.training.distil.teacher import open_teacher
from newsclf.training.folder import (
    TrainRequest,
    has_progress,
    interrupted_request,
    work_folder,
)
from newsclf.training.seen_texts import SEEN_FILE

_EPOCHS = 4
_TAKES = (
    "name a model directory that newsclf train wrote, a Hub id, a folder with config.json and"
    " weights, or minilm"
)
_ON_THIS_MACHINE = {"device", "precision", "threads"}


def teacher_folder(request: TrainRequest, data_digest: str, train: Callable[..., object]) -> Path:
    """The model directory of a request's teacher, which is trained first if a base is named.

    It is written beside the student as `MODEL-teacher`, and found there by a later run with the
    same data and settings. An interrupted one is resumed.

    Args:
        request: Request of the student.
        data_digest: Digest of the data.
        train: Run a training request, or with `resume=True` resume it.

    Raises:
        ConfigError: the teacher is neither a model directory nor a base, or would be replaced by
            its student, or `MODEL-teacher` is another teacher.
        DataError, DownloadError, ModelError: the teacher can't be used, or trained.
        InterruptedRunError: Ctrl-C while it was trained.
    """
    name = str(request.settings.distil.teacher)
    if is_model(Path(name)):
        if Path(name).resolve().is_relative_to(request.settings.model.resolve()):
            raise ConfigError(
                f"--teacher {name}: the student would replace its teacher",
                hint="name another directory for the student with --out",
            )
        return Path(name)
    if (Path(name) / SEEN_FILE).is_file():  # else it would be taken for a base
        raise ModelError(
            f"--teacher {name}: a model directory that has lost its {CARD_FILE}",
            hint="copy the directory again, or newsclf train",
        )
    try:
        base = resolve_base(name)
    except ConfigError as error:
        raise ConfigError(
            f"--teacher {name}: neither a model directory nor a base model", hint=_TAKES
        ) from error
    except DownloadError as error:
        raise DownloadError(
            f"--teacher {name}: no such model directory, and {error.message}", hint=_TAKES
        ) from error
    wanted = teacher_request(request)
    folder = wanted.settings.model
    if folder.exists():
        problem = _problem_of(folder, wanted, base, data_digest)
        if problem is None:
            return folder
        if not request.overwrite:
            raise ConfigError(problem, hint=_hint_for(folder))
    try:
        _continue_or_start(wanted, data_digest, train)
    except InterruptedRunError as error:
        kept = has_progress(work_folder(folder))
        raise InterruptedRunError(
            f"the teacher: {error.message}",
            hint=f"the same command {'continues there' if kept else 'starts again'}",
        ) from None
    return folder


def _continue_or_start(
    wanted: TrainRequest, data_digest: str, train: Callable[..., object]
) -> None:
    """Train a teacher, from the last epoch of an interrupted run if that is the same training."""
    try:
        started = _interrupted(wanted, data_digest)
        if started is not None:
            train(started, resume=True)
            return
    except (DataError, ModelError):  # what is there is damaged, or of another labelled file
        if not wanted.overwrite:
            raise
    train(wanted, resume=False)


def is_model(path: Path) -> bool:
    """Whether a path is that of a trained model, or of several seeds."""
    return any((path / file).is_file() for file in (CARD_FILE, SEEDS_FILE))


def teacher_request(request: TrainRequest) -> TrainRequest:
    """Request of the training of a student's teacher, from its base.

    A large base needs neither the second look at each headline nor as many epochs; decision 0073
    has the measurement.
    """
    settings = request.settings
    train = settings.train.model_copy(
        update={
            "base": settings.distil.teacher,
            "revision": None,
            "student": None,
            "learning_rate": None,
            "epochs": min(_EPOCHS, settings.train.epochs),
            "adversarial_step": 0.0,
        }
    )
    model = settings.model.with_name(f"{settings.model.name}-teacher")
    distil = settings.distil.model_copy(update={"teacher": None, "unlabelled": None})
    update = {"model": model, "train": train, "distil": distil}
    return request.model_copy(
        update={
            "settings": settings.model_copy(update=update),
            "seeds": 1,
            "optimize": False,
            "base_revision": None,  # the request's is that of the student's base
        }
    )


def _problem_of(folder: Path, wanted: TrainRequest, base: Base, data_digest: str) -> str | None:
    """Why a directory is not the teacher that a request would train; None if it is."""
    try:
        (_, card), *_ = open_teacher(folder).models
    except ModelError as error:
        return f"{folder}: not a usable teacher ({error.message})"
    same = (
        card.base.name == base.name
        and card.data.digest == data_digest
        and _reading(card.data.settings) == _reading(wanted.settings.data)
        and _same_extra(card.extra, wanted.settings.labelled)
        and _recipe(card.training) == _recipe(wanted.settings.train)
    )
    return None if same else f"{folder} is a teacher with other data or settings"


def _hint_for(folder: Path) -> str:
    return (
        f"--overwrite trains it again; --teacher {shlex.quote(str(folder))} takes one with other"
        " settings as it is"
    )


def _same_extra(found: CardExtra | None, wanted: LabelledSettings) -> bool:
    """Whether a teacher has learnt from the labelled file that the student gets."""
    if found is None or wanted.file is None:
        return found is None and wanted.file is None
    return (found.digest, found.weight) == (file_digest(Path(wanted.file)), wanted.weight)


def _interrupted(wanted: TrainRequest, data_digest: str) -> TrainRequest | None:
    """The request of the interrupted training of a teacher; None without one like `wanted`.

    It says on which device and in which precision the run began.
    """
    folder = wanted.settings.model
    if not has_progress(work_folder(folder)):
        return None
    found = interrupted_request(folder)
    one, other = found.settings, wanted.settings
    same = (
        found.data_digest == data_digest
        and _reading(one.data) == _reading(other.data)
        and one.labelled == other.labelled
        and one.train.base == other.train.base
        and _recipe(one.train) == _recipe(other.train)
    )
    return found.model_copy(update={"overwrite": wanted.overwrite}) if same else None


def _reading(settings: DataSettings) -> dict[str, object]:
    """Settings of the data except for their places; a digest says what is there."""
    return settings.model_dump(exclude={"source", "validation", "test"})


def _recipe(settings: TrainSettings) -> dict[str, object]:
    return settings.model_dump(exclude=_ON_THIS_MACHINE | {"base"})
