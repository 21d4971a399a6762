"""The command `newsclf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.options import (
    ConfigOpt,
    JsonOpt,
    LabelColumnOpt,
    LabelOpt,
    ModelOpt,
    QuietOpt,
    TextColumnOpt,
    VerboseOpt,
    pairs,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.cli.output import Output
    from newsclf.evaluation.report import EvaluationReport


def evaluate(
    *,
    model: ModelOpt = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Other data, every row of which counts; or where the training data now is.",
            show_default="the held-out part of the training data",
        ),
    ] = None,
    text_column: TextColumnOpt = None,
    label_column: LabelColumnOpt = None,
    label: LabelOpt = None,
    use_float: Annotated[
        bool, typer.Option("--float", help="Run the torch model, not the int8 file.")
    ] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=MIN", help="Exit 6 if a metric is lower; repeatable."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A second model, for McNemar's test.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for report.html, report.json and the charts.",
                     show_default="evaluation, in the model"),
    ] = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:  # fmt: skip
    """Measure a model on the held-out test part, and write a report."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.lifecycle.evaluate import check_gates
    from newsclf.lifecycle.evaluate import evaluate as run

    flags: dict[str, Any] = {
        "model": model,
        "data": {
            "source": data,
            "text_column": text_column,
            "label_column": label_column,
            "labels": pairs(label, "--label") or None,
        },
    }
    settings = settings_from(config, flags)
    evaluated = run(
        settings.model,
        data=settings.data if data is not None else None,
        use_float=use_float,
        gates=_gates(gate),
        compare=compare,
        out=out,
    )
    output.data(evaluated.report.model_dump(mode="json"))
    _show(output, evaluated.report)
    output.note(f"report: {evaluated.folder / 'report.html'}")
    check_gates(evaluated.report)


def _gates(values: list[str] | None) -> dict[str, float]:
    from newsclf.core.errors import ConfigError

    gates = {}
    for metric, minimum in pairs(values, "--gate").items():
        try:
            gates[metric] = float(minimum)
        except ValueError:
            raise ConfigError(f"--gate {metric}={minimum}: the minimum is not a number") from None
    return gates


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(ends: tuple[float, float] | None) -> str:
    return f"{_percent(ends[0])} to {_percent(ends[1])}" if ends else ""


def _show(output: Output, report: EvaluationReport) -> None:
    score = report.score
    part = "held-out test part" if report.part == "test" else "all rows"
    output.show(
        output.table(
            f"{report.model} on {report.data}, {part}, {score.runtime}",
            ["", "value", "95 % interval"],
            [
                ["headlines", score.rows, ""],
                ["accuracy", _percent(score.accuracy), _interval(score.accuracy_interval)],
                ["macro-F1", _percent(score.macro_f1), _interval(score.macro_f1_interval)],
                ["expected calibration error", f"{report.calibration.expected_error:.3f}", ""],
            ],
        ),
        "",
        output.table(
            "By class",
            ["", "precision", "recall", "F1", "rows"],
            [
                [row.label, _percent(row.precision), _percent(row.recall), _percent(row.f1),
                 row.support]
                for row in report.classes
            ],
        ),
        "",
        output.table(
            "Confusion matrix (rows: true, columns: predicted)",
            ["", *report.labels],
            [[label, *row] for label, row in zip(report.labels, report.confusion, strict=True)],
        ),
        "",
        output.table(
            "Accuracy by",
            ["", "rows", "accuracy", "95 % interval"],
            [
                [row.name, row.rows, _percent(row.accuracy), _interval(row.interval)]
                for row in [*report.by_length, *report.by_agreement]
            ],
        ),
        "",
        output.table(
            "Bias probe: labels that flip when a name is swapped",
            ["", "headlines", "flips", "rate", "95 % interval"],
            [
                [row.kind, row.rows, row.flips, _percent(row.rate), _interval(row.interval)]
                for row in report.bias
            ],
        ),
        "",
    )  # fmt: skip
    if report.seeds:
        rows: list[list[object]] = [
            [f"seed {s.seed}", _percent(s.score.accuracy), _percent(s.score.macro_f1)]
            for s in report.seeds
        ]
        if report.seeds_accuracy and report.seeds_macro_f1:
            spreads = (report.seeds_accuracy, report.seeds_macro_f1)
            rows.append(["mean ± sd", *(spread.percent() for spread in spreads)])
        output.show(output.table("Seeds", ["", "accuracy", "macro-F1"], rows), "")
    if (other := report.comparison) is not None:
        output.show(
            output.table(
                f"Against {other.other} (McNemar's exact test)",
                ["", "value"],
                [
                    ["accuracy of the other", _percent(other.other_accuracy)],
                    ["only this one right", other.only_this_right],
                    ["only the other right", other.only_other_right],
                    ["p", f"{other.p_value:.3g}"],
                ],
            ),
            "",
        )
    if report.gates:
        output.show(
            output.table(
                "Gates",
                ["", "minimum", "value", "met"],
                [
                    [g.metric, f"{g.minimum:g}", f"{g.value:.4f}", "yes" if g.met else "no"]
                    for g in report.gates
                ],
            ),
            "",
        )
    output.show(
        output.table(
            f"The {len(report.errors)} most confident errors",
            ["headline", "true", "predicted", "confidence"],
            [[e.text, e.truth, e.predicted, _percent(e.score)] for e in report.errors],
        )
    )
