"""Compare two models on the same rows, and say what their trainings differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from newsclf.common.errors import ModelError
from newsclf.data.examples import Example, counted
from newsclf.evaluation.records import Comparison
from newsclf.evaluation.rows import Model
from newsclf.model.card import CardExtra, ModelCard

_OF_THE_MACHINE = frozenset(("device", "precision", "threads"))
"""Settings that change how a training runs, not what it learns from."""


def open_other(path: Path) -> Model:
    """Open the model of `--compare`; ModelError if it can't be used."""
    try:
        return Model.open(path)
    except ModelError as error:
        raise ModelError(
            f"--compare {error.message}", hint="name another model directory with --compare DIR"
        ) from error


def compared(
    model: Model,
    other: Model,
    examples: Sequence[Example],
    predicted: Sequence[int],
    other_predicted: Sequence[int],
) -> Comparison:
    """McNemar's test of two models on the same rows, with what their trainings differ in."""
    from newsclf.evaluation import metrics

    found = metrics.compare(examples, predicted, other_predicted, other=other.name)
    names = (model.name, other.name)
    return found.model_copy(update={"remarks": training_remarks(model.card, other.card, names)})


def training_remarks(card: ModelCard, other: ModelCard, names: tuple[str, str]) -> list[str]:
    """What only one of two models has learnt from, and what else differs, as sentences.

    Args:
        card: The first model's card.
        other: The second model's card.
        names: Of the two models.

    Returns:
        None if neither has learnt extra rows, or both have learnt the same.
    """
    extras = (card.extra, other.extra)
    if _of(card.extra) == _of(other.extra):
        return []
    told = [
        f"{name} has also learnt {_words(extra)}." if extra else f"{name} has learnt no extra rows."
        for name, extra in zip(names, extras, strict=True)
    ]
    others = _differing(card, other)
    if others:
        told.append(
            f"The two also differ in {', '.join(others)}, so that the extra rows are not all that"
            " is compared."
        )
    return told


def _of(extra: CardExtra | None) -> tuple[str, float] | None:
    return (extra.digest, extra.weight) if extra else None


def _words(extra: CardExtra) -> str:
    rows = counted(sum(extra.rows.values()), "row", "rows")
    return f"{rows} of {extra.name}, with the weight {extra.weight:g}"


def _differing(card: ModelCard, other: ModelCard) -> list[str]:
    """What two trainings differ in, beside extra rows."""
    found = [
        name
        for name, this, that in (
            ("base", card.base, other.base),
            ("data", card.data.digest, other.data.digest),
            ("teacher", _teacher(card), _teacher(other)),
        )
        if this != that
    ]
    settings, theirs = _settings(card), _settings(other)
    return found + [
        name.replace("_", " ") for name, value in settings.items() if value != theirs.get(name)
    ]


def _teacher(card: ModelCard) -> tuple[str, str | None] | None:
    lesson = card.distillation
    return (lesson.teacher_digest, lesson.unlabelled_digest) if lesson else None


def _settings(card: ModelCard) -> Mapping[str, object]:
    return card.training.model_dump(exclude={*_OF_THE_MACHINE, "base", "revision"})
