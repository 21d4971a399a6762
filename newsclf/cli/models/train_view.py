"""Output of `newsclf train`: the data, the progress, and the finished model."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from newsclf.cli.console import Output
    from newsclf.common.settings import OptimizeSettings
    from newsclf.data.examples import LabelledData, Split
    from newsclf.model.card import CardDistillation, CardExtra
    from newsclf.training.checkpoint import EpochResult
    from newsclf.training.folder import TrainRequest
    from newsclf.training.loop import StepProgress
    from newsclf.training.run import TrainResult


_RARE_SHARE = 0.05
_NOTE_EVERY_S = 60
"""Time between two lines on progress where no bar can be drawn, such as in the log of a job."""


def show_data(output: Output, data: LabelledData, parts: Split) -> None:
    """Show the size of each part of the data, and caveats about it."""
    from newsclf.data.examples import class_counts, remarks_on

    for note in data.notes:
        output.note(f"{data.name}: {note}")
    output.note(
        f"{data.name}: {len(parts.train)} rows to train on, {len(parts.validation)} for"
        f" validation, {len(parts.test)} held out"
        + (f", {len(parts.extra_test)} more with less agreement" if parts.extra_test else "")
    )
    for remark in remarks_on(data):
        output.note(remark)
    read = (data.examples, data.extra, data.validation, data.test, data.extra_test)
    kept = (parts.train, parts.validation, parts.test, parts.extra_test)
    alike = sum(len(rows) for rows in read if rows is not None) - sum(map(len, kept))
    if alike:
        output.note(
            f"{alike:,} rows that read like one of a later part are left out of training or"
            " validation."
        )
    for label, rows in class_counts(parts.train).items():
        if 0 < rows < _RARE_SHARE * len(parts.train):
            output.note(
                f"Only {rows:,} of {len(parts.train):,} training rows are {label}, so the model"
                ' will seldom find them: add such rows, or set train.class_weights = "balanced"'
                " in a file for --config (NEWSCLF_TRAIN_CLASS_WEIGHTS=balanced)."
            )
    if data.licence:
        output.note(f"Licence of the data: {data.licence}")


def show_extra(output: Output, extra: CardExtra) -> None:
    """Show how many rows of a labelled file are used, and how good its labels are."""
    from newsclf.common.intervals import percent, share_range
    from newsclf.data.examples import counted

    left_out = [
        words
        for count, words in (
            (extra.unlabelled, f"{extra.unlabelled:,} have no label"),
            (extra.repeated, f"{extra.repeated:,} repeat or resemble others"),
            (extra.held_out, f"{extra.held_out:,} resemble a validation or test row"),
        )
        if count
    ]
    output.note(
        f"{extra.name}: {counted(sum(extra.rows.values()), 'more row', 'more rows')} to train on,"
        f" with the weight {extra.weight:g}" + (f" ({', '.join(left_out)})" * bool(left_out))
    )
    output.note(
        f"{extra.name}: on {extra.gold_rows:,} hidden rows its labels have an accuracy of"
        f" {percent(extra.accuracy)} ({share_range(extra.accuracy_interval)}) and a kappa of"
        f" {extra.kappa:.2f}"
    )


def show_result(
    output: Output, result: TrainResult, limits: OptimizeSettings, **more: object
) -> None:
    """Show the scores of a finished model.

    Args:
        limits: By which int8 files were accepted.
        more: For the JSON document.
    """
    from newsclf.common.intervals import percent
    from newsclf.data.examples import counted
    from newsclf.evaluation.baseline import baseline_of
    from newsclf.training.int8.parity import caveat

    baseline = baseline_of(result.best.data.validation)
    output.data(
        {
            "model": str(result.model),
            "digest": result.best.digest,
            "best_seed": result.best.training.seed,
            "rows_per_s": result.rows_per_s,
            "spread": {name: spread._asdict() for name, spread in (result.spread or {}).items()},
            "validation": {
                str(card.training.seed): card.validation.model_dump() for card in result.cards
            },
            "calibration": {
                str(card.training.seed): card.calibration.model_dump() if card.calibration else None
                for card in result.cards
            },
            "baseline": baseline.model_dump(),
            **more,
        }
    )
    rows = [
        [
            f"seed {card.training.seed}",
            card.validation.rows,
            percent(card.validation.accuracy),
            percent(card.validation.macro_f1),
            percent(card.int8.agreement if card.int8 else None),
            f"{card.kept_epoch} of {card.epochs_run}",
        ]
        for card in result.cards
    ]
    rows.append([baseline.name, "", percent(baseline.accuracy), "", "", ""])
    if result.spread:
        rows.append(["mean ± sd", "", *(s.percent() for s in result.spread.values()), "", ""])
    output.show(
        output.table(
            f"{result.model}: validation part",
            ["", "rows", "accuracy", "macro-F1", "int8 agrees", "epoch kept"],
            rows,
        )
    )
    if worthless := baseline.remark(result.best.validation.accuracy):
        output.note(worthless)
    for card in result.cards:
        if card.calibration:
            output.note(f"seed {card.training.seed}: {card.calibration.sentence}")
        if card.int8 and (note := caveat(card.int8, limits)):
            output.note(f"seed {card.training.seed}: int8 {note}")
    if result.best.data.cut:
        output.note(
            f"{counted(result.best.data.cut, 'text is', 'texts are')} longer than the model reads;"
            " the rest of each is ignored."
        )
    runtime = "--float " if any(card.int8 is None for card in result.cards) else ""
    output.note(f"next: newsclf evaluate {runtime}--model {result.model}")


@contextmanager
def training_bar(output: Output, request: TrainRequest) -> Iterator[TrainingBar]:
    """Callbacks that show loss, rows per second and time left, and a line for each epoch."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    with output.progress(
        TextColumn("{task.fields[of]}seed {task.fields[seed]}, epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}, {task.fields[rate]:.0f} rows/s"),
        TimeRemainingColumn(),
    ) as progress:
        yield TrainingBar(output, progress, request.settings.train.epochs)


