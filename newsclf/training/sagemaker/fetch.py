"""Unpack the model of a training job, and check that it is the requested one."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Final

from newsclf.common import tar
from newsclf.common.errors import ModelError, reason_of
from newsclf.common.settings import TrainSettings
from newsclf.model.card import read_card
from newsclf.model.directory import CARD_FILE, SEEDS_FILE, check_files, find_seeds
from newsclf.training.folder import TrainRequest

MOST_BYTES: Final = 20 * 1024**3
"""Largest archive, packed or unpacked; ten seeds of a large encoder are smaller."""
_GENERATED: Final = {CARD_FILE, "README.md", "training.svg"}
"""Files that the card does not list, since they are made from it."""
_AGAIN: Final = "newsclf train --resume fetches it again"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack `model.tar.gz` into a new folder.

    Raises:
        ModelError: it is damaged, or holds something other than files and folders.
    """
    folder.mkdir()
    try:
        for packed, info in tar.members(archive, limit_bytes=MOST_BYTES):
            if not (info.isfile() or info.isdir()):
                raise ModelError(f"{archive}: {info.name} is not a plain file")
            # Neither modes nor owners, and nothing outside of the folder.
            packed.extract(info, folder, filter="data")
    except tarfile.FilterError as error:
        raise ModelError(f"{archive}: {error}") from error
    except tar.DAMAGED as error:
        raise ModelError(
            f"{archive}: it can't be read through ({reason_of(error)})", hint=_AGAIN
        ) from error


def _as_chosen(settings: TrainSettings, training: TrainSettings) -> TrainSettings:
    """The requested settings with the seed, and the device and precision that the job chose."""
    left_open = [name for name in ("device", "precision") if getattr(settings, name) == "auto"]
    chosen = ["seed", *left_open]
    return settings.model_copy(update={name: getattr(training, name) for name in chosen})


def check_model(folder: Path, request: TrainRequest) -> None:
    """Check that a model is the requested one, with the files that its cards list and no others.

    Raises:
        ModelError: it is not.
    """
    settings = request.settings.train
    wanted = range(settings.seed, settings.seed + request.seeds)
    seeds = find_seeds(folder)
    trained = []
    for path in seeds:
        _, card = read_card(path)
        check_files(path, card.files, card.files)
        if card.data.digest != request.data_digest or card.data.settings != request.settings.data:
            raise ModelError(f"{path}: it was trained on other data")
        if card.training != _as_chosen(settings, card.training):
            raise ModelError(f"{path}: it was trained with other settings")
        if (card.extra.digest if card.extra else None) != request.extra_digest:
            raise ModelError(f"{path}: it was not trained with the labelled file that was named")
        if (card.distillation is None) != (request.settings.distil.teacher is None):
            raise ModelError(f"{path}: it was not trained with the teacher that was asked for")
        trained.append(card.training.seed)
        others = {each.name for each in path.iterdir()} - set(card.files) - _GENERATED
        if others:
            raise ModelError(f"{path}: {min(others)} is not in its card")
    if sorted(trained) != list(wanted):
        raise ModelError(f"{folder}: it has the seeds {trained}, and not {list(wanted)}")
    expected = {SEEDS_FILE, *(path.name for path in seeds)}
    others = {each.name for each in folder.iterdir()} - expected
    if request.seeds > 1 and others:
        raise ModelError(f"{folder}: {min(others)} does not belong there")
