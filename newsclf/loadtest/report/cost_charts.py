"""Charts of money: cost against latency, and what a month costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from newsclf.costs.formulas import CostRow, MonthlyCost
from newsclf.loadtest.report.load_charts import style_of
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.labels import Box, Label, place
from newsclf.reporting.panel import HEIGHT, LEFT, RIGHT, SIZE, WIDTH, Key, Mark, Panel, legend
from newsclf.reporting.scale import logarithmic, suited
from newsclf.reporting.svg import drawing, path
from newsclf.reporting.text import NONE, amount, number, short, usd


def cost_by_latency(key: str, rows: Sequence[CostRow], about: str) -> Figure:
    """Cost per million against p95; a line joins the rows that no other beats in both."""
    title = "Cost against latency"
    at_slo = any(row.usd_per_million_at_slo is not None for row in rows)
    what = "at the objective's rate" if at_slo else "at the highest rate"
    points = [
        (row, row.p95_ms, cost)
        for row in rows
        if row.p95_ms and (cost := row.usd_per_million_at_slo if at_slo else row.usd_per_million)
    ]
    left_out = [f"{r.instance} ({r.status})" for r in rows if all(r is not p[0] for p in points)]
    best = frontier([(p95, cost) for _, p95, cost in points])
    table = Table(
        ("instance", "p95, ms", f"$ per million {what}", "on the frontier"),
        [
            (row.instance, number(p95), usd(cost), "yes" if (p95, cost) in best else "no")
            for row, p95, cost in points
        ],
    )
    sub = f"{len(points)} of {len(rows)} instances · {about}"
    if len(points) < 2:  # noqa: PLR2004 - a comparison
        why = "A comparison needs at least two instances with a verdict of OK and a price."
        return Figure(key, title, sub, "", why, table)
    x = suited([p95 for _, p95, _ in points], LEFT, RIGHT - 10, most=7)
    y = suited([cost for _, _, cost in points], HEIGHT - 40, 34)
    panel = Panel(x, y, y_title=f"$ per million, {what}", x_title="p95 response time, ms")
    steps: list[tuple[float, float]] = []
    for (p95, cost), (next_p95, next_cost) in pairwise(best):
        steps += [(p95, cost), (next_p95, cost), (next_p95, next_cost)]
    panel.line(steps, "s0 frontier")
    ordered = sorted(points, key=lambda p: ((p[1], p[2]) not in best, p[1], p[2], p[0].instance))
    labels = [Label(row.instance, x.at(p95), y.at(cost)) for row, p95, cost in ordered]
    frame = Box(panel.frame.left + 2, panel.frame.top, WIDTH - 2, panel.frame.bottom - 2)
    line = [
        Box(
            min(x.at(a), x.at(c)) - 1,
            min(y.at(b), y.at(d)) - 1,
            max(x.at(a), x.at(c)) + 1,
            max(y.at(b), y.at(d)) + 1,
        )
        for (a, b), (c, d) in pairwise(steps)
    ]
    boxes = place(labels, frame, line)
    for (row, p95, cost), label, box in zip(ordered, labels, boxes, strict=True):
        hint = f"{row.instance}: p95 {number(p95)} ms, {usd(cost)} per million"
        css = "s0" if (p95, cost) in best else "other"
        panel.marks([Mark(p95, cost, "circle", css)], hint)
        if box is not None:
            panel.parts.append(_leader(label, box))
            panel.note(row.instance, box.left, box.bottom - 3)
    caption = "The line joins what no other instance beats in both cost and p95."
    if unlabelled := sum(box is None for box in boxes):
        caption += f" {unlabelled} crowded points have no label here: see the table."
    if left_out:
        caption += f" Without a cost: {', '.join(left_out)}."
    cheapest = min(points, key=lambda p: p[2])
    text = f"{sub}. Cheapest: {cheapest[0].instance} at {usd(cheapest[2])} per million."
    svg = drawing(key, title, text, SIZE, panel.parts)
    return Figure(key, title, sub, svg, "", table, caption)


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other beats or equals in both, by the first; less is better."""
    kept: list[tuple[float, float]] = []
    for point in sorted(set(points)):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def cost_by_volume(
    key: str, monthly: Sequence[MonthlyCost], rows: Sequence[CostRow], about: str
) -> Figure:
    """What a month costs against its requests, both logarithmic, with the break-even volumes."""
    title = "Cost of a month against its requests"
    curves = [
        (
            curve,
            [
                (volume, cost)
                for volume, cost in zip(curve.requests_per_month, curve.usd_per_month, strict=True)
                if volume > 0 and cost > 0
            ],
        )
        for curve in monthly
    ]
    curves = [(curve, line) for curve, line in curves if len(line) > 1]
    volumes = sorted({volume for _, line in curves for volume, _ in line})
    table = Table(
        ("requests per month", *(curve.instance for curve, _ in curves)),
        [
            (short(v), *(usd(dict(line)[v]) if v in dict(line) else NONE for _, line in curves))
            for v in volumes
        ],
    )
    if not curves:
        why = "No cost by volume: no instance has both a verdict of OK and a price."
        return Figure(key, title, about, "", why, table)
    keys, top = legend(
        [Key(curve.instance, f"{_ink(i)} line {_dash(i)}") for i, (curve, _) in enumerate(curves)]
    )
    crossings = _crossings(curves, rows)
    x = logarithmic([*volumes, *(volume for _, volume, _ in crossings)], LEFT, RIGHT)
    y = logarithmic([c for _, line in curves for _, c in line], HEIGHT - 40, top + 26)
    panel = Panel(x, y, y_title="$ per month", x_title="Requests per month")
    for i, (_, line) in enumerate(curves):
        panel.line(line, f"{_ink(i)} line {_dash(i)}")
    labels = [Label(f"break-even {amount(v)}", x.at(v), y.at(cost)) for _, v, cost in crossings]
    drawn = [
        Box(
            min(x.at(a), x.at(c)),
            min(y.at(b), y.at(d)),
            max(x.at(a), x.at(c)),
            max(y.at(b), y.at(d)),
        )
        for _, line in curves
        for (a, b), (c, d) in pairwise(line)
    ]
    boxes = place(labels, panel.frame, drawn)
    for (name, volume, cost), label, box in zip(crossings, labels, boxes, strict=True):
        hint = f"{name}: break-even at {amount(volume)} requests a month, {usd(cost)}"
        panel.marks([Mark(volume, cost, "circle", "ink")], hint, hollow=True)
        if box is not None:
            panel.parts.append(_leader(label, box))
            panel.note(label.text, box.left, box.bottom - 3)
    even = "; ".join(f"{n} at {amount(v)} requests a month" for n, v, _ in crossings)
    caption = (
        f"From here on cheaper than serverless: {even}."
        if even
        else "No break-even among these volumes."
    )
    svg = drawing(key, title, f"{about}. {caption}", SIZE, [*keys, *panel.parts])
    return Figure(key, title, about, svg, "", table, caption)


