"""The report on unseen test sets as one HTML file that opens offline and loads nothing."""

from __future__ import annotations

from newsclf.common.intervals import Interval, percent
from newsclf.evaluation.report.charts import (
    confusion_figure,
    reliability_figure,
    risk_coverage_figure,
)
from newsclf.evaluation.unseen.records import UnseenReport
from newsclf.evaluation.unseen.report import tables
from newsclf.evaluation.unseen.report.charts import sets_figure
from newsclf.reporting import page
from newsclf.reporting.figure import Figure
from newsclf.reporting.page import Card


def render_page(report: UnseenReport) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup."""
    names = ", ".join(each.name for each in report.sets)
    return page.render_page(
        "newsclf.evaluation.unseen.report",
        f"{report.model} on headlines of other sources: {names}",
        report=report,
        tables=tables,
        cards=_cards(report),
        sets=[sets_figure(report)],
        matrices=[
            confusion_figure(f"confusion-{each.name}", each.title, each.confusion)
            for each in report.sets
        ],
        reliability=[_reliability(report, i) for i in range(len(report.sets))],
        risk=[
            risk_coverage_figure(f"risk-{each.name}", each.risk_coverage)._replace(title=each.title)
            for each in report.sets
            if each.risk_coverage is not None
        ],
    )


def _reliability(report: UnseenReport, i: int) -> Figure:
    each = report.sets[i]
    figure = reliability_figure(f"reliability-{each.name}", each.calibration)
    return figure._replace(title=each.title)


def _cards(report: UnseenReport) -> list[Card]:
    several = len(report.mean_of) > 1
    words = f"mean of {len(report.mean_of)} sets" if several else report.mean_of[0]
    return [
        Card(
            "macro-F1",
            f"{report.mean_value('macro_f1') or 0:.3f}",
            words,
            _spread(report) or _range(report.mean["macro_f1"]),
        ),
        Card("accuracy", percent(report.mean_value("accuracy")), words),
        Card(
            "polar found",
            percent(report.mean_value("polar_found")),
            "negative and positive headlines that get their label",
        ),
        Card(
            "sign right",
            percent(report.mean_value("sign")),
            "of those that are called negative or positive",
        ),
    ]


def _spread(report: UnseenReport) -> str:
    """How far the seeds lie apart; empty for a single one."""
    found = report.mean_seeds.get("macro_f1")
    return f"± {found.deviation:.3f} over {report.seeds} seeds" if found else ""


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f"95 %: {interval.low:.3f} to {interval.high:.3f}"
