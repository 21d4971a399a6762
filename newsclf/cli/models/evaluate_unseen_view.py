"""Terminal output of `newsclf evaluate --on`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.evaluation.report.tables import confusion_table
from newsclf.evaluation.unseen.report import tables

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.evaluation.unseen.run import UnseenEvaluated
    from newsclf.reporting.figure import Table


def show(output: Output, evaluated: UnseenEvaluated) -> None:
    """Show a report, with the scores last; a quiet output gets nothing else."""
    report = evaluated.report
    output.data(report.model_dump(mode="json"))
    if not output.quiet:
        for each in report.sets:
            output.show(f"{each.title}: {each.rows.sentence}")
        output.show("")
        _show(output, "F1 by class", tables.class_table(report))
        for each in report.sets:
            matrix = confusion_table(report.labels, each.confusion)
            _show(output, f"Confusion matrix, {each.title}", matrix)
        conflicting = tables.conflicting_table(report)
        _show(output, "Headlines whose entities are labelled differently", conflicting)
        _show(output, "Agreement of int8 and float", tables.agreement_table(report))
        _show(output, "Intervals", tables.interval_table(report))
        _show(output, "Seeds", tables.seed_table(report))
    _show(output, "Against a second model", tables.comparison_table(report), *report.compared)
    _show(output, "Gates", tables.gate_table(report))
    title = f"{report.model} on unseen test sets, {report.runtime}"
    scores = tables.score_table(report)
    output.show(output.table(title, scores.head, scores.rows), *report.remarks)
    output.note(f"report: {evaluated.folder / 'report.html'}")


def _show(output: Output, title: str, table: Table, *lines: str) -> None:
    """Show a table that has rows, and lines below it."""
    if table.rows:
        output.show(output.table(title, table.head, table.rows), *lines, "")
