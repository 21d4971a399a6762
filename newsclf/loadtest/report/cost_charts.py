"""Cost charts: cost against latency, and cost of a month against its requests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from newsclf.costs.formulas import CostRow, MonthlyCost
from newsclf.loadtest.report.load_charts import style_of
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.labels import Box, Label
from newsclf.reporting.panel import HEIGHT, LEFT, RIGHT, WIDTH, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, logarithmic, suited
from newsclf.reporting.text import NONE, amount, number, short, usd

_TOGETHER = 3.0
"""Distance in pixels below which lines hide each other."""
Line = list[tuple[float, float]]


def cost_by_latency(key: str, rows: Sequence[CostRow], about: str) -> Figure:
    """Cost per million against p95; a line joins the rows that no other beats in both."""
    title = "Cost against latency"
    at_slo = any(row.usd_per_million_at_slo is not None for row in rows)
    what = "at the objective's rate" if at_slo else "at the highest rate"
    points = [
        (row.instance, row.p95_ms, cost)
        for row in rows
        if row.p95_ms and (cost := row.usd_per_million_at_slo if at_slo else row.usd_per_million)
    ]
    drawn = {name for name, _, _ in points}
    left_out = [f"{row.instance} ({row.status})" for row in rows if row.instance not in drawn]
    best = frontier([(p95, cost) for _, p95, cost in points])
    table = Table(
        ("instance", "p95, ms", f"$ per million {what}", "on the frontier"),
        [
            (name, number(p95), usd(cost), "yes" if (p95, cost) in best else "no")
            for name, p95, cost in points
        ],
    )
    sub = f"{len(points)} of {len(rows)} instances · {about}"
    if len(points) < 2:  # noqa: PLR2004 - a comparison
        why = "A comparison needs at least two instances with a verdict of OK and a price."
        return Figure(key, title, sub, "", why, table)
    x = suited([p95 for _, p95, _ in points], LEFT, RIGHT - 10, most=7)
    y = suited([cost for _, _, cost in points], HEIGHT - 40, 34)
    panel = Panel(x, y, y_title=f"$ per million, {what}", x_title="p95 response time, ms")
    steps: Line = []
    for (p95, cost), (next_p95, next_cost) in pairwise(best):
        steps += [(p95, cost), (next_p95, cost), (next_p95, next_cost)]
    panel.line(steps, "s0 frontier")
    ordered = sorted(points, key=lambda p: ((p[1], p[2]) not in best, p[1], p[2], p[0]))
    for name, p95, cost in ordered:
        css = "s0" if (p95, cost) in best else "other"
        hint = f"{name}: p95 {number(p95)} ms, {usd(cost)} per million"
        panel.marks([Mark(p95, cost, "circle", css)], hint)
    frame = Box(panel.frame.left + 2, panel.frame.top, WIDTH - 2, panel.frame.bottom - 2)
    labels = [Label(name, x.at(p95), y.at(cost)) for name, p95, cost in ordered]
    caption = "The line joins what no other instance beats in both cost and p95."
    if unlabelled := panel.labels(labels, frame):
        caption += f" {unlabelled} crowded points have no label here: see the table."
    if left_out:
        caption += f" Without a cost: {', '.join(left_out)}."
    name, _, cost = min(points, key=lambda p: p[2])
    more = f"Cheapest: {name} at {usd(cost)} per million."
    return chart(key, title, sub, table, panel.parts, caption=caption, more=more)


def frontier(points: Sequence[tuple[float, float]]) -> Line:
    """The Pareto frontier, sorted by the first coordinate; less is better in both."""
    kept: Line = []
    for point in sorted(set(points)):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def cost_by_volume(
    key: str, monthly: Sequence[MonthlyCost], rows: Sequence[CostRow], about: str
) -> Figure:
    """Cost of a month against its requests, both logarithmic, with the break-even volumes."""
    title = "Cost of a month against its requests"
    curves: dict[str, Line] = {}
    for month in monthly:
        pairs = zip(month.requests_per_month, month.usd_per_month, strict=True)
        line = [(volume, cost) for volume, cost in pairs if volume > 0 and cost > 0]
        if len(line) > 1:
            curves[month.instance] = line
    costs = {name: dict(line) for name, line in curves.items()}
    volumes = sorted({volume for line in costs.values() for volume in line})
    table = Table(
        ("requests per month", *curves),
        [
            (short(v), *(usd(line[v]) if v in line else NONE for line in costs.values()))
            for v in volumes
        ],
    )
    if not curves:
        why = "No cost by volume: no instance has both a verdict of OK and a price."
        return Figure(key, title, about, "", why, table)
    # Every other curve is dashed, so that colour is not all that tells neighbours apart.
    styles = [f"{style_of(i)[0]} line d{i % 4}" for i in range(len(curves))]
    keys, top = legend([Key(name, css) for name, css in zip(curves, styles, strict=True)])
    crossings = _crossings(curves, rows)
    x = logarithmic([*volumes, *(volume for _, volume, _ in crossings)], LEFT, RIGHT)
    y = logarithmic([c for line in curves.values() for _, c in line], HEIGHT - 40, top + 26)
    panel = Panel(x, y, y_title="$ per month", x_title="Requests per month")
    for line, css in zip(curves.values(), styles, strict=True):
        panel.line(line, css)
    for name, volume, cost in crossings:
        hint = f"{name}: break-even at {amount(volume)} requests a month, {usd(cost)}"
        panel.marks([Mark(volume, cost, "circle", "ink")], hint, hollow=True)
    panel.labels(
        [Label(f"break-even {amount(v)}", x.at(v), y.at(cost)) for _, v, cost in crossings]
    )
    even = "; ".join(f"{n} at {amount(v)} requests a month" for n, v, _ in crossings)
    caption = (
        f"From here on cheaper than serverless: {even}."
        if even
        else "No break-even among these volumes."
    )
    caption += "".join(f" {words}" for words in _hidden(costs, y))
    parts = [*keys, *panel.parts]
    return chart(key, title, about, table, parts, caption=caption, more=caption)


def _hidden(costs: dict[str, dict[float, float]], y: Scale) -> list[str]:
    """Sentences on lines that hide each other over most of their length."""
    found = []
    for (one, first), (other, second) in combinations(costs.items(), 2):
        both = sorted(first.keys() & second.keys())
        close = [v for v in both if abs(y.at(first[v]) - y.at(second[v])) < _TOGETHER]
        if 2 * len(close) > len(both):
            on = f" from {amount(close[0])} requests a month on"
            where = on if close == both[-len(close) :] else " at most volumes"
            found.append(
                f"The lines of {one} and {other} coincide{where if close != both else ''}."
            )
    return found


def _crossings(curves: dict[str, Line], rows: Sequence[CostRow]) -> list[tuple[str, float, float]]:
    """Instance, break-even volume, and the cost there on the instance's own curve."""
    found = []
    volumes = {row.instance: row.breakeven_requests_per_month for row in rows}
    for name, line in curves.items():
        volume = volumes.get(name)
        if volume is None or not line[0][0] <= volume <= line[-1][0]:
            continue
        (v0, c0), (v1, c1) = next(pair for pair in pairwise(line) if pair[1][0] >= volume)
        found.append((name, volume, c0 + (c1 - c0) * (volume - v0) / (v1 - v0)))
    return found
