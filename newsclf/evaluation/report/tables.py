"""Tables of an evaluation, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.intervals import percent, share_range
from newsclf.evaluation.records import (
    Calibration,
    CalibrationBin,
    Comparison,
    CoveragePoint,
    EvaluationReport,
    RiskCoverage,
    Slice,
)
from newsclf.reporting.figure import Table


def summary_table(report: EvaluationReport) -> Table:
    """Accuracy, macro-F1 and calibration, each with its interval, beside the baseline."""
    score, base = report.score, report.baseline
    rows = [
        ("headlines", f"{score.rows:,}", ""),
        ("accuracy", percent(score.accuracy), share_range(score.accuracy_interval)),
        (base.name, percent(base.accuracy), ""),
        ("macro-F1", percent(score.macro_f1), share_range(score.macro_f1_interval)),
        (
            "expected calibration error",
            f"{report.calibration.expected_error:.3f}",
            calibration_range(report.calibration),
        ),
    ]
    return Table(("", "value", "95 % interval"), rows)


def gate_table(report: EvaluationReport) -> Table:
    """Each gate with its minimum, its value and whether it was met."""
    rows = [
        (g.metric, f"{g.minimum:g}", f"{g.value:.4f}", "met" if g.met else "missed")
        for g in report.gates
    ]
    return Table(("metric", "minimum", "value", "gate"), rows)


def seed_table(report: EvaluationReport) -> Table:
    """The scores of models that differ in their seed, with mean and deviation."""
    rows = [
        (f"seed {s.seed}", percent(s.score.accuracy), percent(s.score.macro_f1))
        for s in report.seeds
    ]
    if report.seeds_accuracy and report.seeds_macro_f1:
        spread = report.seeds_accuracy.percent(), report.seeds_macro_f1.percent()
        rows.append(("mean ± sd", *spread))
    return Table(("", "accuracy", "macro-F1"), rows)


def class_table(report: EvaluationReport) -> Table:
    """Precision, recall and F1 of each class, and how many rows it was trained on."""
    rows = [
        (
            row.label,
            *map(percent, (row.precision, row.recall, row.f1)),
            f"{row.support:,}",
            f"{report.training.rows.get(row.label, 0):,}",
        )
        for row in report.classes
    ]
    return Table(("class", "precision", "recall", "F1", "rows", "trained on"), rows)


def confusion_table(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    """A confusion matrix as counts."""
    rows = [
        (label, *(f"{cell:,}" for cell in row)) for label, row in zip(labels, counts, strict=True)
    ]
    return Table(("true", *(f"predicted {label}" for label in labels)), rows)


def bin_table(bins: Sequence[CalibrationBin]) -> Table:
    """The bins of a reliability diagram."""
    rows = [
        (
            f"{percent(b.lower)} to {percent(b.upper)}",
            *(percent(b.confidence), percent(b.accuracy), f"{b.rows:,}"),
        )
        for b in bins
    ]
    return Table(("confidence", "mean", "accuracy", "headlines"), rows)


def calibration_range(calibration: Calibration) -> str:
    """Both ends of the interval of the expected calibration error; empty without one."""
    ends = calibration.error_interval
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def coverage_table(curve: RiskCoverage) -> Table:
    """How many headlines can be answered with an accuracy, and from which confidence on."""
    rows = [
        (
            percent(target.accuracy, 0),
            percent(target.point.coverage),
            f"{target.point.rows:,}",
            f"{target.point.confidence:.3f}",
            f"{percent(1 - target.point.risk)} ({share_range(target.interval)})",
        )
        if target.point
        else (percent(target.accuracy, 0), "none", "0", "–", "–")
        for target in curve.targets
    ]
    head = ("accuracy wanted", "answered", "headlines", "confidence from", "accuracy (95 %)")
    return Table(head, rows)


def risk_table(points: Sequence[CoveragePoint]) -> Table:
    """Error by the share of headlines that are answered."""
    rows = [
        (
            *(percent(each.coverage), f"{each.rows:,}", f"{each.confidence:.3f}"),
            *(f"{each.errors:,}", percent(each.risk)),
        )
        for each in points
    ]
    return Table(("answered", "headlines", "confidence from", "wrong", "error"), rows)


def slice_table(slices: Sequence[Slice]) -> Table:
    """Accuracy on parts of the data."""
    rows = [
        (row.name, f"{row.rows:,}", percent(row.accuracy), share_range(row.interval))
        for row in slices
    ]
    return Table(("", "rows", "accuracy", "95 % interval"), rows)


def level_table(report: EvaluationReport) -> Table:
    """PhraseBank's held-out rows at each agreement level, as publications split it."""
    rows = [
        (
            *(row.name, f"{row.rows:,}"),
            *(percent(row.accuracy), share_range(row.accuracy_interval)),
            *(percent(row.macro_f1), share_range(row.macro_f1_interval)),
        )
        for row in report.by_level
    ]
    return Table(("", "rows", "accuracy", "95 % interval", "macro-F1", "95 % interval"), rows)


def bias_table(report: EvaluationReport) -> Table:
    """How often a label flips when a name is swapped; empty where nothing can be swapped."""
    rows = [
        (
            *(row.kind, f"{row.rows:,}", f"{row.flips:,}"),
            percent(row.rate if row.rows else None),
            share_range(row.interval if row.rows else None),
        )
        for row in report.bias
    ]
    found = any(row.rows for row in report.bias)
    return Table(("swapped", "headlines", "flips", "rate", "95 % interval"), rows if found else [])


def flip_table(report: EvaluationReport) -> Table:
    """Some headlines whose label flipped, as they were and with the name swapped."""
    rows = [
        (flip.before, flip.label_before, flip.after, flip.label_after)
        for swap in report.bias
        for flip in swap.examples
    ]
    return Table(("headline", "label", "with the name swapped", "label"), rows, texts=4)


def comparison_table(report: EvaluationReport, other: Comparison) -> Table:
    """This model and the one that it is compared with."""
    score = report.score
    rows = [
        (name, percent(accuracy), percent(macro_f1), f"{right:,}")
        for name, accuracy, macro_f1, right in (
            (report.model, score.accuracy, score.macro_f1, other.only_this_right),
            (other.other, other.other_accuracy, other.other_macro_f1, other.only_other_right),
        )
    ]
    return Table(("", "accuracy", "macro-F1", "only this one right"), rows)


def difference_table(model: str, other: Comparison, most: int | None = None) -> Table:
    """Headlines to which two models give different labels."""
    rows = [(row.text, row.truth, row.this, row.other) for row in other.differences[:most]]
    return Table(("headline", "true", model, other.other), rows, texts=4)


def error_table(report: EvaluationReport, most: int | None = None) -> Table:
    """The most confident errors, in falling order of confidence."""
    rows = [(e.text, e.truth, e.predicted, percent(e.score)) for e in report.errors[:most]]
    return Table(("headline", "true", "predicted", "confidence"), rows, texts=3)
