"""The command `newsclf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import LabelledDataOptions, ModelOpt, ResultOptions, pairs


@grouped
def evaluate(
    *,
    model: ModelOpt = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Other data to evaluate on, without the rows that the model was trained on; or the"
            " new location of the training data.",
            show_default="the held-out part of the training data",
        ),
    ] = None,
    reading: LabelledDataOptions,
    include_seen: Annotated[
        bool,
        typer.Option(
            "--include-seen",
            help="Also score the rows of --data that the model was trained or validated on.",
        ),
    ] = False,
    use_float: Annotated[
        bool, typer.Option("--float", help="Run the torch model instead of the int8 file.")
    ] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=MIN",
            help="Required minimum, such as accuracy=0.9; exit code 6 if missed; repeatable.",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Second model to compare with, by McNemar's test."),
    ] = None,
    errors: Annotated[
        int, typer.Option(min=0, help="Number of errors to print; the report lists at least 20.")
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for report.html, report.json and the charts; the model is not changed.",
            show_default="evaluation, in the model directory",
        ),
    ] = None,
    general: ResultOptions,
) -> None:
    """Evaluate a model on the held-out test part of its data, and write a report.

    Columns and labels of --data default to those of the training data.

    --quiet prints only the summary.
    """
    output = general.start()
    from newsclf.cli.models.evaluate_view import show
    from newsclf.evaluation.run import REPORTED_ERRORS, EvaluationRequest, check_gates
    from newsclf.evaluation.run import evaluate as run

    settings = general.settings(model=model, data={"source": data, **reading.flags()})
    evaluated = run(
        EvaluationRequest(
            model=settings.model,
            data=settings.data if data is not None else None,
            runtime="float" if use_float else "int8",
            gates=_gates(gate),
            compare=compare,
            out=out,
            include_seen=include_seen,
            errors=max(errors, REPORTED_ERRORS),
        )
    )
    show(output, evaluated, errors)
    check_gates(evaluated.report)


def _gates(values: list[str] | None) -> dict[str, float]:
    from newsclf.common.errors import ConfigError

    gates = {}
    for metric, minimum in pairs(values, "--gate").items():
        try:
            gates[metric] = float(minimum)
        except ValueError:
            raise ConfigError(f"--gate {metric}={minimum}: the minimum is not a number") from None
    return gates
