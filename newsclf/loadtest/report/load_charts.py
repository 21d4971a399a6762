"""Charts over points: latency against throughput and concurrency, offered against achieved."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.loadtest.records import Objective, PointSummary, Search
from newsclf.loadtest.report.figure import Figure, Group, Table, middle, size_of, subtitle
from newsclf.loadtest.report.panel import HEIGHT, LEFT, RIGHT, SIZE, Key, Panel, legend
from newsclf.loadtest.report.scale import Scale, Tick, linear, suited
from newsclf.loadtest.report.svg import SERIES, SHAPES, drawing
from newsclf.loadtest.report.text import (
    MODELS,
    amount,
    interval,
    load_words,
    number,
    percent,
    percentile_name,
    short,
)

PERCENTILES = ("p50", "p95", "p99")
IN_TIME = 0.99
"""A client that sends less than this share in time was the bottleneck."""


def latency_by_throughput(
    key: str, group: Group, objectives: Sequence[Objective], search: Search | None
) -> Figure:
    """Response-time percentiles against good answers per second, with the objectives."""
    title = f"Latency against throughput, {MODELS[group.model]}"
    table = _percentile_table(group)
    if len(group.loads) < 2:  # noqa: PLR2004 - a curve
        return Figure(key, title, subtitle(group.points), "", _one_load(group), table)
    keys, top = legend(_percentile_keys(group.points))
    y = _latency_scale(group.points, objectives, HEIGHT - 40, top + 26)
    ends = [e for e in (search.low_per_s, search.high_per_s) if e] if search else []
    x = linear([*(p.throughput_per_s for p in group.points), *ends], LEFT, RIGHT, most=8)
    panel = Panel(x, y, y_title="Response time, ms", x_title="Good answers per second")
    if search:
        _draw_search(panel, search)
    for i, name in enumerate(PERCENTILES):
        panel.line(
            [
                (middle(p.throughput_per_s for p in repeats), value)
                for repeats in group.loads
                if (value := _middle_percentile(repeats, name)) is not None
            ],
            f"s{i} line",
        )
        for point in group.points:
            _draw_percentile(panel, point, name, i, point.throughput_per_s)
    for objective in objectives:
        limit = objective.limit_ms
        text = f"{percentile_name(objective.percentile)} ≤ {amount(limit)} ms"
        panel.level(limit, text, "objective")
    text = f"{subtitle(group.points)}. {_range_words(group)}"
    svg = drawing(key, title, text, SIZE, [*keys, *panel.parts])
    caption = "Lines join the middle repeats; bars are 95 % intervals."
    if group.model == "closed":
        caption += (
            " Closed loop: users wait, so stalls that independent users would see are hidden."
        )
    return Figure(key, title, subtitle(group.points), svg, "", table, caption)


def latency_by_concurrency(key: str, group: Group) -> Figure:
    """Response-time percentiles and throughput against the users of a closed loop."""
    title = "Latency and throughput against concurrency"
    table = _percentile_table(group)
    if len(group.loads) < 2:  # noqa: PLR2004 - a curve
        return Figure(key, title, subtitle(group.points), "", _one_load(group), table)
    keys, top = legend(_percentile_keys(group.points))
    users = [size_of(repeats[0]) for repeats in group.loads]
    x = Scale(
        "log",
        users[0] * 0.9,
        users[-1] * 1.1,
        LEFT,
        RIGHT,
        tuple(Tick(u, short(u)) for u in users),
    )
    upper = Panel(
        x,
        _latency_scale(group.points, [], 190, top + 26),
        y_title="Response time, ms",
        x_texts=False,
    )
    rates = [p.throughput_per_s for p in group.points]
    lower = Panel(
        x,
        linear(rates, HEIGHT - 40, 226, most=4),
        y_title="Good answers per second",
        x_title="Users at once",
    )
    for i, name in enumerate(PERCENTILES):
        upper.line(
            [
                (size_of(repeats[0]), value)
                for repeats in group.loads
                if (value := _middle_percentile(repeats, name)) is not None
            ],
            f"s{i} line",
        )
        for point in group.points:
            _draw_percentile(upper, point, name, i, size_of(point))
    lower.line(
        [
            (size_of(repeats[0]), middle(p.throughput_per_s for p in repeats))
            for repeats in group.loads
        ],
        "s3 line",
    )
    for point in group.points:
        hint = f"{point.id}: {number(point.throughput_per_s)}/s, {point.verdict}"
        lower.mark(
            size_of(point),
            point.throughput_per_s,
            "diamond",
            "s3",
            hollow=point.verdict != "OK",
            hint=hint,
        )
    text = f"{subtitle(group.points)}. {_range_words(group)}"
    svg = drawing(key, title, text, SIZE, [*keys, *upper.parts, *lower.parts])
    return Figure(key, title, subtitle(group.points), svg, "", table)


def offered_and_achieved(key: str, points: Sequence[PointSummary]) -> Figure:
    """What open loops offered, what was answered well, and what the client sent in time."""
    title = "Offered against achieved rate"
    points = sorted(points, key=lambda p: (p.offered_per_s, p.id))
    head = ("point", "offered per s", "good answers per s", "sent in time", "verdict")
    table = Table(
        head,
        [
            (
                *(p.id, number(p.offered_per_s), number(p.throughput_per_s)),
                *(percent(p.achieved_fraction, 2), p.verdict),
            )
            for p in points
        ],
    )
    answered = Key("answered well", "s3 mark", "diamond")
    sent = Key("sent in time", "s0 mark", "circle")
    keys, top = legend([answered, sent, *_hollow_key(points)])
    rates = [r for p in points for r in (p.offered_per_s, p.throughput_per_s)]
    x = linear(rates, LEFT, RIGHT, most=8)
    upper = Panel(
        x, linear(rates, 190, top + 26, most=5), y_title="Good answers per second", x_texts=False
    )
    upper.line([(0, 0), (x.high, x.high)], "ideal")
    least = min([*(p.achieved_fraction for p in points), 0.975])
    y = linear([100 * least, 100], HEIGHT - 40, 226, most=4, low=None)
    lower = Panel(x, y, y_title="Sent in time, %", x_title="Offered per second")
    lower.floor(100 * IN_TIME, "zone")
    for point in points:
        offered, hollow = point.offered_per_s, point.verdict != "OK"
        hint = (
            f"{point.id}: offered {number(offered)}/s, "
            f"answered {number(point.throughput_per_s)}/s, "
            f"{percent(point.achieved_fraction, 2)} sent in time, {point.verdict}"
        )
        upper.mark(offered, point.throughput_per_s, "diamond", "s3", hollow=hollow, hint=hint)
        lower.mark(offered, 100 * point.achieved_fraction, "circle", "s0", hollow=hollow, hint=hint)
    lower.level(100 * IN_TIME, "below 99 % the client is the limit", "limit")
    svg = drawing(key, title, subtitle(points), SIZE, [*keys, *upper.parts, *lower.parts])
    caption = (
        "On the dotted line, all that was offered was answered well. Falling below it while the "
        "client sends in time is the server's doing."
    )
    return Figure(key, title, subtitle(points), svg, "", table, caption)


def style_of(index: int) -> tuple[str, str]:
    """Colour class and marker of an instance; both differ, so that neither is needed alone."""
    return f"s{index % SERIES}", SHAPES[index % len(SHAPES)]


def _draw_search(panel: Panel, search: Search) -> None:
    low, high = search.low_per_s, search.high_per_s
    if low and high:
        panel.shade(low, high, "bracket")
    for value in (low, high):
        if value:
            panel.upright(value, "edge")
    texts = [f"met at {amount(low)}/s"] if low else []
    texts += [f"missed at {amount(high)}/s"] if high else []
    ends = [end for end in (low, high) if end]
    if ends:
        panel.above(sum(ends) / len(ends), ", ".join(texts))


def _draw_percentile(panel: Panel, point: PointSummary, name: str, i: int, x: float) -> None:
    figure = point.response_ms.get(name)
    if figure is None or figure.value is None:
        return
    panel.bar(x, figure, f"s{i}")
    hint = f"{point.id}: {name} {interval(figure)} ms, {load_words(point.load)}, {point.verdict}"
    panel.mark(x, figure.value, SHAPES[i], f"s{i}", hollow=point.verdict != "OK", hint=hint)


def _middle_percentile(repeats: Sequence[PointSummary], name: str) -> float | None:
    values = [
        figure.value
        for p in repeats
        if (figure := p.response_ms.get(name)) is not None and figure.value is not None
    ]
    return middle(values) if values else None


def _latency_scale(
    points: Sequence[PointSummary], objectives: Sequence[Objective], begin: float, end: float
) -> Scale:
    values = [
        value
        for point in points
        for name in PERCENTILES
        if (figure := point.response_ms.get(name)) is not None
        for value in (figure.value, figure.low, figure.high)
        if value is not None and value > 0
    ]
    most = 6 if begin - end > 180 else 5  # noqa: PLR2004 - pixels
    return suited([*values, *(o.limit_ms for o in objectives)] or [1.0], begin, end, most=most)


def _percentile_keys(points: Sequence[PointSummary]) -> list[Key]:
    keys = [Key(name, f"s{i} mark", SHAPES[i]) for i, name in enumerate(PERCENTILES)]
    return keys + _hollow_key(points)


def _hollow_key(points: Sequence[PointSummary]) -> list[Key]:
    hollow = any(p.verdict != "OK" for p in points)
    return [Key("hollow: not OK", "ink hollow", "circle")] if hollow else []


def _percentile_table(group: Group) -> Table:
    head = ("point", "load", "good answers per s", *(f"{p}, ms" for p in PERCENTILES), "verdict")
    rows = [
        (
            p.id,
            load_words(p.load),
            number(p.throughput_per_s),
            *(interval(p.response_ms.get(name)) for name in PERCENTILES),
            p.verdict,
        )
        for p in group.points
    ]
    return Table(head, rows)


def _range_words(group: Group) -> str:
    rates = [p.throughput_per_s for p in group.points]
    return f"Throughput from {amount(min(rates))} to {amount(max(rates))} per second."


def _one_load(group: Group) -> str:
    return f"Only one load was run ({load_words(group.points[0].load)}): no curve to draw."