def _crossings(
    curves: Sequence[tuple[MonthlyCost, list[tuple[float, float]]]], rows: Sequence[CostRow]
) -> list[tuple[str, float, float]]:
    """Instance, break-even volume, and the cost there on the instance's own curve."""
    found = []
    volumes = {row.instance: row.breakeven_requests_per_month for row in rows}
    for curve, line in curves:
        volume = volumes.get(curve.instance)
        if volume is None or not line[0][0] <= volume <= line[-1][0]:
            continue
        (v0, c0), (v1, c1) = next(pair for pair in pairwise(line) if pair[1][0] >= volume)
        found.append((curve.instance, volume, c0 + (c1 - c0) * (volume - v0) / (v1 - v0)))
    return found


def _leader(label: Label, box: Box) -> str:
    """A thin line from a label to its point, where it stands off."""
    near_x = min(max(label.x, box.left), box.right)
    near_y = min(max(label.y, box.top + 3), box.bottom - 3)
    if abs(near_x - label.x) + abs(near_y - label.y) < 14:  # noqa: PLR2004 - pixels: side by side
        return ""
    return path([(label.x, label.y), (near_x, near_y)], "leader")


def _ink(i: int) -> str:
    return style_of(i)[0]


def _dash(i: int) -> str:
    """Every other curve is dashed, so that colour is not all that tells neighbours apart."""
    return f"d{i % 4}"
