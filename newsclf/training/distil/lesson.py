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
from newsclf.data.examples import Example, Split
from newsclf.model.card import CardDistillation
from newsclf.training.batches import Row, token_ids_of
from newsclf.training.devices import Compute
from newsclf.training.distil.teacher import Teacher, seen_by, teacher_logits
from newsclf.training.distil.unlabelled import read_unlabelled
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

    def rows(self, labelled: Sequence[Row], tokenizer: PreTrainedTokenizerBase) -> list[Row]:
        """The training part's rows with the teacher's answers, then the unlabelled ones.

        The teacher has the share `settings.weight` of a row's loss, and the label the rest.
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
    settings: DistilSettings,
    parts: Split,
    compute: Compute,
    *,
    held_out: Sequence[Example],
    unlabelled: Path | None = None,
    cache: Path,
    seed: int,
) -> Lesson:
    """Read the unlabelled texts, and ask the teacher for them and the training texts.

    Args:
        compute: Device and precision to run the teacher with.
        held_out: Rows that no unlabelled text may resemble.
        unlabelled: A copy of the unlabelled texts, read instead of `settings.unlabelled`.
        cache: Folder in which a teacher's answers are kept.
        seed: Chooses among more unlabelled texts than the settings ask for.

    Raises:
        ConfigError: the teacher knows labels of the test part.
        DataError: the unlabelled file can't be used.
        ModelError: the teacher can't be used.
    """
    seen = seen_by(teacher, parts.test)
    training = [example.text for example in parts.train]
    found = None
    if settings.unlabelled is not None:
        path = unlabelled or Path(settings.unlabelled)
        found = read_unlabelled(
            path,
            settings,
            training=training,
            held_out=[example.text for example in held_out],
            seed=seed,
        )
    texts = found.texts if found else []
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
            unlabelled=found.name if found else None,
            unlabelled_digest=found.digest if found else None,
            unlabelled_rows=len(texts),
            repeated=found.repeated if found else 0,
            held_out=found.held_out if found else 0,
        ),
    )
