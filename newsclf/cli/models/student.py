"""Options of `newsclf optimize --student`, and the training that it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.models.train_view import show_result, training_bar
from newsclf.cli.options import EpochsOpt, OverwriteOpt, SeedOpt, SeedsOpt

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings


@dataclass(frozen=True, kw_only=True)
class StudentOptions:
    """A smaller model that is distilled from a finished one."""

    PANEL: ClassVar[str] = "Student"

    student: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERSxWIDTH",
            help="Size of a smaller model, such as 3x384: so many layers of a base, distilled.",
            show_default=False,
        ),
    ] = None
    student_base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Base whose layers the student starts with: a Hub id, a folder, or minilm.",
            show_default="the model's own layers",
        ),
    ] = None
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|MODEL",
            help="Teacher: a model directory, or a base to train first.",
            show_default="the model",
        ),
    ] = None
    unlabelled: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Headlines without labels, on which the teacher is asked too.",
            show_default=False,
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Model directory of the student.",
            show_default="MODEL-LAYERSxWIDTH",
        ),
    ] = None
    seed: SeedOpt = None
    seeds: SeedsOpt = None
    epochs: EpochsOpt = None
    overwrite: OverwriteOpt = False

    def train_settings(self) -> dict[str, object]:
        """The section `train` of the settings."""
        return {"student": self.student, "seed": self.seed, "epochs": self.epochs}

    def distil_settings(self) -> dict[str, object]:
        """The section `distil` of the settings."""
        return {"teacher": self.teacher, "unlabelled": self.unlabelled}


def train_student(
    output: Output, settings: Settings, chosen: StudentOptions, source: str | None
) -> None:
    """Train a student of the model of the settings, with its int8 form, and show its scores."""
    from newsclf.training.distil.request import student_request
    from newsclf.training.run import train

    request, card = student_request(
        settings,
        out=chosen.out,
        base=chosen.student_base,
        source=source,
        seeds=chosen.seeds or 1,
        overwrite=chosen.overwrite,
    )
    if card.extra is not None and settings.labelled.file is None:
        output.note(
            f"{card.extra.name}: the student is not trained on this labelled file, since the model"
            " does not keep it; --unlabelled takes it, and the teacher answers for its headlines"
        )
    with training_bar(output, request) as callbacks:
        result = train(request, callbacks)
    show_result(output, result, request.settings.optimize)
    result.check_int8()
