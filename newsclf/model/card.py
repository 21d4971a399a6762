"""Model card: `card.json`, and the README that is generated from it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from newsclf.common.errors import ModelError
from newsclf.common.files import write_text
from newsclf.common.intervals import percent, share_range
from newsclf.common.records import LenientRecord, read_record
from newsclf.common.settings import DataSettings, TrainSettings
from newsclf.common.visible import markdown, markdown_code, visible_json, yaml_text
from newsclf.contract.labels import LABELS
from newsclf.model.directory import CARD_FILE, FILES_PROBLEM, are_digests, digest_of, find_model

Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval."""


class CardBase(LenientRecord):
    """The model that was fine-tuned."""

    name: str
    revision: str


class CardData(LenientRecord):
    """The data that the model was trained on, and how they were split."""

    name: str
    digest: str
    licence: str | None
    settings: DataSettings
    train: dict[str, int]
    """Rows per class."""
    validation: dict[str, int]
    test: dict[str, int]
    repeated: int = 0
    """Rows that were left out because they repeat another one's text and label."""
    contradictory: int = 0
    """Texts that occur with more than one label; all of these rows are kept."""
    cut: int = 0
    """Training and validation texts that are longer than the model reads."""


class CardExtra(LenientRecord):
    """A labelled file that was trained on beside the data, and how good its labels are."""

    name: str
    digest: str
    """SHA-256 of the file, hexadecimal."""
    rows: dict[str, int]
    """Rows per class that were used; they are counted in `CardData.train`, too."""
    weight: float
    """Weight of its rows in the loss."""
    unlabelled: int
    """Rows without a label."""
    repeated: int
    """Rows that were left out because they repeat another one or a training row."""
    held_out: int
    """Rows that were left out because they repeat one of the validation or test part."""
    gold_rows: int
    """Hidden rows of known label, on which the labels were measured."""
    gold_name: str
    accuracy: float
    accuracy_interval: Interval
    kappa: float
    """Cohen's, against the known labels."""
    kappa_interval: Interval
    gate: dict[str, float]
    """Least value of each figure that was asked for."""


class CardDistillation(LenientRecord):
    """The teacher of the model, and the texts without labels on which it was asked."""

    teacher: str
    teacher_base: str
    teacher_digest: str
    teacher_models: int
    """How many seeds the teacher has; their mean is what was learnt."""
    temperature: float
    weight: float
    """The teacher's share of the loss."""
    unlabelled: str | None = None
    """Name of the file with texts without labels."""
    unlabelled_digest: str | None = None
    """SHA-256 of the file, hexadecimal."""
    unlabelled_rows: int = 0
    """How many of its texts were used."""
    unusable: int = 0
    """Rows of it without a headline, or with one that is too long."""
    repeated: int = 0
    """Texts that were left out because they repeat another one or a training text."""
    held_out: int = 0
    """Texts that were left out because they repeat one of the validation or test part."""

    @property
    def digest(self) -> str:
        """Identity of the teacher and of the unlabelled texts."""
        return f"{self.teacher_digest} {self.unlabelled_digest or ''}".strip()


class CardAncestor(LenientRecord):
    """A model of newsclf from which this one has its weights or answers."""

    base: str
    data: str
    licence: str | None
    """Of its data."""


class CardStudent(LenientRecord):
    """What a student kept of the base that it was made of."""

    layers: list[int]
    """The base's layers that it starts with, counted from 0."""
    base_layers: int
    width: int


class Score(LenientRecord):
    """Accuracy and macro-F1 on one part of the data."""

    rows: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval | None = None
    runtime: Literal["int8", "float"]


class Parity(LenientRecord):
    """Comparison of the int8 model with the float model on validation data."""

    rows: int
    agreement: float
    """Share of rows with the same label."""
    undecided: int = 0
    """Rows with another label on which the float model's probabilities are nearly equal."""
    float_accuracy: float
    int8_accuracy: float
    only_float_right: int = 0
    only_int8_right: int = 0

    @property
    def differing(self) -> int:
        """Rows with another label, without the undecided ones."""
        return round((1 - self.agreement) * self.rows) - self.undecided


class CalibrationSet(LenientRecord):
    """A set of validation rows on which a model was calibrated."""

    name: str
    rows: int
    error_before: float
    """Expected calibration error without calibration."""
    error_after: float
    """The same with a calibration that was fitted without the rows it is measured on: 5 folds."""


class CardCalibration(LenientRecord):
    """Calibration that is folded into the model: logits / temperature + biases."""

    temperature: float = 1.0
    biases: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """In the order of LABELS; their mean is 0."""
    sets: list[CalibrationSet] = Field(default_factory=list)
    """Sets that it was fitted on, each with the same weight."""
    problem: str | None = None
    """Why it could not be fitted; the model is then as it was trained."""

    @property
    def sentence(self) -> str:
        """What was fitted, on what, and what that changed, as plain text."""
        if self.problem is not None:
            return f"Not calibrated: {self.problem}."
        biases = ", ".join(
            f"{label} {round(b, 2) + 0.0:+.2f}"  # which turns -0.0 into 0.0
            for label, b in zip(LABELS, self.biases, strict=True)
        )
        errors = " and ".join(
            f"{each.error_before:.3f} → {each.error_after:.3f} on {each.rows:,} validation rows of"
            f" {each.name}"
            for each in self.sets
        )
        return (
            f"Calibrated: temperature {self.temperature:.2f}, biases {biases}; expected calibration"
            f" error {errors}, cross-fitted."
        )


