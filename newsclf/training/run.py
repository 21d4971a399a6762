"""Fine-tune one or several seeds and write finished model directories."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from newsclf.common.errors import DataError, InterruptedRunError, ModelError, require_extra
from newsclf.common.files import write_text
from newsclf.common.intervals import MeanStd, mean_std
from newsclf.common.records import write_record
from newsclf.data.examples import LabelledData, Split, class_counts
from newsclf.data.extra import read_extra
from newsclf.data.sources import load_data
from newsclf.data.split import split
from newsclf.model.card import CardDistillation, CardExtra, ModelCard, read_card, write_card
from newsclf.model.directory import CARD_FILE, SEEDS_FILE, replace_directory
from newsclf.training.folder import (
    LOCK_FILE,
    REQUEST_FILE,
    TrainRequest,
    check_target,
    empty,
    has_progress,
    locked,
    remove,
    work_folder,
)
from newsclf.training.int8.optimize import (
    Int8RejectedError,
    add_int8,
    check_rejected,
    rejected_card,
    rejections,
)
from newsclf.training.seen_texts import SEEN_FILE, SeenTexts, seen_by_origin
from newsclf.training.write_model import Material, write_model

if TYPE_CHECKING:
    from newsclf.training.base import Base
    from newsclf.training.checkpoint import EpochResult
    from newsclf.training.distil.lesson import Lesson
    from newsclf.training.loop import StepProgress

_PACKAGES = ("torch", "transformers", "onnx", "sklearn", "scipy")


@dataclass(frozen=True, slots=True)
class LocalCopies:
    """Local copies of what is trained from, read instead of the sources that the card names."""

    data: Path | None = None
    base: Base | None = None
    teacher: Path | None = None
    unlabelled: Path | None = None
    labelled: Path | None = None
    """The labelled file, with its audit beside it."""


class Callbacks(Protocol):
    """Receiver of a training's progress."""

    def on_data(self, data: LabelledData, parts: Split) -> None:
        """Called when the data have been read and split."""

    def on_extra(self, extra: CardExtra) -> None:
        """Called when a labelled file has been read."""

    def for_teacher(self, epochs: int, /) -> Callbacks:
        """The receiver for the training of a teacher, which comes first."""

    def on_lesson(self, lesson: CardDistillation) -> None:
        """Called when a teacher has answered."""

    def on_step(self, now: StepProgress) -> None:
        """Called after each step."""

    def on_epoch(self, seed: int, result: EpochResult) -> None:
        """Called after each epoch, when its checkpoint has been written."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Cards of the finished models, one per seed, with or without an int8 file."""

    model: Path
    cards: Sequence[ModelCard]
    rows_per_s: float

    @property
    def best(self) -> ModelCard:
        """The seed with the best validation scores; seeds with an int8 file come first."""
        return max(
            self.cards,
            key=lambda card: (
                card.int8_rejected is None,
                card.validation.macro_f1,
                card.validation.accuracy,
            ),
        )

    @property
    def spread(self) -> dict[str, MeanStd] | None:
        """Validation accuracy and macro-F1 over the seeds; None for a single one."""
        if len(self.cards) == 1:
            return None
        return {
            "accuracy": mean_std([card.validation.accuracy for card in self.cards]),
            "macro_f1": mean_std([card.validation.macro_f1 for card in self.cards]),
        }

    def check_int8(self) -> None:
        """Raise CheckFailedError if a seed's int8 file was not good enough."""
        check_rejected(
            self.model,
            [
                (card.training.seed, card.int8_rejected, found)
                for card in self.cards
                if card.int8_rejected and (found := rejections(card))
            ],
        )