class TrainingBar:
    """A progress bar for each seed; a line a minute where no bar can be drawn."""

    def __init__(
        self,
        output: Output,
        progress: Progress,
        epochs: int,
        *,
        is_teacher: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._progress = progress
        self._epochs = epochs
        self._of = "teacher, " if is_teacher else ""
        self._tasks: dict[int, TaskID] = {}
        self._clock = clock
        self._begun: dict[int, tuple[int, float]] = {}
        """By seed: the first step that was shown, and when, in seconds."""
        self._noted_s: dict[int, float] = {}
        """By seed: when a line was last written."""

    def on_data(self, data: LabelledData, parts: Split) -> None:
        """Show the data."""
        if not self._of:
            show_data(self._output, data, parts)

    def on_extra(self, extra: CardExtra) -> None:
        """Show how many rows of a labelled file are used, and how good its labels are."""
        if not self._of:
            show_extra(self._output, extra)

    def for_teacher(self, epochs: int, /) -> TrainingBar:
        """Bars of their own for a teacher."""
        return TrainingBar(self._output, self._progress, epochs, is_teacher=True)

    def on_lesson(self, lesson: CardDistillation) -> None:
        """Show which texts the teacher has answered for."""
        from newsclf.data.examples import counted

        alike, unusable = lesson.repeated + lesson.held_out, lesson.unusable
        resemble = counted(alike, "other repeats or resembles", "others repeat or resemble")
        left_out = [f"{resemble} one of them or a row of the data"] * bool(alike)
        left_out += [f"{counted(unusable, 'row is', 'rows are')} empty or too long"] * bool(
            unusable
        )
        self._output.note(
            f"teacher {lesson.teacher}: it has answered for the training rows"
            + (
                f" and {counted(lesson.unlabelled_rows, 'headline', 'headlines')} of"
                f" {lesson.unlabelled}" * bool(lesson.unlabelled)
            )
            + (f" ({', '.join(left_out)})" * bool(left_out))
        )

    def on_step(self, now: StepProgress) -> None:
        """Move the bar."""
        fields: dict[str, Any] = {
            "epoch": f"{now.epoch} of {now.epochs}",
            "loss": now.loss,
            "rate": now.rows_per_s,
        }
        if now.seed not in self._tasks:
            self._tasks[now.seed] = self._progress.add_task(
                "", total=now.steps, of=self._of, seed=now.seed, **fields
            )
        self._progress.update(self._tasks[now.seed], completed=now.step, **fields)
        if self._progress.disable:
            self._note_each_minute(now)

    def _note_each_minute(self, now: StepProgress) -> None:
        time_s = self._clock()
        first_step, begun_s = self._begun.setdefault(now.seed, (now.step, time_s))
        if time_s - self._noted_s.setdefault(now.seed, begun_s) < _NOTE_EVERY_S:
            return
        self._noted_s[now.seed] = time_s
        left_s = (time_s - begun_s) / (now.step - first_step) * (now.steps - now.step)
        self._output.note(
            f"{self._of}seed {now.seed}, epoch {now.epoch} of {now.epochs}:"
            f" step {now.step} of {now.steps}, loss {now.loss:.3f},"
            f" {now.rows_per_s:.0f} rows/s, {dt.timedelta(seconds=round(left_s))} left"
        )

    def on_epoch(self, seed: int, result: EpochResult) -> None:
        """Show the results of an epoch."""
        from newsclf.common.intervals import percent

        self._output.note(
            f"{self._of}seed {seed}, epoch {result.epoch} of {self._epochs}:"
            f" training loss {result.train_loss:.3f},"
            f" validation loss {result.validation_loss:.3f},"
            f" accuracy {percent(result.accuracy)}, macro-F1 {percent(result.macro_f1)}"
        )
