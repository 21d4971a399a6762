"""Chart of an evaluation on unseen test sets: the sets side by side."""

from __future__ import annotations

from newsclf.common.intervals import Interval
from newsclf.evaluation.unseen.records import UnseenReport
from newsclf.evaluation.unseen.report.tables import interval_table
from newsclf.reporting.figure import Figure
from newsclf.reporting.panel import LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, Tick, linear

_SHOWN = (
    ("macro_f1", "macro-F1", "s0", "circle"),
    ("polar_found", "polar found", "s1", "square"),
    ("sign", "sign right", "s2", "triangle"),
)
_SET_HEIGHT = 46.0
_APART = 0.25
"""Between the measures of one set, as a share of its height."""


def sets_figure(report: UnseenReport) -> Figure:
    """Draw macro-F1, polar found and sign of each set with their intervals."""
    keys, top = legend([Key(name, f"{css} mark", shape) for _, name, css, shape in _SHOWN])
    n, top = len(report.sets), top + 8
    bottom = top + _SET_HEIGHT * n
    ticks = tuple(Tick(n - i - 0.5, each.name) for i, each in enumerate(report.sets))
    x = linear([100], LEFT + 30, RIGHT, most=5)
    panel = Panel(x, Scale("linear", 0, n, bottom, top, ticks), y_title="", x_title="%")
    for tick, each in zip(ticks, report.sets, strict=True):
        for row, (measure, name, css, shape) in enumerate(_SHOWN):
            interval: Interval = getattr(each.measures, measure)
            if interval.value is None or interval.low is None or interval.high is None:
                continue
            at = tick.value + (1 - row) * _APART
            panel.line([(100 * interval.low, at), (100 * interval.high, at)], f"{css} line")
            ends = f"{100 * interval.low:.1f} to {100 * interval.high:.1f}"
            hint = f"{each.title}, {name}: {100 * interval.value:.1f} %, 95 %: {ends} %"
            panel.marks([Mark(100 * interval.value, at, shape, css, 4.5)], hint)
    subtitle = f"{n} sets · {sum(each.headlines for each in report.sets):,} headlines"
    caption = "Lines are 95 % intervals. Macro-F1 is drawn in percent."
    parts, table = [*keys, *panel.parts], interval_table(report)
    return chart("sets", "Test sets", subtitle, table, parts, caption=caption, height=bottom + 42)
