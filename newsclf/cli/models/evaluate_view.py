"""Terminal output of `newsclf evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.evaluation.report import tables

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.evaluation.records import EvaluationReport
    from newsclf.evaluation.run import Evaluated


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
    output.show_table("Gates", tables.gate_table(report))
    title = f"{report.model} on {report.data}, {report.part_name}, {report.score.runtime}"
    summary = tables.summary_table(report)
    output.show(output.rendered(title, summary), *report.remarks)
    if report.calibrated:
        output.note(report.calibrated.sentence)
    if evaluated.card_problem:
        output.note(f"The score is not in the model's card: {evaluated.card_problem}.")
    output.note(f"report: {evaluated.folder / 'report.html'}")


def _show_details(output: Output, report: EvaluationReport, errors: int) -> None:
    found = tables.error_table(report, errors)
    output.show_table(f"The {len(found.rows)} most confident errors", found)
    output.show_table("By class", tables.class_table(report))
    output.show_table("Confusion matrix", tables.confusion_table(report.labels, report.confusion))
    curve = report.risk_coverage
    title = "Answered when the least confident are set aside"
    output.show_table(title, tables.coverage_table(curve), curve.sentence)
    slices = [*report.by_length, *report.by_agreement]
    output.show_table("Accuracy by part of the data", tables.slice_table(slices))
    levels = tables.level_table(report)
    output.show_table("PhraseBank at each agreement level, rows below it held out too", levels)
    bias = tables.bias_table(report)
    output.show_table("Bias probe: labels that flip when a name is swapped", bias)
    if not bias.rows:
        output.show(
            "Bias probe: no headline names a company, country or currency, so there is nothing to"
            " swap.",
            "",
        )
    output.show_table("Seeds", tables.seed_table(report))
    if other := report.comparison:
        output.show_table(
            f"Against {other.other}",
            tables.comparison_table(report, other),
            f"{other.differing:,} headlines get different labels. {other.verdict}",
            *other.remarks,
        )
        changed = tables.difference_table(report.model, other, errors)
        output.show_table(f"The first {len(changed.rows)} of the headlines that changed", changed)
