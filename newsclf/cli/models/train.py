"""The command `newsclf train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.models.train_on_sagemaker import JobOptions
from newsclf.cli.models.train_view import show_result, training_bar
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.options import (
    DATA_PANEL,
    DataOpt,
    EpochsOpt,
    LabelledDataOptions,
    OverwriteOpt,
    RegionOptions,
    ResultOptions,
    RuleOptions,
    SeedOpt,
    SeedsOpt,
    YesOpt,
)
from newsclf.common.machine import Device

if TYPE_CHECKING:
    from newsclf.common.settings import DistilSettings, LabelledSettings

TEACHER_PANEL = "Teacher"


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Options that determine the result of a training; a resumed run keeps them."""

    data: DataOpt = None
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Base model: a Hub id, a folder, or minilm (no download with newsclf\\[demo]).",
            show_default="distilbert-base-uncased",
        ),
    ] = None
    agreement: Annotated[
        int | None,
        typer.Option(
            metavar="50|66|75|100",
            autocompletion=completion.one_of("50", "66", "75", "100"),
            help="PhraseBank: percent of annotators who must agree.",
            show_default="75",
        ),
    ] = None
    seed: SeedOpt = None
    seeds: SeedsOpt = None
    epochs: EpochsOpt = None
    batch_size: Annotated[
        int | None, typer.Option(help="Headlines per training step.", show_default="32")
    ] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate of the head.", show_default="1e-4 or 2e-4, by width of base"
        ),
    ] = None
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate validation data, in any form that --data takes.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    test: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate test data, in any form that --data takes.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    extra: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Labelled file of newsclf label to train on too, if its labels met their gate.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    extra_weight: Annotated[
        float | None,
        typer.Option(
            metavar="0…1",
            help="Weight of the rows of --extra in the loss; others have 1.",
            show_default="0.5",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|MODEL",
            help="Teacher to distil from: a model directory, or a base to train first.",
            rich_help_panel=TEACHER_PANEL,
        ),
    ] = None
    unlabelled: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Headlines without labels, on which the teacher is asked too.",
            rich_help_panel=TEACHER_PANEL,
        ),
    ] = None
    student: Annotated[
        str | None,
        typer.Option(
            metavar="LAYERSxWIDTH",
            help="Keep so many layers of the base, such as 3x384; newsclf optimize has this too.",
            show_default="all layers",
            rich_help_panel=TEACHER_PANEL,
        ),
    ] = None
    optimize: Annotated[
        bool | None,
        typer.Option(
            "--optimize/--no-optimize", help="Create the int8 model file.", show_default="yes"
        ),
    ] = None

    def data_settings(self) -> dict[str, object]:
        """The section `data` of the settings."""
        return {
            "source": self.data,
            "validation": self.validation,
            "test": self.test,
            "agreement": self.agreement,
        }

    def labelled_settings(self) -> dict[str, object]:
        """The section `labelled` of the settings."""
        return {"file": self.extra, "weight": self.extra_weight}

    def distil_settings(self) -> dict[str, object]:
        """The section `distil` of the settings."""
        return {"teacher": self.teacher, "unlabelled": self.unlabelled}

    def train_settings(self) -> dict[str, object]:
        """The section `train` of the settings."""
        names = ("base", "student", "seed", "epochs", "batch_size", "learning_rate")
        return {name: getattr(self, name) for name in names}


@grouped
def train(
    *,
    training: TrainOptions,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Model directory to write.", show_default="model"),
    ] = None,
    reading: LabelledDataOptions,
    device: Annotated[
        Device | None, typer.Option(help="Device to train on.", show_default="auto")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    overwrite: OverwriteOpt = False,
    on: Annotated[
        Literal["local", "sagemaker"],
        typer.Option("--on", help="Where to train; a SageMaker job is billed."),
    ] = "local",
    job: JobOptions,
    place: RegionOptions,
    rules: RuleOptions,
    yes: YesOpt = False,
    general: ResultOptions,
) -> None:
    """Fine-tune a classifier, and write a model directory with its int8 form.

    Further settings (warm-up, smoothing, weight averaging, …) are set in a TOML file with --config.
    On SageMaker the same training runs as a job; Ctrl-C stops it.
    """
    output = general.start()
    from newsclf.cli.models import train_on_sagemaker
    from newsclf.training.folder import JOB_FILE, TrainRequest, interrupted_request, work_folder
    from newsclf.training.run import train as run
    from newsclf.training.sagemaker.job import read_job

    only_aws = [each for group in (job, place, rules) for each in options_given(group)]
    kept = [*options_given(training), *options_given(reading), *only_aws]
    _check_applicable(on, only_aws, [*kept, *(["--config"] if general.config else [])] * resume)
    settings = general.settings(
        model=out,
        aws=rules.rules(),
        data=training.data_settings() | reading.flags(),
        train=training.train_settings() | {"device": device},
        labelled=training.labelled_settings(),
        distil=training.distil_settings(),
    )
    _check_distillation(settings.distil)
    _check_extra(training.extra_weight, settings.labelled)
    if resume:
        request = interrupted_request(settings.model, device=device)
        if overwrite:
            request = request.model_copy(update={"overwrite": True})
        recorded = read_job(work_folder(settings.model) / JOB_FILE)
        if recorded is not None:
            train_on_sagemaker.resume(output, request, recorded)
            return
    else:
        request = TrainRequest(
            settings=settings,
            seeds=training.seeds or 1,
            optimize=training.optimize is not False,
            overwrite=overwrite,
        )
    if on == "sagemaker":
        train_on_sagemaker.begin(output, request, job, place, yes=yes)
        return
    with training_bar(output, request) as callbacks:
        result = run(request, callbacks, resume=resume)
    show_result(output, result, request.settings.optimize)
    result.check_int8()


def _check_distillation(distil: DistilSettings) -> None:
    """Raise ConfigError for unlabelled texts without a teacher."""
    from newsclf.common.errors import ConfigError

    if distil.unlabelled is not None and distil.teacher is None:
        raise ConfigError(
            "--unlabelled: only with --teacher, which answers for these headlines",
            hint="newsclf train --teacher MODEL --unlabelled FILE",
        )


def _check_extra(weight: float | None, labelled: LabelledSettings) -> None:
    """Raise ConfigError for a weight without a labelled file."""
    from newsclf.common.errors import ConfigError

    if weight is not None and labelled.file is None:
        raise ConfigError(
            "--extra-weight: only with --extra, whose rows have this weight",
            hint="newsclf train --extra labelled.jsonl --extra-weight 0.5",
        )


def _check_applicable(on: str, only_aws: list[str], kept: list[str]) -> None:
    """Raise ConfigError if options were given that do not apply.

    Args:
        on: Where to train.
        only_aws: Options for SageMaker that were given.
        kept: Options that a resumed run keeps from its start, and that were given.
    """
    from newsclf.common.errors import ConfigError

    if kept:
        raise ConfigError(
            f"--resume keeps the settings of the interrupted run; drop {', '.join(kept)}",
            hint="to start again with other settings: newsclf train --overwrite …",
        )
    if on == "local" and only_aws:
        raise ConfigError(f"{', '.join(only_aws)}: only with --on sagemaker")
