"""The training of a student of a finished model, as `newsclf optimize --student` asks for it."""

from __future__ import annotations

from pathlib import Path

from newsclf.common.errors import ConfigError
from newsclf.common.settings import Settings
from newsclf.data.sources import load_again
from newsclf.model.card import ModelCard, read_card
from newsclf.model.directory import ONNX_FILE, check_files
from newsclf.training.folder import TrainRequest

_OF_THE_ROWS = (
    "max_tokens",
    "label_smoothing",
    "agreement_smoothing",
    "extra_weight",
    "class_weights",
    "calibration",
)
"""Settings that say how rows are read and weighed; others are of the network that is trained."""


def student_request(
    settings: Settings,
    *,
    out: Path | None = None,
    base: str | None = None,
    source: str | None = None,
    seeds: int = 1,
    overwrite: bool = False,
) -> tuple[TrainRequest, ModelCard]:
    """The request of a student of the model at `settings.model`, and the card of that model.

    The student, of the size `settings.train.student`, has the data of the model, with the same
    parts. What its rows weigh is as in the model's card, unless a setting says otherwise. Without
    other names the model is its teacher, and lends it its layers.

    Args:
        out: The student's directory; by default the model's name with the size.
        base: The base whose layers it starts with, in place of the model.
        source: Present location of the training data, if it has moved.
        seeds: How many seeds.
        overwrite: Whether a model directory that is there may be replaced.

    Raises:
        ConfigError: the student would replace the model.
        DataError: the model's data are gone or have changed.
        ModelError: there is no model, or its files are not what its card says.
    """
    model, train = settings.model, settings.train
    folder, card = read_card(model)
    check_files(folder, card.files, [name for name in card.files if name != ONNX_FILE])
    out = out or Path(f"{model}-{train.student}")
    if out.resolve() in (model.resolve(), folder.resolve()):
        raise ConfigError(
            f"--out {out}: the student would replace the model that it is made of",
            hint="name another directory for the student with --out",
        )
    _, data = load_again(card.data.settings, digest=card.data.digest, source=source)
    of_the_model = {
        name: getattr(card.training, name)
        for name in _OF_THE_ROWS
        if name not in train.model_fields_set
    }
    chosen = {"base": base or str(folder), "revision": None}
    distil = settings.distil
    if distil.teacher is None:
        distil = distil.model_copy(update={"teacher": str(model)})
    update = {
        "model": out,
        "data": data,
        "train": train.model_copy(update=of_the_model | chosen),
        "distil": distil,
    }
    request = TrainRequest(
        settings=settings.model_copy(update=update),
        seeds=seeds,
        overwrite=overwrite,
        data_digest=card.data.digest,
    )
    return request, card
