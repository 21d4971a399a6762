"""The command `newsclf train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.options import (
    ConfigOpt,
    DataOpt,
    JsonOpt,
    LabelColumnOpt,
    LabelOpt,
    OverwriteOpt,
    QuietOpt,
    TextColumnOpt,
    VerboseOpt,
    pairs,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.cli.output import Output
    from newsclf.core.examples import LabelledData, Split
    from newsclf.lifecycle.train import TrainRequest, TrainResult
    from newsclf.ml.train import EpochResult, StepProgress


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
            help="PhraseBank: percent of annotators who must agree.",
            show_default="75",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default="0")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Train several seeds.", show_default="1")
    ] = None,
    epochs: Annotated[int | None, typer.Option(show_default="6")] = None,
    batch_size: Annotated[int | None, typer.Option(show_default="32")] = None,
    learning_rate: Annotated[float | None, typer.Option(show_default="by width of base")] = None,
    text_column: TextColumnOpt = None,
    label_column: LabelColumnOpt = None,
    label: LabelOpt = None,
    device: Annotated[
        str | None, typer.Option(metavar="auto|cpu|cuda|mps", show_default="auto")
    ] = None,
    optimize: Annotated[
        bool | None,
        typer.Option("--optimize/--no-optimize", help="Make the int8 file.", show_default="yes"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    overwrite: OverwriteOpt = False,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Fine-tune a classifier, and write a model directory with its int8 form.

    Further settings (warm-up, smoothing, weight averaging, …) are set in a TOML file.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.lifecycle.train import TrainRequest, interrupted_request
    from newsclf.lifecycle.train import train as run

    flags: dict[str, Any] = {
        "model": out,
        "data": {
            "source": data,
            "agreement": agreement,
            "text_column": text_column,
            "label_column": label_column,
            "labels": pairs(label, "--label") or None,
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
    settings = settings_from(config, flags)
    if resume:
        _refuse_changes(flags, seeds=seeds, optimize=optimize, config=config)
        request = interrupted_request(settings.model)
    else:
        request = TrainRequest(
            settings=settings, seeds=seeds or 1, optimize=optimize is not False, overwrite=overwrite
        )
    with _Bar(output, request) as watch:
        result = run(request, watch, resume=resume)
    _show(output, result)
    result.check_int8()


def _refuse_changes(
    flags: dict[str, Any], *, seeds: int | None, optimize: bool | None, config: Path | None
) -> None:
    from newsclf.core.errors import ConfigError

    given = [
        f"--{name.replace('_', '-')}"
        for section in ("data", "train")
        for name, value in flags[section].items()
        if value is not None
    ]
    given += [
        name
        for name, value in (("--seeds", seeds), ("--optimize", optimize), ("--config", config))
        if value is not None
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

        from newsclf.lifecycle.train import TrainWatch

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
        self._output.note(
            f"{data.name}: {len(parts.train)} rows to train on, {len(parts.validation)} for"
            f" validation, {len(parts.test)} held out"
        )
        if data.licence:
            self._output.note(f"Licence of the data: {data.licence}")

    def _on_step(self, now: StepProgress) -> None:
        if now.seed not in self._tasks:
            self._tasks[now.seed] = self._progress.add_task(
                "", total=now.steps, completed=now.step - 1,
                seed=now.seed, epoch="", loss=0.0, rate=0.0,
            )  # fmt: skip
        self._progress.update(
            self._tasks[now.seed],
            completed=now.step,
            epoch=f"{now.epoch}/{now.epochs}",
            loss=now.loss,
            rate=now.rows_per_s,
        )

    def _on_epoch(self, seed: int, result: EpochResult) -> None:
        self._output.note(
            f"seed {seed}, epoch {result.epoch}: training loss {result.train_loss:.3f},"
            f" validation loss {result.validation_loss:.3f},"
            f" accuracy {100 * result.accuracy:.1f} %, macro-F1 {100 * result.macro_f1:.1f} %"
        )


def _show(output: Output, result: TrainResult) -> None:
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
        }
    )
    rows = [
        [
            f"seed {card.training.seed}",
            card.validation.rows,
            f"{100 * card.validation.accuracy:.1f} %",
            f"{100 * card.validation.macro_f1:.1f} %",
            f"{100 * card.int8.agreement:.1f} %" if card.int8 else "–",
            f"{card.kept_epoch} of {card.epochs_run}",
        ]
        for card in result.cards
    ]
    if result.spread:
        rows.append(["mean ± sd", "", *(s.percent() for s in result.spread.values()), "", ""])
    output.show(
        output.table(
            f"{result.model}: validation part",
            ["", "rows", "accuracy", "macro-F1", "int8 agrees", "epoch kept"],
            rows,
        )
    )
    output.note(f"next: newsclf evaluate --model {result.model}")