def train(
    request: TrainRequest,
    callbacks: Callbacks,
    *,
    resume: bool = False,
    copies: LocalCopies | None = None,
) -> TrainResult:
    """Train, and write a finished model directory to `settings.model`, atomically.

    An int8 file that is not good enough is left out, and the card says so; `check_int8` of the
    result makes that an error.

    Raises:
        ConfigError: the model directory or an interrupted run is in the way.
        DataError, DownloadError, ModelError: the data or the base can't be used.
        InterruptedRunError: Ctrl-C; finished epochs are kept.
    """
    require_extra(*_PACKAGES, extra="train", purpose="training")
    from newsclf.training.base import resolve_base

    settings, copies = request.settings, copies or LocalCopies()
    target, work = settings.model.resolve(), work_folder(settings.model)
    check_target(request, target, work, resume=resume)
    data = read_data(request, at=copies.data)
    parts = split(data, settings.data)
    callbacks.on_data(data, parts)
    extra = None
    if settings.labelled.file is not None:
        parts, extra = with_extra(request, data, parts, at=copies.labelled)
        callbacks.on_extra(extra)
    from newsclf.training.devices import candidates
    from newsclf.training.rehearsal import fastest_compute, rehearse

    candidates(settings.train)  # before anything is downloaded
    revision = request.base_revision or settings.train.revision
    base = copies.base or resolve_base(settings.train.base, revision=revision)
    if request.base_revision not in (None, base.revision):
        raise ModelError(
            f"{base.name}: the base has changed since the run was interrupted",
            hint="start again with newsclf train --overwrite",
        )
    ancestors = []
    if (base.folder / CARD_FILE).is_file():
        ancestors = read_card(base.folder)[1].lineage
    seen: SeenTexts = {}
    if (base.folder / SEEN_FILE).is_file():  # the base is itself a model of ours
        seen = seen_by_origin(base.folder, parts.test, role="base")

    with locked(work), _deleted_unless_resumable(work, request):
        if not resume:
            empty(work)
            compute = fastest_compute(base, parts.train, settings.train)
            request = request.computed_on(compute.device, compute.precision)
            rehearse(base, parts.train, request.settings.train, work, int8=request.optimize)
        lesson = None
        if settings.distil.teacher is not None:
            lesson = _lesson(request, callbacks, data, parts, copies)
            callbacks.on_lesson(lesson.card)
            seen = {**seen, **lesson.seen}
            ancestors = list(dict.fromkeys([*ancestors, *lesson.ancestors]))
        started = request.model_copy(
            update={
                "base_revision": base.revision,
                "data_digest": data.digest,
                "extra_digest": extra.digest if extra else None,
                "lesson_digest": lesson.card.digest if lesson else None,
            }
        )
        write_record(work / REQUEST_FILE, started)
        material = Material(data, parts, base, extra, lesson, seen, ancestors)
        result = _train_seeds(started, callbacks, material)
        _finish(work, target, result)
    return result


def _lesson(
    request: TrainRequest,
    callbacks: Callbacks,
    data: LabelledData,
    parts: Split,
    copies: LocalCopies,
) -> Lesson:
    """Read the unlabelled texts, train the teacher if that is asked for, and let it answer.

    Raises:
        ConfigError, DataError, ModelError: teacher or texts can't be used; texts are read first.
        DataError: they have changed since an interrupted run.
    """
    from newsclf.training.calibration.rows import calibration_rows
    from newsclf.training.devices import candidates
    from newsclf.training.distil.lesson import prepare_lesson
    from newsclf.training.distil.prepare import teacher_folder
    from newsclf.training.distil.teacher import open_teacher
    from newsclf.training.distil.unlabelled import read_unlabelled

    settings, distil = request.settings, request.settings.distil
    unlabelled = None
    if distil.unlabelled is not None:
        sets = calibration_rows(data, parts, settings.train.calibration)
        held_out = [*parts.validation, *parts.test, *parts.extra_test]
        unlabelled = read_unlabelled(
            copies.unlabelled or Path(distil.unlabelled),
            distil,
            training=parts.train,
            held_out=[*held_out, *(row for each in sets for row in each.examples)],
            seed=settings.train.seed,
        )

    def train_teacher(wanted: TrainRequest, *, resume: bool) -> None:
        watching = callbacks.for_teacher(wanted.settings.train.epochs)
        theirs = LocalCopies(data=copies.data, labelled=copies.labelled)
        train(wanted, watching, resume=resume, copies=theirs)

    folder = copies.teacher or teacher_folder(request, data.digest, train_teacher)
    teacher = open_teacher(folder, name=distil.teacher if copies.teacher else None)
    compute, cache = candidates(settings.train)[0], settings.state_dir / "soft-labels"
    lesson = prepare_lesson(teacher, unlabelled, distil, parts, compute, cache=cache)
    if request.lesson_digest not in (None, lesson.card.digest):
        raise DataError(
            f"{folder}: the teacher, or its unlabelled texts, have changed since the run was"
            " interrupted",
            hint="start again with newsclf train --overwrite",
        )
    return lesson


@contextmanager
def _deleted_unless_resumable(work: Path, request: TrainRequest) -> Iterator[None]:
    """Delete the folder of a run that ends early, unless it can be resumed.

    Raises:
        InterruptedRunError: in place of a KeyboardInterrupt.
    """
    try:
        yield
    except BaseException as error:
        kept = has_progress(work)
        if not kept:
            remove(work)
        if not isinstance(error, KeyboardInterrupt):
            raise
        if kept:
            raise InterruptedRunError(
                f"training was interrupted; its finished epochs are kept in {work.name}",
                hint=f"newsclf train --resume --out {request.settings.model}",
            ) from None
        raise InterruptedRunError(
            "training was interrupted before an epoch was finished, so nothing is kept",
            hint=_kept_teacher(request),
        ) from None


def _kept_teacher(request: TrainRequest) -> str | None:
    """Where the teacher of an interrupted student is, if it was trained for this student."""
    from newsclf.training.distil.prepare import is_model, teacher_request

    teacher = request.settings.distil.teacher
    if teacher is None or is_model(Path(teacher)):
        return None
    folder = teacher_request(request).settings.model
    return f"its teacher is kept in {folder}; the same command takes it" * folder.exists() or None


