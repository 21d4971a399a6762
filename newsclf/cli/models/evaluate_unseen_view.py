"""Terminal output of `newsclf evaluate --on`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.evaluation.report.tables import confusion_table
from newsclf.evaluation.unseen.report import tables

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.evaluation.unseen.run import UnseenEvaluated


def show(output: Output, evaluated: UnseenEvaluated) -> None:
    """Show a report, with the scores last; a quiet output gets nothing else."""
    report = evaluated.report
    output.data(report.model_dump(mode="json"))
    if not output.quiet:
        for each in report.sets:
            output.show(f"{each.title}: {each.rows.sentence}")
        output.show("")
        output.show_table("F1 by class", tables.class_table(report))
        for each in report.sets:
            matrix = confusion_table(report.labels, each.confusion)
            output.show_table(f"Confusion matrix, {each.title}", matrix)
        conflicting = tables.conflicting_table(report)
        output.show_table("Headlines whose entities are labelled differently", conflicting)
        output.show_table("Agreement of int8 and float", tables.agreement_table(report))
        output.show_table("Intervals", tables.interval_table(report))
        output.show_table("Seeds", tables.seed_table(report))
    output.show_table("Against a second model", tables.comparison_table(report), *report.compared)
    output.show_table("Gates", tables.gate_table(report))
    title = f"{report.model} on unseen test sets, {report.runtime}"
    scores = tables.score_table(report)
    output.show(output.rendered(title, scores), *report.remarks)
    output.note(f"report: {evaluated.folder / 'report.html'}")
