"""Charts of an evaluation: confusion matrix, reliability diagram, accuracy by part of the data."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.intervals import Interval, percent, wilson_interval
from newsclf.contract.labels import LABELS
from newsclf.evaluation.records import Calibration, CoveragePoint, RiskCoverage, Slice
from newsclf.evaluation.report.tables import (
    bin_table,
    calibration_range,
    confusion_table,
    risk_table,
    slice_table,
)
from newsclf.reporting import svg
from newsclf.reporting.figure import Figure
from newsclf.reporting.labels import Box
from newsclf.reporting.panel import LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, Tick, linear

_CELL_WIDTH, _CELL_HEIGHT = 112.0, 74.0
_MATRIX_LEFT, _MATRIX_TOP = 88.0, 42.0
_KEY_STEPS = 12
_FEW_ROWS = 5
_LEAST_CONFIDENCE = 30
"""In percent: the largest of three probabilities is never less than a third."""
_SLICE_HEIGHT = 24.0


def confusion_figure(key: str, title: str, counts: Sequence[Sequence[int]]) -> Figure:
    """Draw a confusion matrix: counts, and the share of each row as shade and percentage."""
    parts = []
    for j, label in enumerate(LABELS):
        x = _MATRIX_LEFT + (j + 0.5) * _CELL_WIDTH
        parts += [
            svg.words("predicted", x, 14, "tick", "middle"),
            svg.words(label, x, 31, "axis", "middle"),
        ]
    for i, (truth, row) in enumerate(zip(LABELS, counts, strict=True)):
        y = _MATRIX_TOP + (i + 0.5) * _CELL_HEIGHT
        parts += [
            svg.words(truth, _MATRIX_LEFT - 10, y, "axis", "end"),
            svg.words(f"n = {sum(row):,}", _MATRIX_LEFT - 10, y + 16, "tick", "end"),
        ]
        parts += [_cell(i, j, cell, sum(row)) for j, cell in enumerate(row)]
    below = _MATRIX_TOP + 3 * _CELL_HEIGHT + 14
    width = _CELL_WIDTH / _KEY_STEPS
    left = _MATRIX_LEFT + 1.5 * _CELL_WIDTH
    for k in range(_KEY_STEPS):
        at = left + k * width
        parts.append(_shade(Box(at, below, at + width, below + 10), (k + 0.5) / _KEY_STEPS))
    parts += [
        svg.words("share of the row: 0 %", left - 6, below + 9, "tick", "end"),
        svg.words("100 %", left + _CELL_WIDTH + 6, below + 9, "tick"),
    ]
    right, n = sum(counts[i][i] for i in range(len(counts))), sum(map(sum, counts))
    subtitle = f"n = {n:,} · {right:,} on the diagonal"
    caption = "True classes are rows; the shade is the share of the row."
    table = confusion_table(LABELS, counts)
    return chart(key, title, subtitle, table, parts, caption=caption, height=below + 22)


def _cell(i: int, j: int, count: int, row: int) -> str:
    left, top = _MATRIX_LEFT + j * _CELL_WIDTH, _MATRIX_TOP + i * _CELL_HEIGHT
    middle = left + _CELL_WIDTH / 2
    share = count / max(1, row)
    hint = f"{count:,} of {row:,} {LABELS[i]} headlines predicted {LABELS[j]}"
    return svg.tag(
        "g",
        svg.hint(hint)
        + _shade(Box(left + 1, top + 1, left + _CELL_WIDTH - 1, top + _CELL_HEIGHT - 1), share)
        + svg.words(f"{count:,}", middle, top + _CELL_HEIGHT / 2 - 1, "strong", "middle")
        + svg.words(percent(share), middle, top + _CELL_HEIGHT / 2 + 17, "", "middle"),
    )


def _shade(box: Box, share: float) -> str:
    """Draw a translucent rectangle on which text stays legible at any share."""
    return svg.rectangle(box, "shade", opacity=f"{0.05 + 0.65 * share:.2f}")


def reliability_figure(key: str, calibration: Calibration) -> Figure:
    """Draw observed accuracy against stated confidence, above the number of headlines.

    The area of a point grows with its headlines. A bin of fewer than five says little, so it is
    grey and hollow.
    """
    title, bins = "Reliability", calibration.bins
    most = max((b.rows for b in bins), default=1)
    x = linear([100], LEFT, RIGHT, most=8, low=_LEAST_CONFIDENCE)
    upper = Panel(x, linear([100], 212, 28), y_title="Accuracy, %", x_texts=False)
    counts = linear([most * 1.25], 300, 248, most=2)
    lower = Panel(x, counts, y_title="Headlines", x_title="Confidence, %")
    upper.line([(_LEAST_CONFIDENCE, _LEAST_CONFIDENCE), (100, 100)], "ideal")
    for b in bins:
        few = b.rows < _FEW_ROWS
        css = "other" if few else "s0"
        hint = f"confidence {percent(b.confidence)}: {percent(b.accuracy)} right of {b.rows:,}"
        at, accuracy = 100 * b.confidence, 100 * b.accuracy
        low, high = wilson_interval(round(b.accuracy * b.rows), b.rows)
        upper.bars([(at, Interval(value=accuracy, low=100 * low, high=100 * high))], css)
        mark = Mark(at, accuracy, "circle", css, 2.5 + 5 * (b.rows / most) ** 0.5)
        upper.marks([mark], hint, hollow=few)
        lower.column(100 * b.lower + 0.5, 100 * b.upper - 0.5, b.rows, f"{css} fill", hint)
        middle = (x.at(100 * b.lower) + x.at(100 * b.upper)) / 2
        lower.note(f"{b.rows:,}", middle, counts.at(b.rows) - 4, "middle")
    n = sum(b.rows for b in bins)
    subtitle = f"n = {n:,} · expected calibration error {calibration.expected_error:.3f}"
    if calibration.error_interval:
        subtitle += f" ({calibration_range(calibration)})"
    parts = [*upper.parts, *lower.parts]
    caption = (
        "Above the dotted diagonal the model is underconfident, below it overconfident. The larger"
        f" a point, the more headlines; bars are 95 % intervals; bins of fewer than {_FEW_ROWS}"
        " are grey and hollow."
    )
    return chart(key, title, subtitle, bin_table(bins), parts, caption=caption)


def risk_coverage_figure(key: str, curve: RiskCoverage) -> Figure:
    """Draw the error among answered headlines against their share, least confident set aside."""
    shown, overall = _tenths(curve.points), 100 * curve.area_at_random
    ends = [wilson_interval(each.errors, each.rows) for each in shown]
    errors = [100 * each.risk for each in curve.points if each.rows >= _FEW_ROWS]
    x = linear([100], LEFT, RIGHT, most=6)
    y = linear([*errors, overall, *(100 * high for _, high in ends[1:])], 300, 50)
    keys, _ = legend([Key("error", "s0 line"), Key("if confidence said nothing", "ideal")])
    panel = Panel(x, y, y_title="Error among the answered, %", x_title="Headlines answered, %")
    panel.line([(0, overall), (100, overall)], "ideal")
    panel.line([(100 * each.coverage, 100 * each.risk) for each in curve.points], "s0 line")
    for each, (low, high) in zip(shown, ends, strict=True):
        at, error = 100 * each.coverage, 100 * each.risk
        panel.bars([(at, Interval(value=error, low=100 * low, high=100 * high))], "s0")
        hint = (
            f"{each.rows:,} headlines with a confidence of {each.confidence:.3f} or more:"
            f" {each.errors:,} wrong, {percent(each.risk)}"
        )
        panel.marks([Mark(at, error, "circle", "s0")], hint)
    subtitle = f"n = {curve.points[-1].rows:,} · area under the curve {curve.area:.3f}"
    caption = (
        "Headlines are answered from the most confident to the least. Where the line rises to the"
        " right, errors are among the answers of which the model is least sure, so setting those"
        " aside helps. Bars are 95 % intervals."
    )
    parts = [*keys, *panel.parts]
    return chart(key, "Risk and coverage", subtitle, risk_table(shown), parts, caption=caption)


def _tenths(points: Sequence[CoveragePoint]) -> list[CoveragePoint]:
    """The points nearest to each tenth of all headlines."""
    nearest = [min(points, key=lambda p: abs(p.coverage - k / 10)) for k in range(1, 11)]
    return [each for i, each in enumerate(nearest) if i == 0 or each is not nearest[i - 1]]


def slices_figure(key: str, title: str, slices: Sequence[Slice], overall: float) -> Figure:
    """Draw the accuracy of each part of the data with its interval, beside that of all rows."""
    top, n = 12.0, len(slices)
    bottom = top + _SLICE_HEIGHT * n
    x = linear(
        [100, *(100 * row.interval[0] for row in slices)], LEFT + 72, RIGHT - 104, most=5, low=None
    )
    ticks = tuple(Tick(n - i - 0.5, row.name.strip()) for i, row in enumerate(slices))
    y = Scale("linear", 0, n, bottom, top, ticks)
    panel = Panel(x, y, y_title="", x_title="Accuracy, %")
    panel.upright(100 * overall, "ideal")
    for tick, row in zip(ticks, slices, strict=True):
        low, high = row.interval
        panel.line([(100 * low, tick.value), (100 * high, tick.value)], "s0 line")
        mark = Mark(100 * row.accuracy, tick.value, "circle", "s0", 5)
        panel.marks([mark], f"{percent(row.accuracy)}, 95 %: {percent(low)} to {percent(high)}")
        words = f"{percent(row.accuracy)} of {row.rows:,}"
        panel.parts.append(svg.words(words, RIGHT - 96, y.at(tick.value) + 4))
    subtitle, table = f"n = {sum(row.rows for row in slices):,}", slice_table(slices)
    caption = (
        "Lines are 95 % intervals; the dotted line is the accuracy on all rows. Where intervals"
        " overlap widely, the data do not tell the parts apart."
    )
    return chart(key, title, subtitle, table, panel.parts, caption=caption, height=bottom + 42)
