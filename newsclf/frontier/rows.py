"""Models of a frontier, and the rows on which all of them are scored."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from newsclf.common.errors import ConfigError, DataError, ModelError
from newsclf.common.settings import DataSettings
from newsclf.data.examples import Example
from newsclf.data.sources import is_training_data, load_again
from newsclf.data.split import split
from newsclf.evaluation.rows import Model, Runtime, load_other
from newsclf.frontier.records import Part
from newsclf.model.directory import CARD_FILE, ONNX_FILE, SEEDS_FILE
from newsclf.training.seen_texts import SeenTexts, part_of, read_seen_texts

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Named:
    """A model and its name in the table."""

    name: str
    model: Model

    @property
    def runtime(self) -> Runtime:
        """What answers: the int8 file, or without one the float model."""
        return "int8" if self.servable else "float"

    @property
    def servable(self) -> bool:
        """Whether it has an int8 file, which the server runs."""
        return ONNX_FILE in self.model.card.files

    @property
    def digest(self) -> str:
        """The model's identity."""
        return self.model.card.digest


@dataclass(frozen=True)
class CommonRows:
    """Rows that no model was trained on."""

    data: str
    data_digest: str
    part: Part
    examples: Sequence[Example]
    left_out: int

    @property
    def truth(self) -> list[int]:
        """Index in LABELS of each row's class."""
        return [example.label_id for example in self.examples]

    @property
    def texts(self) -> list[str]:
        """The headlines."""
        return [example.text for example in self.examples]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the headlines, hexadecimal."""
        return hashlib.sha256(json.dumps(self.texts).encode()).hexdigest()


def find_models(paths: Sequence[Path]) -> list[Named]:
    """Open models, and those in folders of models; one that is named twice counts once.

    A folder of several seeds is one model: the one that was best on validation rows.

    Raises:
        ModelError: A path is neither a model nor a folder of models, or a model has no int8 file.
    """
    found = [path for given in paths for path in _models_at(given)]
    models: dict[str, Named] = {}
    for path in found:
        model = Model.open(path)
        # Two folders may hold models of one name, such as both/seed-0 and own/seed-0.
        alike = [other for other in found if other.resolve().name == model.name]
        name = model.name if len({each.resolve() for each in alike}) == 1 else str(path)
        models.setdefault(model.card.digest, Named(name, model))
    return list(models.values())


def _models_at(path: Path) -> list[Path]:
    if _is_model(path):
        if ONNX_FILE not in Model.open(path).card.files:
            raise ModelError(
                f"{path}: it has no {ONNX_FILE}, which the server runs",
                hint=f"newsclf optimize --model {path} makes it; or name it with --teacher",
            )
        return [path]
    inside = sorted(each for each in path.iterdir() if _is_model(each)) if path.is_dir() else []
    kept = [each for each in inside if ONNX_FILE in Model.open(each).card.files]
    for each in inside:
        if each not in kept:
            logger.warning("%s is left out: it has no %s", each, ONNX_FILE)
    if not kept:
        raise ModelError(
            f"{path}: neither a model directory nor a folder with models that have {ONNX_FILE}",
            hint="newsclf train makes one",
        )
    return kept


def _is_model(path: Path) -> bool:
    return (path / CARD_FILE).is_file() or (path / SEEDS_FILE).is_file()


def common_rows(
    teacher: Named,
    models: Sequence[Named],
    part: Literal["validation", "test"] | None,
    data: DataSettings | None,
) -> CommonRows:
    """The rows on which all models are scored.

    Of the teacher's own data these are the rows of a part that no other model was trained on; test
    rows on which another was validated are left out too. Of other data they are all rows that no
    model was trained or validated on.

    Args:
        teacher: The model that the others are compared with.
        models: The others.
        part: A part of the teacher's data, by default `validation`; of other data all are taken.
        data: Other data, or the place where the teacher's data is now.

    Raises:
        ConfigError: A part is named, and `data` is other data.
        DataError: The data can't be used, or no row is left.
    """
    card = teacher.model.card
    seen = [read_seen_texts(each.model.folder) for each in (teacher, *models)]
    if data is not None:
        other = load_other(data, card)
        of_training = {"digest": card.data.digest, "source": data.source}
        if not is_training_data(other, card.data.settings, **of_training):
            if part is not None:
                raise ConfigError(
                    f"--part {part}: {data.source} is not the data that {teacher.name} was trained"
                    " on, and has no such part",
                    hint="leave out --part, or --data",
                )
            rows: Sequence[Example] = other.of_all_parts
            new = [row for row in rows if all(part_of(texts, row.text) is None for texts in seen)]
            return _checked(CommonRows(other.name, other.digest, "all", new, len(rows) - len(new)))
    part = part or "validation"
    labelled, settings = load_again(
        card.data.settings, digest=card.data.digest, source=data.source if data else None
    )
    parts = split(labelled, settings)
    rows = parts.validation if part == "validation" else parts.test
    kept = [each for each in rows if not _is_known(each, seen, part)]
    name, digest = labelled.name, labelled.digest
    return _checked(CommonRows(name, digest, part, kept, len(rows) - len(kept)))


def _is_known(example: Example, seen: Sequence[SeenTexts], part: Part) -> bool:
    """Whether a model has learnt an example, or of a test row also whether one was chosen on it."""
    known = {part_of(texts, example.text) for texts in seen}
    return "training" in known or (part == "test" and "validation" in known)


def _checked(rows: CommonRows) -> CommonRows:
    if not rows.examples:
        raise DataError(
            f"{rows.data}: every row of its {rows.part} part was trained on by one of the models",
            hint="name other data with --data, or compare models that were trained on the same",
        )
    return rows
