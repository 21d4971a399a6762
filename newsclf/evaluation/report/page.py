"""The evaluation report as one HTML file that opens offline and loads nothing."""

from __future__ import annotations

from newsclf.common.intervals import percent, share_range
from newsclf.evaluation.records import EvaluationReport
from newsclf.evaluation.report import tables
from newsclf.evaluation.report.charts import (
    confusion_figure,
    reliability_figure,
    risk_coverage_figure,
    slices_figure,
)
from newsclf.reporting import page
from newsclf.reporting.page import Card
from newsclf.training.curve import training_figure


def render_page(report: EvaluationReport) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup."""
    training, other = report.training, report.comparison
    return page.render_page(
        "newsclf.evaluation.report",
        f"{report.model}: {percent(report.score.accuracy)} on {report.data}",
        report=report,
        tables=tables,
        cards=_cards(report),
        charts=[
            confusion_figure("confusion", "Confusion matrix", report.confusion),
            reliability_figure("reliability", report.calibration),
            risk_coverage_figure("risk-coverage", report.risk_coverage),
            *(
                slices_figure(key, title, rows, report.score.accuracy)
                for key, title, rows in (
                    ("length", "Accuracy by length", report.by_length),
                    ("agreement", "Accuracy by annotators' agreement", report.by_agreement),
                )
                if rows
            ),
        ],
        other_charts=[
            confusion_figure("other", f"Confusion matrix of {other.other}", other.confusion)
        ]
        if other
        else [],
        training_charts=[training_figure("training", training.history, training.kept_epoch)],
    )


def _cards(report: EvaluationReport) -> list[Card]:
    score, base = report.score, report.baseline
    return [
        Card("accuracy", percent(score.accuracy), f"95 %: {share_range(score.accuracy_interval)}"),
        Card("baseline", percent(base.accuracy), f"accuracy of {base.name}"),
        Card("macro-F1", percent(score.macro_f1), f"95 %: {share_range(score.macro_f1_interval)}"),
        Card(
            "calibration",
            f"{report.calibration.expected_error:.3f}",
            f"expected calibration error, 95 %: {tables.calibration_range(report.calibration)}",
        ),
        Card("headlines", f"{score.rows:,}", report.part_name),
    ]
