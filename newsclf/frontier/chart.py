"""Chart of accuracy against cost, with intervals on both axes."""

from __future__ import annotations

from itertools import pairwise

from newsclf.common.intervals import Interval, percent
from newsclf.frontier.choice import accuracy_of, cost_of
from newsclf.frontier.records import Frontier, FrontierRow
from newsclf.frontier.tables import frontier_table
from newsclf.reporting.figure import Figure
from newsclf.reporting.labels import Box, Label
from newsclf.reporting.panel import HEIGHT, LEFT, RIGHT, WIDTH, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import linear, logarithmic
from newsclf.reporting.text import usd

_PARTS = {"validation": "validation rows", "test": "held-out test rows", "all": "rows"}
_CHOSEN_SIZE = 5.5


def frontier_figure(key: str, found: Frontier) -> Figure:
    """Draw accuracy against cost per million; a line joins the models that none dominates."""
    title = "Accuracy against cost"
    about = (
        f"{found.rows:,} {_PARTS[found.part]} of {found.data} · priced as {found.instance}"
        f" ({found.region}) · {found.machine.cpu}"
    )
    table = frontier_table(found)
    rows = [row for row in found.models if row.price is not None]
    best = [row for row in rows if row.dominated_by is None]
    teacher = next(row for row in found.models if row.digest == found.teacher_digest)
    limit = 100 * (accuracy_of(teacher) - found.delta)
    keys, top = legend(
        [
            Key("not dominated", "s0 mark", "circle"),
            Key("dominated", "other hollow", "circle"),
            *([Key("default", "s3 mark", "diamond")] if found.chosen else []),
        ]
    )
    x = logarithmic([cost for row in rows for cost in _costs(row)], LEFT, RIGHT - 10)
    ends = [end for row in found.models for end in _accuracies(row)]
    y = linear([*ends, limit], HEIGHT - 40, top + 26, low=None)
    panel = Panel(x, y, y_title="Accuracy, %", x_title="$ per million requests, at full load")
    levels = [(limit, f"teacher − {100 * found.delta:g} points", "objective")]
    if teacher.price is None:
        levels.append((100 * accuracy_of(teacher), f"{teacher.name} (teacher)", "ideal"))
    for value, _, css in levels:  # below the points, and where labels keep off
        panel.line([(x.low, value), (x.high, value)], css)
    steps: list[tuple[float, float]] = []
    for row, following in pairwise(best):
        here, there = 100 * accuracy_of(row), 100 * accuracy_of(following)
        steps += [(cost_of(row), here), (cost_of(following), here), (cost_of(following), there)]
    panel.line(steps, "s0 frontier")
    for row in rows:
        _draw(panel, row, chosen=row.name == found.chosen)
    frame = Box(panel.frame.left + 2, panel.frame.top, WIDTH - 2, panel.frame.bottom - 2)
    ordered = sorted(rows, key=lambda row: (row.name != found.chosen, row.dominated_by is not None))
    labels = [Label(row.name, x.at(cost_of(row)), y.at(100 * accuracy_of(row))) for row in ordered]
    unlabelled = panel.labels(labels, frame)
    for value, text, _ in levels:
        panel.name_level(value, text)
    caption = (
        "Bars are 95 % intervals: of accuracy from the rows, of cost from the rounds of the load"
        " test. A model is dominated if another is at least as accurate and as cheap by the figures"
        " as measured."
    )
    if unlabelled:
        caption += f" {unlabelled} crowded points have no label here: see the table."
    chosen = f"Default: {found.chosen}; {found.reason}." if found.chosen else f"{found.reason}."
    parts = [*keys, *panel.parts]
    return chart(key, title, about, table, parts, caption=caption, more=chosen)


def _draw(panel: Panel, row: FrontierRow, *, chosen: bool) -> None:
    css = "s3" if chosen else "other" if row.dominated_by else "s0"
    cost, accuracy = cost_of(row), 100 * accuracy_of(row)
    panel.bars([(cost, _percentages(row.quality.accuracy))], css)
    if row.price is not None:
        panel.bars_across([(row.price.usd_per_million, accuracy)], css)
    shape, size = ("diamond", _CHOSEN_SIZE) if chosen else ("circle", 3.6)
    hint = f"{row.name}: {percent(row.quality.accuracy.value)}, {usd(cost)} per million"
    if row.dominated_by:
        hint += f", dominated by {row.dominated_by}"
    mark = Mark(cost, accuracy, shape, css, size)
    panel.marks([mark], hint, hollow=row.dominated_by is not None)


def _costs(row: FrontierRow) -> list[float]:
    figure = row.price.usd_per_million if row.price else Interval(value=None)
    return [end for end in (figure.value, figure.low, figure.high) if end is not None]


def _accuracies(row: FrontierRow) -> list[float]:
    figure = _percentages(row.quality.accuracy)
    return [end for end in (figure.value, figure.low, figure.high) if end is not None]


def _percentages(figure: Interval) -> Interval:
    ends = (figure.value, figure.low, figure.high)
    value, low, high = (None if end is None else 100 * end for end in ends)
    return Interval(value=value, low=low, high=high)