class ModelCard(LenientRecord):
    """Everything that is needed to judge a model, and to reproduce it."""

    schema_version: Literal[1] = 1
    created: str
    """UTC, ISO 8601."""
    base: CardBase
    data: CardData
    training: TrainSettings
    learning_rate: float
    """The peak rate that was used."""
    extra: CardExtra | None = None
    """None: no labelled file was used beside the data."""
    distillation: CardDistillation | None = None
    """None: the model had no teacher."""
    student: CardStudent | None = None
    """None: the model has all layers of its base."""
    ancestors: list[CardAncestor] = Field(default_factory=list)
    """What its base and its teacher were made of, if newsclf made them; the oldest first."""
    kept_epoch: int
    epochs_run: int
    device: str
    history: list[dict[str, float]]
    validation: Score
    """Of the calibrated model."""
    calibration: CardCalibration | None = None
    """None: the model was not to be calibrated."""
    int8: Parity | None = None
    """Without rows of the shipped headlines, if the training data holds others."""
    int8_headlines: Parity | None = None
    """The same comparison on the validation part of the shipped headlines."""
    int8_rejected: str | None = None
    """Why the int8 file was rejected."""
    int8_rejected_parity: Parity | None = None
    """Measurements of the rejected int8 file."""
    int8_rejected_headlines: Parity | None = None
    test: Score | None = None
    """From the latest `newsclf evaluate` on the held-out part."""
    versions: dict[str, str]
    files: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each file of the directory, hexadecimal."""

    @field_validator("files")
    @classmethod
    def _check_files(cls, files: dict[str, str]) -> dict[str, str]:
        if not are_digests(files):
            raise ValueError(FILES_PROBLEM)
        return files

    @property
    def digest(self) -> str:
        """The model's identity: SHA-256 over the names and digests of its files."""
        return digest_of(self.files)

    @property
    def bases(self) -> list[str]:
        """Names of the models that it has learnt from: its base, its teacher's, and theirs."""
        taught_by = [self.distillation.teacher_base] if self.distillation else []
        older = [each.base for each in self.ancestors]
        return list(dict.fromkeys([self.base.name, *taught_by, *older]))

    @property
    def lineage(self) -> list[CardAncestor]:
        """The ancestors of a model that is made of this one."""
        own = CardAncestor(base=self.base.name, data=self.data.name, licence=self.data.licence)
        return [*self.ancestors, own]


def read_card(path: Path) -> tuple[Path, ModelCard]:
    """Find a model directory and read its card.

    Raises:
        ModelError: there is no directory, or its card is damaged or of another version.
    """
    folder = find_model(path)
    card = read_record(
        folder / CARD_FILE,
        ModelCard.model_validate_json,
        error=ModelError,
        hint="copy the directory again, or train again with this version: newsclf train",
        follow=True,  # in the cache of the Hugging Face Hub, files are links
    )
    return folder, card


_USUAL_COLUMNS = (None, "text", "label")
"""Usual names, which are not carried over to other data: there, similar names are found too."""


def with_known_columns(data: DataSettings, card: ModelCard) -> DataSettings:
    """Settings for reading other data, with the card's columns and labels where none are named.

    Args:
        data: As `load_settings` made them: a column that a flag, the environment or a settings
            file names stays; of the labels, those that are named there stand over the card's.
        card: The model's card.
    """
    known = card.data.settings
    columns = {
        name: getattr(known, name)
        for name in ("text_column", "label_column", "score_thresholds")
        if name not in data.model_fields_set and getattr(known, name) not in _USUAL_COLUMNS
    }
    if data.labels:  # which say that the labels of these data are no scores
        columns.pop("score_thresholds", None)
    return data.model_copy(update={**columns, "labels": known.labels | data.labels})


def write_card(folder: Path, card: ModelCard) -> None:
    """Write `card.json` and the README that is made from it."""
    write_text(folder / CARD_FILE, visible_json(card.model_dump_json(indent=2)) + "\n")
    write_text(folder / "README.md", render_readme(card))


