"""The command `newsclf predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    ModelOpt,
    OverwriteOpt,
    QuietOpt,
    StateDirOpt,
    TextColumnOpt,
    VerboseOpt,
    only_one,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsclf.cli.output import Output
    from newsclf.core.settings import Settings
    from newsclf.lifecycle.predict import Classify, Predicted

_BAR_CELLS = 20
_COLOURS = {"negative": "red", "neutral": "blue", "positive": "green"}


def predict(
    headlines: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HEADLINE]...", help="Headlines, or - to read lines from stdin."),
    ] = None,
    *,
    model: ModelOpt = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--input", metavar="FILE", help="Score a .csv, .jsonl, .parquet or .txt; or s3://…"
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--output", metavar="FILE", help="Where --input's rows and scores go."),
    ] = None,
    text_column: TextColumnOpt = None,
    deployment: Annotated[
        str, typer.Option("--deployment", metavar="NAME", help="Deployment to ask.")
    ] = DEFAULT_DEPLOYMENT,
    header_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A token, where the API of a deployment asks for one."),
    ] = None,
    instance: Annotated[
        str, typer.Option(metavar="ml.…", help="Instance of a batch job on AWS.")
    ] = "ml.c5.xlarge",
    count: Annotated[int, typer.Option(min=1, help="Instances of a batch job on AWS.")] = 1,
    state_dir: StateDirOpt = None,
    overwrite: OverwriteOpt = False,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Classify headlines: given here, on stdin, or in a file of any size.

    Headlines go to the deployment if there is one, else to the model directory; files always to
    the model directory. From s3://… to s3://… a batch job on AWS scores lines of
    {"inputs": "headline"} with the deployment's model.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.core.errors import ConfigError
    from newsclf.lifecycle.predict import predict as run

    settings = settings_from(
        config,
        {
            "model": model,
            "state_dir": state_dir,
            "data": {"text_column": only_one(text_column, "--text-column")},
        },
    )
    if source is not None or target is not None:
        if source is None or target is None or headlines:
            raise ConfigError(
                "--input and --output go together, and without headlines",
                hint="newsclf predict --input headlines.csv --output scored.csv",
            )
        on_s3 = [place.startswith("s3://") for place in (source, target)]
        if any(on_s3):
            if not all(on_s3):
                raise ConfigError(
                    "--input and --output are both on S3, or both files",
                    hint="aws s3 cp copies from one to the other",
                )
            from newsclf.cli.predict_batch import predict_batch

            predict_batch(
                output, settings.state_dir, deployment, source, target,
                instance=instance, count=count,
            )  # fmt: skip
            return
        _score(output, Path(source), Path(target), settings.model,
               settings.data.text_column or "text",
               overwrite=overwrite)  # fmt: skip
        return
    texts = headlines or []
    if "-" in texts:
        if len(texts) > 1:
            raise ConfigError(
                "- reads headlines from stdin, and takes no others beside it",
                hint="newsclf predict - < headlines.txt",
            )
        texts = _stdin_lines()
    classify = _classifier(
        output, settings, deployment=deployment, header_file=header_file,
        use_model=model is not None,
    )  # fmt: skip
    _show(output, texts, run(texts, classify))


def _classifier(
    output: Output,
    settings: Settings,
    *,
    deployment: str,
    header_file: Path | None,
    use_model: bool,
) -> Classify:
    """A deployment, where there is one and no model was named; else the model directory."""
    from newsclf.core.deployment import Deployments
    from newsclf.lifecycle.predict import open_model

    found = None if use_model else Deployments(settings.state_dir).find(deployment)
    if found is None:
        output.note(f"model {settings.model}")
        return open_model(settings.model).classify
    from newsclf.cli.addresses import address_of
    from newsclf.targets.client import classify

    address = address_of(found, header_file=header_file)
    output.note(f"deployment {found.name} at {address.url}")
    return lambda texts: classify(address, texts)


def _stdin_lines() -> list[str]:
    from newsclf.core.errors import DataError

    try:
        # Not splitlines(), which also parts at characters that may stand in a headline.
        lines = sys.stdin.buffer.read().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(
            f"stdin is not UTF-8 (byte {error.start + 1})", hint="iconv -f LATIN1 -t UTF-8"
        ) from None
    return [line.strip() for line in lines if line.strip()]


def _show(output: Output, texts: Sequence[str], predicted: Predicted) -> None:
    from rich.table import Table
    from rich.text import Text

    from newsclf.cli.output import visible
    from newsclf.core.contract import LABELS

    output.data(
        {
            "predictions": [
                {"headline": text, **prediction.as_dict()}
                for text, prediction in zip(texts, predicted.predictions, strict=True)
            ],
            "latency_ms": round(predicted.latency_ms, 3),
        }
    )
    for text, prediction in zip(texts, predicted.predictions, strict=True):
        grid = Table.grid(padding=(0, 1))
        for label, score in zip(LABELS, prediction.scores, strict=True):
            chosen = label == prediction.label
            grid.add_row(
                "▸" if chosen else " ",
                Text(label, style=f"bold {_COLOURS[label]}" if chosen else ""),
                Text(_bar(score), style=_COLOURS[label]),
                Text(f"{100 * score:5.1f} %", style="bold" if chosen else ""),
            )
        output.show(Text(visible(text), style="bold"), grid, "")
    count = len(predicted.predictions)
    output.note(f"{count} headline{'s' * (count != 1)} in {predicted.latency_ms:.1f} ms")


def _bar(share: float) -> str:
    """A bar of _BAR_CELLS cells, exact to an eighth of a cell."""
    eighths = round(share * _BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(_BAR_CELLS)


def _score(
    output: Output, source: Path, target: Path, model: Path, text_column: str, *, overwrite: bool
) -> None:
    from rich.progress import MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

    from newsclf.lifecycle.predict import score_file

    with output.progress(
        SpinnerColumn(), TextColumn("rows"), MofNCompleteColumn(), TimeElapsedColumn()
    ) as progress:
        task = progress.add_task("", total=None)
        rows = score_file(
            source,
            target,
            model,
            text_column=text_column,
            overwrite=overwrite,
            on_rows=lambda done: progress.update(task, completed=done),
        )
    output.data({"rows": rows, "output": str(target)})
    output.note(f"{rows} rows → {target}")
