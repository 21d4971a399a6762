"""The report of a study as one HTML file that opens offline and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.reporting import page
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.page import Card
from newsclf.reporting.panel import LEFT, RIGHT, Mark, Panel, chart
from newsclf.reporting.scale import Scale, Tick, linear
from newsclf.watch.study import tables
from newsclf.watch.study.line_charts import line_figure
from newsclf.watch.study.lines import TimeLine
from newsclf.watch.study.records import Estimate, StudyReport

_ROW_HEIGHT = 34.0
_TOP = 12.0
_MOST_LINES = 24
"""Time lines on a page."""


def render_page(report: StudyReport, lines: Sequence[TimeLine] = ()) -> str:
    """HTML of a report. Every text of the data is escaped; only our own charts are markup.

    Args:
        report: What the study found.
        lines: Time lines; the first ones are drawn.
    """
    return page.render_page(
        "newsclf.watch.study",
        "Does the news say anything about prices?",
        report=report,
        tables=tables,
        cards=_cards(report),
        figures=[_windows_figure(report), _horizons_figure(report)],
        lines=[
            line_figure(f"line-{number}", line, min_score=report.settings.min_score)
            for number, line in enumerate(lines[:_MOST_LINES])
        ],
        undrawn=max(len(lines) - _MOST_LINES, 0),
    )


def _cards(report: StudyReport) -> list[Card]:
    after, first = report.windows[-1].estimate, report.horizons[0].estimate
    cards = [
        Card(
            "days 1 to 5",
            "–" if after.mean is None else f"{after.mean:+.0f} bp",
            "abnormal return in the direction of the news",
            f"95 %: {tables.interval(after, 0)}",
        ),
        Card(
            "rank correlation",
            "–" if first.mean is None else f"{first.mean:+.3f}",
            "of the signal with the return of the next day",
            f"95 %: {tables.interval(first, 3)}",
        ),
        Card("trials", f"{report.trials}", f"a p counts below {report.threshold_p:.2g}"),
    ]
    if report.portfolio is not None:
        held = report.portfolio
        cards.append(Card("turnover", f"{held.turnover:.2f}", "of the portfolio's value a day"))
    return cards


def _windows_figure(report: StudyReport) -> Figure:
    rows = [(f"[{w.first_day}, {w.last_day}]", w.estimate) for w in report.windows]
    return _intervals(
        "windows",
        "Abnormal return in the direction of the news",
        rows,
        tables.window_table(report),
        unit="bp",
    )


def _horizons_figure(report: StudyReport) -> Figure:
    rows = [(f"{h.days} d", h.estimate) for h in report.horizons]
    return _intervals(
        "horizons",
        "Rank correlation with the return that follows",
        rows,
        tables.horizon_table(report),
        unit="IC",
    )


def _intervals(
    key: str, title: str, rows: Sequence[tuple[str, Estimate]], table: Table, *, unit: str
) -> Figure:
    """Means with their intervals, one row each."""
    ends = [
        (name, each.mean, each.low, each.high)
        for name, each in rows
        if each.mean is not None and each.low is not None and each.high is not None
    ]
    if not ends:
        return Figure(key, title, "", "", "There is too little data for intervals.", table)
    n = len(ends)
    bottom = _TOP + _ROW_HEIGHT * n
    ticks = tuple(Tick(n - i - 0.5, name) for i, (name, *_) in enumerate(ends))
    reach = [value for _, *values in ends for value in values]
    x = linear([*reach, 0.0], LEFT, RIGHT, most=5, low=min(*reach, 0.0))
    panel = Panel(x, Scale("linear", 0, n, bottom, _TOP, ticks), y_title="", x_title=unit)
    panel.upright(0.0, "base")
    for tick, (name, mean, low, high) in zip(ticks, ends, strict=True):
        panel.line([(low, tick.value), (high, tick.value)], "s0 line")
        hint = f"{name}: {mean:+.3g} {unit}, 95 %: {low:+.3g} to {high:+.3g}"
        panel.marks([Mark(mean, tick.value, "circle", "s0", 4.5)], hint)
    subtitle = f"{max(each.days for _, each in rows):,} trading days with data"
    caption = "Lines are 95 % intervals, not corrected for the number of trials."
    return chart(key, title, subtitle, table, panel.parts, caption=caption, height=bottom + 42)