def render_readme(card: ModelCard) -> str:
    """The model card in Markdown, with the front matter that the Hugging Face Hub reads.

    Names of files, bases and licences come from outside: none of them is taken as markup.
    """
    rows = [("validation", card.validation)] + ([("test", card.test)] if card.test else [])
    scores = "\n".join(
        f"| {part} | {s.rows} | {percent(s.accuracy)} ({share_range(s.accuracy_interval)})"
        f" | {percent(s.macro_f1)} | {s.runtime} |"
        for part, s in rows
    )
    counts = "\n".join(
        f"| {part} | " + " | ".join(str(sizes.get(label, 0)) for label in LABELS) + " |"
        for part, sizes in (
            ("training", card.data.train),
            ("validation", card.data.validation),
            ("test", card.data.test),
        )
    )
    settings = card.training.model_dump(exclude={"base", "revision", "threads"})
    settings |= {"learning_rate": card.learning_rate, "device": card.device}
    hyper_parameters = "\n".join(f"- {k}: {markdown(str(v))}" for k, v in settings.items())
    int8 = _int8_sentence(card)
    calibration = markdown(card.calibration.sentence if card.calibration else "Not calibrated.")
    base, data = markdown(card.base.name), markdown(card.data.name)
    licence = markdown(card.data.licence or "not stated")
    test_note = (
        "" if card.test else "\nThe test part has not been read yet; `newsclf evaluate` reads it.\n"
    )
    return f"""---
library_name: transformers
pipeline_tag: text-classification
base_model: {yaml_text(card.base.name)}
language: en
---

# Headline sentiment: {base} on {data}

Says whether a news headline is negative, neutral or positive for an investor. Made with newsclf
{markdown(card.versions.get("newsclf", ""))} on {markdown(card.created)}; digest `{card.digest}`.

## Scores

| part | rows | accuracy (95 % interval) | macro-F1 | runtime |
|---|---|---|---|---|
{scores}
{test_note}
{int8}

{calibration}

## Data

{data}, SHA-256 {markdown_code(card.data.digest)}, licence: {licence}.{_ancestors_sentence(card)}
A model trained on data that may not be used commercially should not be either.

| part | {" | ".join(LABELS)} |
|---|{"---|" * len(LABELS)}
{counts}
{_extra_sentence(card.extra)}
## Training

Base {base}, revision {markdown_code(card.base.revision)}.{_student_sentence(card.student)}
Epoch {card.kept_epoch} of {card.epochs_run} was kept; `training.svg` shows the curve.
{_teacher_sentence(card.distillation)}

{hyper_parameters}

## Limits

English business headlines of the kind above. The labels are an investor's view of one sentence
without its context; figures, irony and several companies in one headline are where it fails most.
"""


def _ancestors_sentence(card: ModelCard) -> str:
    if not card.ancestors:
        return ""
    data = dict.fromkeys(
        f"{markdown(each.data)} (licence: {markdown(each.licence or 'not stated')})"
        for each in card.ancestors
    )
    return f"\nIts base or its teacher was trained on {', '.join(data)}."


def _extra_sentence(found: CardExtra | None) -> str:
    if found is None:
        return ""
    gate = ", ".join(f"{name} {minimum:g}" for name, minimum in found.gate.items())
    return (
        f"\n{sum(found.rows.values()):,} of the training rows are from {markdown(found.name)},"
        f" SHA-256 {markdown_code(found.digest)}, with the weight {found.weight:g}. Its labels were"
        f" measured on {found.gold_rows:,} hidden rows of {markdown(found.gold_name)}: accuracy"
        f" {percent(found.accuracy)} ({share_range(found.accuracy_interval)}), Cohen's kappa"
        f" {found.kappa:.2f} ({found.kappa_interval[0]:.2f} to {found.kappa_interval[1]:.2f}); the"
        f" gate was {markdown(gate)}.\n"
    )


def _student_sentence(found: CardStudent | None) -> str:
    if found is None:
        return ""
    layers = ", ".join(str(i) for i in found.layers)
    return f" Of its {found.base_layers} layers, counted from 0, the model has {layers}."


def _teacher_sentence(found: CardDistillation | None) -> str:
    if found is None:
        return ""
    texts = "the training rows"
    if found.unlabelled is not None:
        texts += (
            f" and {found.unlabelled_rows:,} headlines without labels, of"
            f" {markdown(found.unlabelled)}, SHA-256 {markdown_code(found.unlabelled_digest or '')}"
        )
    return (
        f"Taught by {markdown(found.teacher)}, made from {markdown(found.teacher_base)}, digest"
        f" {markdown_code(found.teacher_digest)}, with its answers to {texts}; they are"
        f" {percent(found.weight)} of the loss, at temperature {found.temperature:g}.\n"
    )


def _int8_sentence(card: ModelCard) -> str:
    if card.int8 is None:
        if card.int8_rejected:
            return f"There is no int8 file: {markdown(card.int8_rejected)}."
        return "There is no int8 file; `newsclf optimize` makes it."
    told = (
        "The int8 file `model.onnx` gives the same label as the float model on"
        f" {_parity_words(card.int8, 'validation rows')}"
    )
    if card.int8_headlines not in (None, card.int8):
        told += f", and on {_parity_words(card.int8_headlines, 'shipped headlines')}"
    return f"{told}."


def _parity_words(found: Parity, rows: str) -> str:
    undecided = (
        f" (on {found.undecided} of the others the float model is undecided)"
        if found.undecided
        else ""
    )
    return (
        f"{percent(found.agreement)} of {found.rows} {rows}{undecided}; accuracy there is"
        f" {percent(found.int8_accuracy)} against {percent(found.float_accuracy)}"
    )
