"""Models under evaluation, and the rows that each may be scored on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from newsclf.common.errors import (
    ConfigError,
    DataError,
    MissingColumnError,
    ModelError,
    require_extra,
)
from newsclf.common.machine import available_cores
from newsclf.common.settings import DataSettings
from newsclf.contract.answers import Prediction
from newsclf.data import headlines, phrasebank
from newsclf.data.examples import Example, LabelledData, Split
from newsclf.data.sources import is_training_data, load_again, load_data
from newsclf.data.split import split
from newsclf.evaluation.records import SeenRows
from newsclf.model.card import ModelCard, read_card, with_known_columns
from newsclf.model.directory import ENGINE_FILES, ONNX_FILE, check_files
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.training.seen_texts import part_of, read_seen_texts, without_seen

Classify = Callable[[Sequence[str]], list[Prediction]]
Runtime = Literal["int8", "float"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model directory and its card."""

    path: Path
    """As the user named it."""
    folder: Path
    card: ModelCard

    @classmethod
    def open(cls, path: Path) -> Model:
        """Find a model and read its card; ModelError if it can't be used."""
        return cls(path, *read_card(path))

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.path.resolve().name

    def weights(self, runtime: Runtime) -> Path:
        """The file that a runtime loads."""
        return self.folder / (ONNX_FILE if runtime == "int8" else "model.safetensors")

    def classifier(self, runtime: Runtime) -> Classify:
        """A function that classifies headlines; ModelError if the runtime's files are missing."""
        files = self.card.files
        if runtime == "int8":
            if not self.weights(runtime).is_file():
                why = f": {self.card.int8_rejected}" if self.card.int8_rejected else ""
                raise ModelError(
                    f"{self.folder}: it has no {ONNX_FILE}{why}",
                    hint="--float evaluates the float model; newsclf optimize --model"
                    f" {self.folder} makes {ONNX_FILE}",
                )
            check_files(self.folder, files, ENGINE_FILES)
            return Engine(self.folder, threads=available_cores()).classify
        require_extra("torch", "transformers", extra="train", purpose="running the float model")
        check_files(self.folder, files, [name for name in files if name != ONNX_FILE])
        from newsclf.training.classifier import classify_float, load_trained

        model, tokenizer = load_trained(self.folder)
        return lambda texts: classify_float(model, tokenizer, texts)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a model is evaluated on."""

    labelled: LabelledData
    examples: Sequence[Example]
    part: Literal["test", "all"]
    stem: str
    """Name of the data's file, without its ending."""
    seen: SeenRows | None = None
    at_levels: Sequence[Example] = ()
    """PhraseBank's held-out rows of all agreement levels, if there are some below the level of the
    training data that the model has not seen."""

    @property
    def truth(self) -> list[int]:
        """Index in LABELS of each row's class."""
        return [example.label_id for example in self.examples]

    @property
    def texts(self) -> list[str]:
        """The headlines."""
        return [example.text for example in self.examples]


def choose_rows(
    model: Model, data: DataSettings | None, *, compare: Model | None, include_seen: bool
) -> Rows:
    """The held-out part of the training data; of other data, the rows that no model has seen.

    Args:
        model: The model to evaluate.
        data: Other data, or where the training data is now.
        compare: A second model that is scored on the same rows.
        include_seen: Keep the rows of other data that a model was trained or validated on.

    Raises:
        ConfigError: the model to compare with was trained on some of the held-out rows.
        DataError: the data can't be used, or a model has seen all of its rows.
    """
    known = model.card.data
    if data is not None:
        labelled = load_other(data, model.card)
        if not is_training_data(labelled, known.settings, digest=known.digest, source=data.source):
            stem = Path(data.source).stem
            return _other_rows(model, labelled, stem, compare=compare, include_seen=include_seen)
    labelled, settings = load_again(
        known.settings, digest=known.digest, source=data.source if data else None
    )
    parts = split(labelled, settings)
    if compare is not None:
        _check_not_seen(compare, parts.test)
    at_levels = _at_levels(model, labelled, parts)
    return Rows(labelled, parts.test, "test", Path(settings.source).stem, at_levels=at_levels)


def _at_levels(model: Model, labelled: LabelledData, parts: Split) -> list[Example]:
    """PhraseBank's held-out rows of all levels; empty if none is below that of the training."""
    if not labelled.name.startswith(phrasebank.NAME):
        return []
    below = without_seen(parts.extra_test, read_seen_texts(model.folder))
    shipped = headlines.texts() if headlines.NAME in labelled.name else set()
    own = [e for e in (*parts.test, *below) if e.text not in shipped]
    return own if any(example.extra for example in own) else []


def load_other(data: DataSettings, card: ModelCard) -> LabelledData:
    """Read other data; if it lacks a column of the training data, find one by its usual names.

    Raises:
        DataError, DownloadError: as `load_data`.
    """
    own_parts = {"validation": None, "test": None}  # of a training, as a configuration has them
    settings = with_known_columns(data, card).model_copy(update=own_parts)
    notes: list[str] = []
    while True:
        try:
            labelled = load_data(settings)
        except MissingColumnError as error:
            name = getattr(settings, error.setting)
            if name == getattr(data, error.setting):  # named by the user, or not found
                raise
            settings = settings.model_copy(update={error.setting: None})
            notes.append(f"it has no column '{name}', which the model was trained with")
        else:
            return replace(labelled, notes=(*notes, *labelled.notes))


def _other_rows(
    model: Model, labelled: LabelledData, stem: str, *, compare: Model | None, include_seen: bool
) -> Rows:
    """Rows of data other than the training data, without those that the model has seen."""
    everything = labelled.of_all_parts
    seen = read_seen_texts(model.folder)
    other = read_seen_texts(compare.folder) if compare else {}
    new = without_seen(everything, seen)
    new_to_both = without_seen(new, other)
    parts = [part_of(seen, example.text) for example in everything]
    report = SeenRows(
        rows=len(everything),
        training=parts.count("training"),
        validation=parts.count("validation"),
        by_other=len(new) - len(new_to_both),
        left_out=not include_seen,
    )
    if not new_to_both and not include_seen:
        raise DataError(
            f"{labelled.name}: all {len(everything):,} rows were trained or validated on, so"
            " nothing is left to evaluate",
            hint="name other data with --data, or score these all the same with --include-seen",
        )
    return Rows(labelled, everything if include_seen else new_to_both, "all", stem, report)


def _check_not_seen(model: Model, rows: Sequence[Example]) -> None:
    """Raise ConfigError if a model was trained or validated on some of the rows."""
    known = len(rows) - len(without_seen(rows, read_seen_texts(model.folder)))
    if known:
        raise ConfigError(
            f"{model.path} was trained or validated on {known} of the {len(rows)} rows, so a"
            " comparison would favour it",
            hint="compare models with the same data settings, or on other data with --data",
        )
