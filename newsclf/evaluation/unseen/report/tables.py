"""Tables of an evaluation on unseen test sets, for the terminal and for the page."""

from __future__ import annotations

from newsclf.common.intervals import Interval, MeanStd, percent
from newsclf.contract.labels import LABELS
from newsclf.evaluation.unseen.records import MEASURES, SetReport, UnseenReport
from newsclf.reporting.figure import Table

_HEADS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "polar_found": "polar found",
    "sign": "sign right",
    "ece": "ECE",
}
MEAN_ROW = "mean"


def score_table(report: UnseenReport) -> Table:
    """The measures of each set and their mean, without intervals; of several seeds, the means."""
    rows = [
        (
            each.name + ("*" if each.use == "sealed" else ""),
            f"{each.headlines:,}",
            *(_figure(measure, each.value(measure)) for measure in MEASURES),
        )
        for each in report.sets
    ]
    if len(report.mean_of) > 1:
        figures = (_figure(measure, report.mean_value(measure)) for measure in MEASURES)
        rows.append((f"{MEAN_ROW} of {len(report.mean_of)}", "", *figures))
    return Table(("", "headlines", *_HEADS.values()), rows)


def interval_table(report: UnseenReport) -> Table:
    """The 95 % interval of each measure; of several seeds, of the one that was best."""
    rows = [
        (each.name, *(_ends(measure, getattr(each.measures, measure)) for measure in MEASURES))
        for each in report.sets
    ]
    if len(report.mean_of) > 1:
        ends = (_ends(measure, report.mean[measure]) for measure in MEASURES)
        rows.append((f"{MEAN_ROW} of {len(report.mean_of)}", *ends))
    return Table(("95 % interval", *_HEADS.values()), rows)


def coverage_table(report: UnseenReport) -> Table:
    """How many headlines of each development set can be answered with an accuracy."""
    curves = {each.name: each.risk_coverage for each in report.sets if each.risk_coverage}
    rows = [
        (
            name,
            f"{curve.area:.3f}",
            f"{curve.area_at_random:.3f}",
            *(percent(t.point.coverage) if t.point else "none" for t in curve.targets),
        )
        for name, curve in curves.items()
    ]
    targets = [t for curve in list(curves.values())[:1] for t in curve.targets]
    accuracies = (f"answered at {percent(target.accuracy, 0)}" for target in targets)
    return Table(("", "area", "error on all", *accuracies), rows)


def seed_table(report: UnseenReport) -> Table:
    """Mean and deviation over the seeds; without rows for a single model."""
    rows = [
        (each.name, *(_spread(measure, each.spread.get(measure)) for measure in MEASURES))
        for each in report.sets
        if each.spread
    ]
    if report.mean_seeds and len(report.mean_of) > 1:
        spreads = (_spread(measure, report.mean_seeds.get(measure)) for measure in MEASURES)
        rows.append((f"{MEAN_ROW} of {len(report.mean_of)}", *spreads))
    return Table((f"{report.seeds} seeds, mean ± sd", *_HEADS.values()), rows)


def class_table(report: UnseenReport) -> Table:
    """F1 of each class on each set."""
    rows = [
        (each.name, *(_decimal(row.f1) for row in each.classes), *_counts(each))
        for each in report.sets
    ]
    head = (*(f"F1 {label}" for label in LABELS), *(f"{label} rows" for label in LABELS))
    return Table(("", *head), rows)


def conflicting_table(report: UnseenReport) -> Table:
    """Answers to headlines whose entities are labelled differently."""
    rows = [
        (
            each.name,
            f"{found.headlines:,}",
            *(f"{found.answers.get(label, 0):,}" for label in LABELS),
            percent(found.one_of_its_labels.value),
        )
        for each in report.sets
        if (found := each.conflicting) is not None
    ]
    answered = (f"answered {label}" for label in LABELS)
    return Table(("", "headlines", *answered, "one of its labels"), rows)


def agreement_table(report: UnseenReport) -> Table:
    """How often int8 and float give the same label; without rows if it was not measured."""
    rows = [
        (each.name, percent(found.value), _ends("accuracy", found))
        for each in report.sets
        if (found := each.int8_agreement) is not None
    ]
    return Table(("", "same label", "95 % interval"), rows)


def comparison_table(report: UnseenReport) -> Table:
    """Both models on each set; without rows where there is one model only."""
    rows = [
        (
            each.name,
            *(
                percent(accuracy)
                for accuracy in (other.other_accuracy + other.gain, other.other_accuracy)
            ),
            f"{100 * other.gain:+.1f}",
            f"{100 * other.gain_interval[0]:+.1f} to {100 * other.gain_interval[1]:+.1f}"
            if other.gain_interval
            else "–",
            f"{other.only_this_right:,}",
            f"{other.only_other_right:,}",
            other.p_words,
        )
        for each in report.sets
        if (other := each.comparison) is not None
    ]
    names = (report.model, next((e.comparison.other for e in report.sets if e.comparison), ""))
    right = (f"only {name} right" for name in names)
    return Table(("accuracy", *names, "points", "95 % interval", *right, "McNemar"), rows)


def row_table(report: UnseenReport) -> Table:
    """What became of the rows of each set's files."""
    rows = [
        (
            each.name,
            *(f"{count:,}" for count in (each.rows.rows, each.rows.merged, each.rows.left_out)),
            f"{each.conflicting.headlines if each.conflicting else 0:,}",
            f"{each.seen.excluded:,}",
            f"{each.headlines:,}",
            *(f"{n:,}" for n in (each.rows.repaired, each.rows.cleaned, each.rows.damaged)),
        )
        for each in report.sets
    ]
    head = (
        *("", "rows", "repeat a headline", "not scored", "conflicting", "seen in training"),
        *("scored", "labels repaired", "text repaired", "text damaged"),
    )
    return Table(head, rows)


def error_table(found: SetReport) -> Table:
    """The most confident errors on a set."""
    rows = [(e.text, e.truth, e.predicted, percent(e.score)) for e in found.errors]
    return Table(("headline", "true", "predicted", "confidence"), rows, texts=3)


def gate_table(report: UnseenReport) -> Table:
    """Each gate with its minimum, its value and whether it was met."""
    rows = [
        (g.metric, f"{g.minimum:g}", f"{g.value:.4f}", "met" if g.met else "missed")
        for g in report.gates
    ]
    return Table(("measure", "minimum", "value", "gate"), rows)


def _counts(each: SetReport) -> list[str]:
    return [f"{row.support:,}" for row in each.classes]


def _figure(measure: str, value: float | None) -> str:
    """F1 and ECE as they are usually written, shares as percentages."""
    return _decimal(value) if measure in ("macro_f1", "ece") else percent(value)


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _ends(measure: str, interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "–"
    if measure in ("macro_f1", "ece"):
        return f"{interval.low:.3f}–{interval.high:.3f}"
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f} %"


def _spread(measure: str, found: MeanStd | None) -> str:
    if found is None:
        return "–"
    if measure in ("macro_f1", "ece"):
        return f"{found.mean:.3f} ± {found.deviation:.3f}"
    return f"{100 * found.mean:.1f} ± {100 * found.deviation:.1f} %"
