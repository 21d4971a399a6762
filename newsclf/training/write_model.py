"""Write a finished training run as a model directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf import __version__
from newsclf.common.files import file_digest, naming_full_disk, write_text
from newsclf.common.settings import Settings
from newsclf.data.examples import LabelledData, Split, class_counts
from newsclf.model.card import (
    CardAncestor,
    CardBase,
    CardCalibration,
    CardData,
    CardExtra,
    ModelCard,
    Score,
    write_card,
)
from newsclf.serving.engines.tokens import count_cut
from newsclf.training.seen_texts import SeenTexts, write_seen_texts

if TYPE_CHECKING:
    from newsclf.training.base import Base
    from newsclf.training.calibration.rows import RowSet
    from newsclf.training.distil.lesson import Lesson
    from newsclf.training.loop import FitResult


@dataclass(frozen=True, slots=True)
class Material:
    """What every seed is trained from."""

    data: LabelledData
    parts: Split
    """Rows of a labelled file are at the end of the training part."""
    base: Base
    extra: CardExtra | None
    lesson: Lesson | None
    seen: SeenTexts
    """Texts that base and teacher have seen."""
    ancestors: list[CardAncestor]
    """What base and teacher were made of, if newsclf made them."""


def write_model(
    folder: Path,
    fitted: FitResult,
    material: Material,
    *,
    settings: Settings,
    calibration: CardCalibration | None = None,
    calibrated_on: Sequence[RowSet] = (),
) -> ModelCard:
    """Write weights, tokenizer, hashes of the data, training curve, card and README to a folder.

    The scores in the card are those of the model as it is written, so after calibration.
    """
    from newsclf.common.intervals import wilson_interval
    from newsclf.reporting.page import standalone
    from newsclf.training.curve import training_figure

    data, parts, base = material.data, material.parts, material.base
    with naming_full_disk(folder.parent):
        fitted.model.save_pretrained(folder)
        fitted.tokenizer.save_pretrained(folder)
    write_seen_texts(
        folder,
        parts,
        [row for each in calibrated_on for row in each.examples],
        material.lesson.texts if material.lesson else (),
        material.seen,
    )
    files = {path.name: file_digest(path) for path in sorted(folder.iterdir())}
    history = [asdict(result) for result in fitted.history]
    curve = training_figure("training", history, fitted.kept.epoch)
    write_text(folder / "training.svg", standalone(curve.svg))
    accuracy, macro_f1 = _validation_scores(fitted, parts)
    rows = len(parts.validation)
    texts = [example.text for example in (*parts.train, *parts.validation)]
    card = ModelCard(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        base=CardBase(name=base.name, revision=base.revision),
        data=CardData(
            name=data.name,
            digest=data.digest,
            licence=data.licence,
            settings=settings.data,
            train=class_counts(parts.train),
            validation=class_counts(parts.validation),
            test=class_counts(parts.test),
            repeated=data.repeated,
            contradictory=data.contradictory,
            cut=count_cut(folder, texts)[0],
        ),
        training=settings.train,
        extra=material.extra,
        distillation=material.lesson.card if material.lesson else None,
        learning_rate=fitted.learning_rate,
        student=fitted.student,
        ancestors=material.ancestors,
        kept_epoch=fitted.kept.epoch,
        epochs_run=len(history),
        device=fitted.device,
        history=history,
        validation=Score(
            rows=rows,
            accuracy=accuracy,
            accuracy_interval=wilson_interval(round(accuracy * rows), rows),
            macro_f1=macro_f1,
            runtime="float",
        ),
        calibration=calibration,
        versions={"newsclf": __version__}
        | {name: version(name) for name in ("torch", "transformers", "onnxruntime")},
        files=files,
    )
    write_card(folder, card)
    return card


def _validation_scores(fitted: FitResult, parts: Split) -> tuple[float, float]:
    import torch

    from newsclf.training.classifier import logits_of, scores_of

    texts = [example.text for example in parts.validation]
    label_ids = torch.tensor([example.label_id for example in parts.validation])
    return scores_of(logits_of(fitted.model, fitted.tokenizer, texts), label_ids)
