"""The command `newsclf evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.option_values import pairs
from newsclf.cli.options import CatalogueOpt, LabelledDataOptions, ModelOpt, ResultOptions, SetsOpt

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.evaluation.rows import Runtime
    from newsclf.evaluation.unseen.run import UnseenRequest

_ERRORS = 5
"""Errors that are printed."""


@dataclass(frozen=True, kw_only=True)
class UnseenOptions:
    """Options for evaluating on public test sets."""

    PANEL: ClassVar = "Public test sets"
    on: Annotated[
        str | None,
        typer.Option(
            metavar="SET,…",
            help="Public test sets to evaluate on: finentity, tfns, sentfin, semeval, fiqa, gold;"
            " see configs/unseen.toml.",
        ),
    ] = None
    sets: SetsOpt = None
    catalogue: CatalogueOpt = None
    agreement: Annotated[
        bool,
        typer.Option("--agreement", help="Also measure how often int8 and float agree."),
    ] = False


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
    unseen: UnseenOptions,
    include_seen: Annotated[
        bool,
        typer.Option(
            "--include-seen",
            help="Also score rows of --data or --on that the model was trained or validated on.",
        ),
    ] = False,
    use_float: Annotated[
        bool, typer.Option("--float", help="Run the torch model instead of the int8 file.")
    ] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=MIN",
            help="Required minimum, such as accuracy=0.9, or with --on tfns.macro_f1=0.7 and"
            " unseen.macro_f1=0.75; exit code 6 if missed; repeatable.",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Second model to compare with by McNemar's test, such as one that was trained"
            " without --extra; also with --on.",
        ),
    ] = None,
    errors: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Number of errors to print; the report lists at least 20.",
            show_default=str(_ERRORS),
        ),
    ] = None,
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

    With --on, public test sets are used instead; they are downloaded when they are first needed.

    --quiet prints only the summary.
    """
    output = general.start()
    from newsclf.common.errors import ConfigError

    settings = general.settings(model=model, data={"source": data, **reading.flags()})
    runtime: Runtime = "float" if use_float else "int8"
    if unseen.on is not None:
        given = ["--data"] * (data is not None) + ["--errors"] * (errors is not None)
        if given := [*given, *options_given(reading)]:
            raise ConfigError(
                f"{given[0]} and --on cannot be combined",
                hint="run the command once for each of them",
            )
        from newsclf.evaluation.unseen.run import UnseenRequest

        request = UnseenRequest(
            model=settings.model,
            on=[name.strip() for name in unseen.on.split(",") if name.strip()],
            folder=unseen.sets,
            catalogue=unseen.catalogue,
            runtime=runtime,
            gates=_gates(gate),
            out=out,
            include_seen=include_seen,
            agreement=unseen.agreement,
            compare=compare,
        )
        _evaluate_unseen(output, request)
        return
    if given := options_given(unseen):
        raise ConfigError(
            f"{given[0]} needs --on", hint="name test sets, such as --on finentity,tfns"
        )
    if data is None and (given := options_given(reading)):
        raise ConfigError(
            f"{given[0]} needs --data", hint="name the file that it describes: --data FILE"
        )
    from newsclf.cli.models.evaluate_view import show
    from newsclf.evaluation.gates import check_gates
    from newsclf.evaluation.run import REPORTED_ERRORS, EvaluationRequest
    from newsclf.evaluation.run import evaluate as run

    errors = _ERRORS if errors is None else errors
    evaluated = run(
        EvaluationRequest(
            model=settings.model,
            data=settings.data if data is not None else None,
            runtime=runtime,
            gates=_gates(gate),
            compare=compare,
            out=out,
            include_seen=include_seen,
            errors=max(errors, REPORTED_ERRORS),
        )
    )
    show(output, evaluated, errors)
    check_gates(evaluated.report.gates)


def _evaluate_unseen(output: Output, request: UnseenRequest) -> None:
    from newsclf.cli.models.evaluate_unseen_view import show
    from newsclf.evaluation.gates import check_gates
    from newsclf.evaluation.unseen.run import evaluate_unseen

    evaluated = evaluate_unseen(request)
    show(output, evaluated)
    check_gates(evaluated.report.gates)


def _gates(values: list[str] | None) -> dict[str, float]:
    from newsclf.common.errors import ConfigError

    gates = {}
    for metric, minimum in pairs(values, "--gate").items():
        try:
            gates[metric] = float(minimum)
        except ValueError:
            raise ConfigError(f"--gate {metric}={minimum}: the minimum is not a number") from None
    return gates
