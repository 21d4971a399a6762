"""The evaluation report as one HTML file that opens offline and loads nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from newsclf.common.visible import visible_value
from newsclf.evaluation.charts import confusion_svg, reliability_svg
from newsclf.evaluation.report import EvaluationReport
from newsclf.reporting.matplotlib_svg import INK
from newsclf.training.curve import training_svg

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def render_page(report: EvaluationReport) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup."""
    environment = Environment(
        loader=PackageLoader("newsclf.evaluation", "templates"),
        autoescape=True,
        finalize=visible_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    environment.filters["time"] = _time
    shares = [end for row in (*report.by_length, *report.by_agreement) for end in row.interval]
    return environment.get_template("report.html.jinja").render(
        report=report,
        axis_start=math.floor(10 * min(shares, default=0.0)) / 10,
        confusion_chart=_inline(confusion_svg(report.confusion)),
        reliability_chart=_inline(reliability_svg(report.calibration)),
        other_confusion_chart=_inline(confusion_svg(report.comparison.confusion))
        if report.comparison
        else None,
        training_chart=_inline(training_svg(report.training.history, report.training.kept_epoch))
        if report.training and report.training.history
        else None,
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _time(iso: str) -> str:
    """A time as `25 Nov 2026, 23:00 UTC`; the month in English, whatever the locale."""
    at = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def _inline(svg: str) -> Markup:
    return Markup(svg.replace(INK, "currentColor"))  # noqa: S704 - made here, from numbers
