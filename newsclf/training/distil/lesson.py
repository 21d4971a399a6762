"""What a teacher answers to the training texts and to unlabelled ones, as rows of the loop.

Source: Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network": a student
learns the teacher's probabilities at a raised temperature, which show what it finds similar, beside
the labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from newsclf.common.settings import DistilSettings
from newsclf.data.examples import Split
from newsclf.model.card import CardAncestor, CardDistillation
from newsclf.training.batches import Row, token_ids_of
from newsclf.training.devices import Compute
from newsclf.training.distil.teacher import Teacher, seen_by, teacher_logits
from newsclf.training.distil.unlabelled import Unlabelled
from newsclf.training.seen_texts import SeenTexts


@dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher's logits for the training part and for unlabelled texts."""

    settings: DistilSettings
    training: torch.Tensor
    """(rows of the training part, 3) float32."""
    texts: Sequence[str]
    """Texts without labels."""
    unlabelled: torch.Tensor
    """(texts, 3) float32."""
    seen: SeenTexts
    """Texts on which the teacher was trained or validated."""
    card: CardDistillation
    ancestors: Sequence[CardAncestor]
    """What the teacher was made of."""

    def rows(self, labelled: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> list[Row]:
        """The training part's rows with the teacher's answers, then the unlabelled ones.

        The teacher has the share `settings.weight` of a row's loss, and the label the rest. A row's
        own weight is that of its label: its text teaches as much as any.
        """
        share = self.settings.weight
        found = [
            replace(row, weight=(1 - share) * row.weight, taught=tuple(logits), taught_weight=share)
            for row, logits in zip(labelled, self.training.tolist(), strict=True)
        ]
        unlabelled = zip(
            token_ids_of(tokenizer, self.texts) if self.texts else [],
            self.unlabelled.tolist(),
            strict=True,
        )
        return found + [
            Row(token_ids, weight=0, taught=tuple(logits), taught_weight=share)
            for token_ids, logits in unlabelled
        ]


def prepare_lesson(
    teacher: Teacher,
    unlabelled: Unlabelled | None,
    settings: DistilSettings,
    parts: Split,
    compute: Compute,
    *,
    cache: Path,
) -> Lesson:
    """Ask a teacher for the training texts and for unlabelled ones.

    Args:
        compute: Device and precision to run the teacher with.
        cache: Folder in which a teacher's answers are kept.

    Raises:
        ConfigError: the teacher knows labels of the test part.
        ModelError: the teacher can't be used.
    """
    seen = seen_by(teacher, parts.test)
    training = [example.text for example in parts.train]
    texts = unlabelled.texts if unlabelled else []
    logits = teacher_logits(teacher, [*training, *texts], compute, cache=cache)
    return Lesson(
        settings=settings,
        training=logits[: len(training)],
        texts=texts,
        unlabelled=logits[len(training) :],
        seen=seen,
        card=CardDistillation(
            teacher=teacher.name,
            teacher_base=teacher.models[0][1].base.name,
            teacher_digest=teacher.digest,
            teacher_models=len(teacher.models),
            temperature=settings.temperature,
            weight=settings.weight,
            unlabelled=unlabelled.name if unlabelled else None,
            unlabelled_digest=unlabelled.digest if unlabelled else None,
            unlabelled_rows=len(texts),
            unusable=unlabelled.unusable if unlabelled else 0,
            repeated=unlabelled.repeated if unlabelled else 0,
            held_out=unlabelled.held_out if unlabelled else 0,
        ),
        ancestors=[each for _, card in teacher.models for each in card.lineage],
    )
