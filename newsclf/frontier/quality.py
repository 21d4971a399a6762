"""Scores of models on the same rows, and the paired comparison of each with the teacher."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.intervals import Interval
from newsclf.evaluation import metrics
from newsclf.evaluation.unseen.catalogue import read_catalogue
from newsclf.evaluation.unseen.run import UnseenRequest, evaluate_unseen
from newsclf.evaluation.unseen.scores import share
from newsclf.frontier.noninferiority import discordant, loss_bound, p_value
from newsclf.frontier.records import CONFIDENCE, AgainstTeacher, Quality
from newsclf.frontier.rows import CommonRows, Named
from newsclf.frontier.store import Answers, Store, UnseenScore, key_of
from newsclf.training.seen_texts import SEEN_FILE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenSets:
    """Public test sets to score models on."""

    on: Sequence[str]
    folder: Path | None = None
    """A folder with the sets' files, under any name."""
    catalogue: Path | None = None


def answers_of(named: Named, rows: CommonRows, store: Store) -> list[int]:
    """Label ids that a model gives to the rows; ModelError if it can't be used."""
    key = key_of(rows.digest, named.runtime)
    found = store.answers(named.digest, key)
    if found is None or len(found.label_ids) != len(rows.examples):
        logger.info("%s: %s headlines", named.name, f"{len(rows.examples):,}")
        predictions = named.model.classifier(named.runtime)(rows.texts)
        found = Answers(label_ids=[each.label_id for each in predictions])
        store.keep_answers(named.digest, key, found)
    return found.label_ids


def unseen_score(named: Named, sets: UnseenSets, store: Store) -> UnseenScore:
    """The mean macro-F1 over public test sets; see `evaluate_unseen` for what it raises."""
    digest = named.model.card.files.get(SEEN_FILE)
    chosen = read_catalogue(sets.catalogue).choose(sets.on)
    described = [each.model_dump(mode="json") for each in chosen]
    key = key_of(described, named.runtime, digest)
    found = store.unseen(named.digest, key)
    if found is None:
        logger.info("%s: %s", named.name, ", ".join(sets.on))
        request = UnseenRequest(
            model=named.model.folder,
            on=sets.on,
            folder=sets.folder,
            catalogue=sets.catalogue,
            runtime=named.runtime,
            out=store.unseen_folder(named.digest, key),
        )
        report = evaluate_unseen(request).report
        found = UnseenScore(macro_f1=report.mean["macro_f1"], mean_of=report.mean_of)
        store.keep_unseen(named.digest, key, found)
    return found


def quality_of(
    named: Named,
    truth: Sequence[int],
    predicted: Sequence[int],
    against: AgainstTeacher | None,
    unseen: UnseenScore | None,
) -> Quality:
    """The scores of a model's answers."""
    counts = metrics.confusion(truth, predicted)
    low, high = metrics.macro_f1_interval(counts)
    return Quality(
        runtime=named.runtime,
        accuracy=share(sum(counts[i][i] for i in range(len(counts))), len(truth)),
        macro_f1=Interval(value=metrics.macro_f1_of(counts), low=low, high=high),
        unseen_macro_f1=unseen.macro_f1 if unseen else None,
        against_teacher=against,
    )


def against_teacher(
    truth: Sequence[int],
    teacher: Sequence[int],
    model: Sequence[int],
    *,
    delta: float,
    models: int,
) -> AgainstTeacher:
    """The test of non-inferiority of one of several models.

    Args:
        truth: Index in LABELS of each row's class.
        teacher: The teacher's answers.
        model: The model's answers.
        delta: The margin δ.
        models: How many are compared with the teacher. Each has an equal part of 5 %, so all that
            pass are less than δ worse with a confidence of 95 %, and so is the one that is chosen.
    """
    only_teacher, only_model = discordant(truth, teacher, model)
    rows, alpha = len(truth), (1 - CONFIDENCE) / models
    p = p_value(only_teacher, only_model, rows, delta)
    return AgainstTeacher(
        loss=(only_teacher - only_model) / rows,
        at_most=loss_bound(only_teacher, only_model, rows, alpha),
        only_teacher_right=only_teacher,
        only_model_right=only_model,
        p_value=p,
        not_worse=p < alpha,
    )