def read_data(request: TrainRequest, *, at: Path | None = None) -> LabelledData:
    """The data to train on; DataError if they have changed since the request was made."""
    data = load_data(request.settings.data, at=at)
    if request.data_digest not in (None, data.digest):
        raise DataError(
            f"{request.settings.data.source}: the data has changed since the run was interrupted",
            hint="start again with newsclf train --overwrite",
        )
    return data


def with_extra(
    request: TrainRequest, data: LabelledData, parts: Split, *, at: Path | None = None
) -> tuple[Split, CardExtra]:
    """The parts with the rows of the request's labelled file at the end of the training part.

    Args:
        at: A copy of the file, and beside it of its audit, to read instead.

    Raises:
        CheckFailedError: its labels did not meet their gate.
        DataError: file or audit can't be used, or the file has changed since the request was made.
    """
    from newsclf.training.calibration.rows import calibration_rows

    settings = request.settings.labelled
    path = at or Path(str(settings.file))
    sets = calibration_rows(data, parts, request.settings.train.calibration)
    held_out = [*parts.validation, *parts.test, *parts.extra_test]
    found = read_extra(
        path,
        weight=settings.weight,
        training=parts.train,
        held_out=[*held_out, *(row for each in sets for row in each.examples)],
    )
    audit = found.audit
    if request.extra_digest not in (None, audit.file_sha256):
        raise DataError(
            f"{path}: the labelled file has changed since the run was interrupted",
            hint="start again with newsclf train --overwrite",
        )
    card = CardExtra(
        name=found.name,
        digest=audit.file_sha256,
        rows=class_counts(found.examples),
        weight=settings.weight,
        unlabelled=found.unlabelled,
        repeated=found.repeated,
        held_out=found.held_out,
        gold_rows=audit.gold_rows,
        gold_name=audit.gold_name,
        accuracy=audit.score.accuracy.value,
        accuracy_interval=(audit.score.accuracy.low, audit.score.accuracy.high),
        kappa=audit.score.kappa.value,
        kappa_interval=(audit.score.kappa.low, audit.score.kappa.high),
        gate=audit.gate,
    )
    return replace(parts, train=[*parts.train, *found.examples]), card


def _train_seeds(request: TrainRequest, callbacks: Callbacks, material: Material) -> TrainResult:
    from newsclf.training.calibration.rows import calibration_rows
    from newsclf.training.calibration.run import calibrate
    from newsclf.training.loop import fit

    settings, work = request.settings, work_folder(request.settings.model)
    parts = material.parts
    calibrated_on = calibration_rows(material.data, parts, settings.train.calibration)
    cards, rates = [], []
    for seed in range(settings.train.seed, settings.train.seed + request.seeds):
        folder, checkpoint = work / f"seed-{seed}", work / f"seed-{seed}.checkpoint"
        if folder.exists():  # finished before an interruption
            shutil.rmtree(checkpoint, ignore_errors=True)  # if that cut its removal short
            cards.append(read_card(folder)[1])
            continue
        checkpoint.mkdir(exist_ok=True)
        train_settings = settings.train.model_copy(update={"seed": seed})
        fitted = fit(
            parts,
            material.base,
            train_settings,
            lesson=material.lesson,
            checkpoint=checkpoint,
            on_step=callbacks.on_step,
            on_epoch=partial(callbacks.on_epoch, seed),
        )
        calibration = calibrate(fitted.model, fitted.tokenizer, calibrated_on)
        unfinished = work / f"seed-{seed}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        card = write_model(
            unfinished,
            fitted,
            material,
            settings=settings.model_copy(update={"train": train_settings}),
            calibration=calibration,
            calibrated_on=calibrated_on,
        )
        if request.optimize:
            try:
                card = add_int8(unfinished, card, parts.validation, settings.optimize)
            except Int8RejectedError as error:
                card = rejected_card(card, error)
                write_card(unfinished, card)
        replace_directory(unfinished, folder)
        shutil.rmtree(checkpoint)
        cards.append(card)
        rates.append(fitted.rows_per_s)
    return TrainResult(settings.model, cards, statistics.fmean(rates) if rates else 0.0)


def _finish(work: Path, target: Path, result: TrainResult) -> None:
    """Put the model directory in its place, and delete the run's folder.

    Raises:
        InterruptedRunError: Ctrl-C when the model was in its place.
    """
    seeds = [f"seed-{card.training.seed}" for card in result.cards]
    finished = work / seeds[0] if len(seeds) == 1 else work
    if finished is work:
        best = f"seed-{result.best.training.seed}"
        document = json.dumps({"best": best, "seeds": seeds}, indent=2)
        write_text(work / SEEDS_FILE, f"{document}\n")
    try:
        replace_directory(finished, target)
        if finished is not work:
            remove(work)
            return
        for name in (REQUEST_FILE, LOCK_FILE):
            (target / name).unlink()
    except KeyboardInterrupt:
        if finished.exists():
            raise
        raise InterruptedRunError(
            f"training was interrupted, but {result.model} is complete",
            hint=f"newsclf evaluate --model {result.model}",
        ) from None
