"""The command `newsclf train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli import completion
from newsclf.cli.models.train_view import say_data, show_result
from newsclf.cli.options import (
    DATA_PANEL,
    BoundaryOpt,
    ColumnsOpt,
    ConfigOpt,
    DataOpt,
    DelimiterOpt,
    EncodingOpt,
    JsonOpt,
    LabelColumnOpt,
    LabelOpt,
    OverwriteOpt,
    ProfileOpt,
    QuietOpt,
    RegionOpt,
    RoleOpt,
    ScoreThresholdsOpt,
    TagOpt,
    TextColumnOpt,
    VerboseOpt,
    YesOpt,
    label_flags,
    reading_flags,
    rules_from,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.data.examples import LabelledData, Split
    from newsclf.training.folder import TrainRequest
    from newsclf.training.loop import EpochResult, StepProgress


def train(
    *,
    data: DataOpt = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A Hub id, a folder, or minilm (no download with newsclf\\[demo]).",
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
    seed: Annotated[
        int | None, typer.Option(help="Seed of the training.", show_default="0")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Train this many seeds, and keep all of them.", show_default="1"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training data.", show_default="6")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Headlines in each training step.", show_default="32")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak learning rate of the head.", show_default="by width of base"),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate validation data, as for --data.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Separate data to hold out, as for --data.",
            show_default="a part of --data",
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    text_column: TextColumnOpt = None,
    label_column: LabelColumnOpt = None,
    label: LabelOpt = None,
    score_thresholds: ScoreThresholdsOpt = None,
    columns: ColumnsOpt = None,
    delimiter: DelimiterOpt = None,
    encoding: EncodingOpt = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cpu|cuda|mps",
            autocompletion=completion.one_of("auto", "cpu", "cuda", "mps"),
            help="Device to train on.",
            show_default="auto",
        ),
    ] = None,
    optimize: Annotated[
        bool | None,
        typer.Option("--optimize/--no-optimize", help="Make the int8 file.", show_default="yes"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    overwrite: OverwriteOpt = False,
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="local|sagemaker",
            autocompletion=completion.one_of("local", "sagemaker"),
            help="Where; sagemaker bills.",
        ),
    ] = "local",
    instance: Annotated[
        str | None,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="SageMaker: such as ml.m5.xlarge.",
        ),
    ] = None,
    spot: Annotated[
        bool, typer.Option("--spot", help="SageMaker: cheaper machines that may be taken away.")
    ] = False,
    max_runtime: Annotated[
        str | None,
        typer.Option(
            metavar="90m|2h|1d",
            autocompletion=completion.one_of("90m", "2h", "1d"),
            help="SageMaker: then it ends.",
            show_default="1h",
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="URI", help="SageMaker: another image.", show_default="AWS's PyTorch"),
    ] = None,
    region: RegionOpt = None,
    profile: ProfileOpt = None,
    role: RoleOpt = None,
    permissions_boundary: BoundaryOpt = None,
    tag: TagOpt = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="SageMaker: show what it would do and cost.")
    ] = False,
    yes: YesOpt = False,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Fine-tune a classifier, and write a model directory with its int8 form.

    Further settings (warm-up, smoothing, weight averaging, …) are set in a TOML file. On SageMaker
    it is the same training, as a job; Ctrl-C stops it.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.cli.models import train_on_sagemaker
    from newsclf.training.folder import JOB_FILE, TrainRequest, interrupted_request, work_folder
    from newsclf.training.run import train as run
    from newsclf.training.sagemaker.job import read_job

    rules = rules_from(role, permissions_boundary, tag)
    options = train_on_sagemaker.Options(
        instance=instance,
        spot=spot,
        max_runtime=max_runtime,
        image=image,
        region=region,
        profile=profile,
        dry_run=dry_run,
        confirmed=yes,
        verbose=verbose,
        rules=rules,
    )
    options.check(on, resume=resume)

    flags: dict[str, Any] = {
        "model": out,
        "data": {
            "source": data,
            "validation": validation,
            "test": test,
            "agreement": agreement,
            **reading_flags(text_column, columns, delimiter, encoding),
            **label_flags(label_column, label, score_thresholds),
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
    settings = settings_from(config, flags | {"aws": rules})
    if resume:
        _refuse_changes(flags, seeds=seeds, optimize=optimize, config=config)
        request = interrupted_request(
            settings.model, device=settings.train.device if device else None
        )
        job = read_job(work_folder(settings.model) / JOB_FILE)
        if job is not None:
            train_on_sagemaker.go_on(output, request, job, verbose=verbose)
            return
    else:
        request = TrainRequest(
            settings=settings, seeds=seeds or 1, optimize=optimize is not False, overwrite=overwrite
        )
    if on == "sagemaker":
        train_on_sagemaker.begin(output, request, options)
        return
    with _Bar(output, request) as watch:
        result = run(request, watch, resume=resume)
    show_result(output, result, request.settings.optimize)
    result.check_int8()


def _refuse_changes(
    flags: dict[str, Any], *, seeds: int | None, optimize: bool | None, config: Path | None
) -> None:
    from newsclf.common.errors import ConfigError
    from newsclf.common.settings import option_of

    given = [
        option_of(name)
        for section in ("data", "train")
        for name, value in flags[section].items()
        if value is not None and name != "device"  # which is no setting of the result
    ]
    if optimize is not None:
        given.append("--optimize" if optimize else "--no-optimize")
    given += [
        name for name, value in (("--seeds", seeds), ("--config", config)) if value is not None
    ]
    if given:
        raise ConfigError(
            f"--resume goes on with the settings of the interrupted run; drop {', '.join(given)}",
            hint="to start again with other settings: newsclf train --overwrite …",
        )


class _Bar:
    """A progress bar with loss, rows per second and time left, and a line for each epoch."""

    def __init__(self, output: Output, request: TrainRequest) -> None:
        self._output = output
        self._request = request

    def __enter__(self) -> Any:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        from newsclf.training.run import TrainWatch

        self._context = self._output.progress(
            TextColumn("seed {task.fields[seed]}, epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.3f}, {task.fields[rate]:.0f} rows/s"),
            TimeRemainingColumn(),
        )
        self._progress = self._context.__enter__()
        self._tasks: dict[int, Any] = {}
        return TrainWatch(on_data=self._on_data, on_step=self._on_step, on_epoch=self._on_epoch)

    def __exit__(self, *exc: object) -> None:
        self._context.__exit__(None, None, None)

    def _on_data(self, data: LabelledData, parts: Split) -> None:
        say_data(self._output, data, parts)

    def _on_step(self, now: StepProgress) -> None:
        if now.seed not in self._tasks:
            self._tasks[now.seed] = self._progress.add_task(
                "",
                total=now.steps,
                completed=now.step - 1,
                seed=now.seed,
                epoch="",
                loss=0.0,
                rate=0.0,
            )
        self._progress.update(
            self._tasks[now.seed],
            completed=now.step,
            epoch=f"{now.epoch} of {now.epochs}",
            loss=now.loss,
            rate=now.rows_per_s,
        )

    def _on_epoch(self, seed: int, result: EpochResult) -> None:
        self._output.note(
            f"seed {seed}, epoch {result.epoch} of {self._request.settings.train.epochs}:"
            f" training loss {result.train_loss:.3f},"
            f" validation loss {result.validation_loss:.3f},"
            f" accuracy {100 * result.accuracy:.1f} %, macro-F1 {100 * result.macro_f1:.1f} %"
        )
