"""The teacher of a training run: a model directory, or a base that is trained first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from newsclf.common.errors import ConfigError, InterruptedRunError
from newsclf.common.files import file_digest
from newsclf.common.settings import LabelledSettings, TrainSettings
from newsclf.model.card import CardExtra, read_card
from newsclf.model.directory import CARD_FILE, SEEDS_FILE
from newsclf.training.base import resolve_base
from newsclf.training.folder import (
    TrainRequest,
    has_progress,
    interrupted_request,
    work_folder,
)

_EPOCHS = 4
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
        DataError, DownloadError, ModelError: the teacher can't be trained.
        InterruptedRunError: Ctrl-C while it was trained.
    """
    name = str(request.settings.distil.teacher)
    if any((Path(name) / file).is_file() for file in (CARD_FILE, SEEDS_FILE)):
        if Path(name).resolve() == request.settings.model.resolve():
            raise ConfigError(
                f"--teacher {name}: the student would replace its teacher",
                hint="name another directory for the student with --out",
            )
        return Path(name)
    try:
        base = resolve_base(name)
    except ConfigError as error:
        raise ConfigError(
            f"--teacher {name}: neither a model directory nor a base model",
            hint="name a model directory that newsclf train wrote, a Hub id, a folder with"
            " config.json and weights, or minilm",
        ) from error
    wanted = teacher_request(request)
    folder = wanted.settings.model
    if folder.exists() and not request.overwrite:
        _, card = read_card(folder)
        same = (
            card.base.name == base.name
            and card.data.digest == data_digest
            and _same_extra(card.extra, request.settings.labelled)
        )
        if same and _recipe(card.training) == _recipe(wanted.settings.train):
            return folder
        raise ConfigError(
            f"{folder} is a teacher with other data or settings",
            hint=f"--teacher {folder} takes it as it is, --overwrite trains it again",
        )
    resumed = has_progress(work_folder(folder)) and _continues(interrupted_request(folder), wanted)
    try:
        train(wanted, resume=resumed)
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"{error.message} (the teacher)", hint="the same command continues there"
        ) from None
    return folder


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
        update={"settings": settings.model_copy(update=update), "seeds": 1, "optimize": False}
    )


def _same_extra(found: CardExtra | None, wanted: LabelledSettings) -> bool:
    """Whether a teacher has learnt from the labelled file that the student gets."""
    if found is None or wanted.file is None:
        return found is None and wanted.file is None
    return (found.digest, found.weight) == (file_digest(Path(wanted.file)), wanted.weight)


def _continues(interrupted: TrainRequest, wanted: TrainRequest) -> bool:
    one, other = interrupted.settings, wanted.settings
    return _recipe(one.train) == _recipe(other.train) and one.labelled == other.labelled


def _recipe(settings: TrainSettings) -> dict[str, object]:
    return settings.model_dump(exclude=_ON_THIS_MACHINE | {"base"})
