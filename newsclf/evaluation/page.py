"""The evaluation report as one HTML file that opens offline and loads nothing."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from newsclf.evaluation.charts import INK, confusion_svg, reliability_svg
from newsclf.evaluation.report import EvaluationReport


def render_page(report: EvaluationReport) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup."""
    environment = Environment(
        loader=PackageLoader("newsclf.evaluation", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: "–" if share is None else f"{100 * share:.1f} %"
    return environment.get_template("report.html.jinja").render(
        report=report,
        confusion_chart=_inline(confusion_svg(report.confusion)),
        reliability_chart=_inline(reliability_svg(report.calibration)),
    )


def _inline(svg: str) -> Markup:
    return Markup(svg.replace(INK, "currentColor"))  # noqa: S704 - made here, from numbers
