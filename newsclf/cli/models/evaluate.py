"""The command `newsclf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newsclf.cli.options import (
    ColumnsOpt,
    ConfigOpt,
    DelimiterOpt,
    EncodingOpt,
    JsonOpt,
    LabelColumnOpt,
    LabelOpt,
    ModelOpt,
    QuietOpt,
    ScoreThresholdsOpt,
    TextColumnOpt,
    VerboseOpt,
    label_flags,
    pairs,
    reading_flags,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsclf.cli.console import Output
    from newsclf.evaluation.report import Comparison, EvaluationReport, Swap


def evaluate(
    *,
    model: ModelOpt = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Other data, of which the rows that the model has not seen count; or where the"
            " training data now is.",
            show_default="the held-out part of the training data",
        ),
    ] = None,
    text_column: TextColumnOpt = None,
    label_column: LabelColumnOpt = None,
    label: LabelOpt = None,
    score_thresholds: ScoreThresholdsOpt = None,
    columns: ColumnsOpt = None,
    delimiter: DelimiterOpt = None,
    encoding: EncodingOpt = None,
    include_seen: Annotated[
        bool,
        typer.Option(
            "--include-seen",
            help="Also score the rows of --data that the model was trained or validated on.",
        ),
    ] = False,
    use_float: Annotated[
        bool, typer.Option("--float", help="Run the torch model, not the int8 file.")
    ] = False,
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=MIN", help="Exit 6 if a metric is lower; repeatable."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A second model: where they differ, and McNemar's test."),
    ] = None,
    errors: Annotated[
        int, typer.Option(min=0, help="How many errors to print; the report lists 20 or more.")
    ] = 5,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for report.html, report.json and the charts; the model stays as it is.",
            show_default="evaluation, in the model",
        ),
    ] = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Measure a model on the held-out test part, and write a report.

    Columns and labels of --data are by default those that the model was trained with. --quiet
    prints the summary only.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.evaluation.run import REPORTED_ERRORS, check_gates
    from newsclf.evaluation.run import evaluate as run

    flags: dict[str, Any] = {
        "model": model,
        "data": {
            "source": data,
            **reading_flags(text_column, columns, delimiter, encoding),
            **label_flags(label_column, label, score_thresholds),
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
        include_seen=include_seen,
        errors=max(errors, REPORTED_ERRORS),
    )
    output.data(evaluated.report.model_dump(mode="json"))
    for note in evaluated.notes:
        output.note(f"{evaluated.report.data}: {note}")
    if not quiet:
        _show_details(output, evaluated.report, errors)
    _show_summary(output, evaluated.report)
    if evaluated.card_problem:
        output.note(f"The score is not in the model's card: {evaluated.card_problem}.")
    output.note(f"report: {evaluated.folder / 'report.html'}")
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


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _interval(ends: tuple[float, float] | None) -> str:
    return f"{_percent(ends[0])} to {_percent(ends[1])}" if ends else ""


def _show_details(output: Output, report: EvaluationReport, errors: int) -> None:
    """Show everything but the summary, the errors first."""
    if errors and report.errors:
        output.show(
            output.table(
                f"The {len(report.errors[:errors])} most confident errors",
                ["headline", "true", "predicted", "confidence"],
                [[e.text, e.truth, e.predicted, _percent(e.score)] for e in report.errors[:errors]],
            ),
            "",
        )
    output.show(
        output.table(
            "By class",
            ["", "precision", "recall", "F1", "rows"],
            [
                [row.label, *map(_percent, (row.precision, row.recall, row.f1)), row.support]
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
    )
    _show_bias(output, report.bias)
    if report.seeds:
        _show_seeds(output, report)
    if report.comparison is not None:
        _show_comparison(output, report.comparison)


def _show_bias(output: Output, swaps: Sequence[Swap]) -> None:
    if not any(row.rows for row in swaps):
        output.show(
            "Bias probe: no headline names a company, country or currency, so there is nothing to"
            " swap.",
            "",
        )
        return
    output.show(
        output.table(
            "Bias probe: labels that flip when a name is swapped",
            ["", "headlines", "flips", "rate", "95 % interval"],
            [
                [
                    row.kind,
                    row.rows,
                    row.flips,
                    _percent(row.rate if row.rows else None),
                    _interval(row.interval if row.rows else None),
                ]
                for row in swaps
            ],
        ),
        "",
    )


def _show_seeds(output: Output, report: EvaluationReport) -> None:
    rows: list[list[object]] = [
        [f"seed {s.seed}", _percent(s.score.accuracy), _percent(s.score.macro_f1)]
        for s in report.seeds
    ]
    if report.seeds_accuracy and report.seeds_macro_f1:
        spreads = (report.seeds_accuracy, report.seeds_macro_f1)
        rows.append(["mean ± sd", *(spread.percent() for spread in spreads)])
    output.show(output.table("Seeds", ["", "accuracy", "macro-F1"], rows), "")


def _show_comparison(output: Output, other: Comparison) -> None:
    output.show(
        output.table(
            f"Against {other.other} (McNemar's exact test)",
            ["", "value"],
            [
                ["accuracy of the other", _percent(other.other_accuracy)],
                ["macro-F1 of the other", _percent(other.other_macro_f1)],
                ["different labels", other.differing],
                ["only this one right", other.only_this_right],
                ["only the other right", other.only_other_right],
                ["p", other.p_text],
            ],
        ),
        "",
    )


def _show_summary(output: Output, report: EvaluationReport) -> None:
    """Show the gates and the headline figures, with what a reader has to know of them."""
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
    score, base = report.score, report.baseline
    output.show(
        output.table(
            f"{report.model} on {report.data}, {report.part_name}, {score.runtime}",
            ["", "value", "95 % interval"],
            [
                ["headlines", f"{score.rows:,}", ""],
                ["accuracy", _percent(score.accuracy), _interval(score.accuracy_interval)],
                *([[base.name, _percent(base.accuracy), ""]] if base else []),
                ["macro-F1", _percent(score.macro_f1), _interval(score.macro_f1_interval)],
                ["expected calibration error", f"{report.calibration.expected_error:.3f}", ""],
            ],
        )
    )
    for remark in report.remarks:
        output.show(remark)
