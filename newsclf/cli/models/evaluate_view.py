"""Terminal output of `newsclf evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.evaluation.report import tables

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.evaluation.records import EvaluationReport
    from newsclf.evaluation.run import Evaluated
    from newsclf.reporting.figure import Table


def show(output: Output, evaluated: Evaluated, errors: int) -> None:
    """Show a report, with the summary last, where the terminal stays.

    Args:
        output: Where to; a quiet one gets the summary only.
        evaluated: The report, and where it was written.
        errors: Most errors to list.
    """
    report = evaluated.report
    output.data(report.model_dump(mode="json"))
    for note in evaluated.notes:
        output.note(f"{report.data}: {note}")
    if not output.quiet:
        _show_details(output, report, errors)
    _show(output, "Gates", tables.gate_table(report))
    title = f"{report.model} on {report.data}, {report.part_name}, {report.score.runtime}"
    summary = tables.summary_table(report)
    output.show(output.table(title, summary.head, summary.rows), *report.remarks)
    if report.calibrated:
        output.note(report.calibrated.sentence)
    if evaluated.card_problem:
        output.note(f"The score is not in the model's card: {evaluated.card_problem}.")
    output.note(f"report: {evaluated.folder / 'report.html'}")


def _show_details(output: Output, report: EvaluationReport, errors: int) -> None:
    found = tables.error_table(report, errors)
    _show(output, f"The {len(found.rows)} most confident errors", found)
    _show(output, "By class", tables.class_table(report))
    _show(output, "Confusion matrix", tables.confusion_table(report.labels, report.confusion))
    curve = report.risk_coverage
    title = "Answered when the least confident are set aside"
    _show(output, title, tables.coverage_table(curve), curve.sentence)
    slices = [*report.by_length, *report.by_agreement]
    _show(output, "Accuracy by part of the data", tables.slice_table(slices))
    levels = tables.level_table(report)
    _show(output, "PhraseBank at each agreement level, rows below it held out too", levels)
    bias = tables.bias_table(report)
    _show(output, "Bias probe: labels that flip when a name is swapped", bias)
    if not bias.rows:
        output.show(
            "Bias probe: no headline names a company, country or currency, so there is nothing to"
            " swap.",
            "",
        )
    _show(output, "Seeds", tables.seed_table(report))
    if other := report.comparison:
        _show(
            output,
            f"Against {other.other}",
            tables.comparison_table(report, other),
            f"{other.differing:,} headlines get different labels. {other.verdict}",
            *other.remarks,
        )
        changed = tables.difference_table(report.model, other, errors)
        _show(output, f"The first {len(changed.rows)} of the headlines that changed", changed)


def _show(output: Output, title: str, table: Table, *lines: str) -> None:
    """Show a table that has rows, and lines below it."""
    if table.rows:
        output.show(output.table(title, table.head, table.rows), *lines, "")
