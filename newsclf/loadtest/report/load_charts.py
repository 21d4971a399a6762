"""Charts over points: latency against throughput and concurrency, offered against achieved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from newsclf.common.intervals import percent
from newsclf.loadtest.report.groups import MODELS, Group, load_words, middle, size_of, subtitle
from newsclf.loadtest.report.tables import objective_words, point_table
from newsclf.loadtest.store.records import Objective, PointSummary, Search
from newsclf.reporting.figure import Figure
from newsclf.reporting.panel import HEIGHT, LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, Tick, linear, suited
from newsclf.reporting.svg import SERIES, SHAPES
from newsclf.reporting.text import amount, interval, number, short

PERCENTILES = ("p50", "p95", "p99")
_LATENCY_HEADS = (
    *("point", "load", "goodput per s"),
    *(f"{p}, ms" for p in PERCENTILES),
    "verdict",
)
_RATE_HEADS = ("point", "offered per s", "goodput per s", "sent in time", "late", "verdict")
IN_TIME = 0.99
"""Share of requests sent in time below which the load generator was saturated."""


def latency_by_throughput(
    key: str, group: Group, objectives: Sequence[Objective], search: Search | None
) -> Figure:
    """Response-time percentiles against goodput, with the objectives."""
    title = f"Latency against throughput, {MODELS[group.model]}"
    about, table = subtitle(group.points), point_table(group.points, *_LATENCY_HEADS)
    if len(group.loads) < 2:  # noqa: PLR2004 - a curve
        return Figure(key, title, about, "", _one_load(group), table)
    keys, top = legend(_percentile_keys(group.points))
    y = _latency_scale(group.points, objectives, HEIGHT - 40, top + 26)
    ends = [e for e in (search.low_per_s, search.high_per_s) if e] if search else []
    x = linear([*(p.throughput_per_s for p in group.points), *ends], LEFT, RIGHT, most=8)
    panel = Panel(x, y, y_title="Response time, ms", x_title="Goodput, requests per second")
    if search:
        _draw_search(panel, search)
    _draw_percentiles(panel, group, lambda p: p.throughput_per_s, joined=search is None)
    for objective in objectives:
        panel.level(objective.limit_ms, objective_words([objective]), "objective")
    caption = "Bars are 95 % intervals."
    if search is None:
        caption = f"Lines join the middle repeats. {caption}"
    if group.model == "closed":
        caption += (
            " Closed loop: users wait, so stalls that independent users would see are hidden."
        )
    parts, more = [*keys, *panel.parts], _range_words(group)
    return chart(key, title, about, table, parts, caption=caption, more=more)


def latency_by_concurrency(key: str, group: Group) -> Figure:
    """Response-time percentiles and throughput against the users of a closed loop."""
    title = "Latency and throughput against concurrency"
    about, table = subtitle(group.points), point_table(group.points, *_LATENCY_HEADS)
    if len(group.loads) < 2:  # noqa: PLR2004 - a curve
        return Figure(key, title, about, "", _one_load(group), table)
    keys, top = legend(_percentile_keys(group.points))
    users = [size_of(repeats[0]) for repeats in group.loads]
    ticks = tuple(Tick(u, short(u)) for u in users)
    x = Scale("log", users[0] * 0.9, users[-1] * 1.1, LEFT, RIGHT, ticks)
    y = _latency_scale(group.points, [], 190, top + 26)
    upper = Panel(x, y, y_title="Response time, ms", x_texts=False)
    rates = [
        rate
        for p in group.points
        for rate in (p.throughput_per_s, p.throughput_interval.high)
        if rate is not None
    ]
    y = linear(rates, HEIGHT - 40, 226, most=4)
    lower = Panel(x, y, y_title="Goodput, requests per second", x_title="Users at once")
    _draw_percentiles(upper, group, size_of)
    medians = [middle(p.throughput_per_s for p in repeats) for repeats in group.loads]
    lower.line(zip(users, medians, strict=True), "s3 line")
    lower.bars([(size_of(p), p.throughput_interval) for p in group.points], "s3")
    for p in group.points:
        mark = Mark(size_of(p), p.throughput_per_s, "diamond", "s3")
        hint = f"{p.id}: {number(p.throughput_per_s)}/s, {p.verdict}"
        lower.marks([mark], hint, hollow=p.verdict != "OK")
    parts = [*keys, *upper.parts, *lower.parts]
    return chart(key, title, about, table, parts, more=_range_words(group))


def offered_and_achieved(key: str, points: Sequence[PointSummary]) -> Figure:
    """Offered rate of open loops against goodput, and whether the client kept up."""
    title = "Offered against achieved rate"
    points = sorted(points, key=lambda p: (p.offered_per_s, p.id))
    table = point_table(points, *_RATE_HEADS)
    answered = Key("goodput", "s3 mark", "diamond")
    sent = Key("client on time", "s0 mark", "circle")
    keys, top = legend([answered, sent, *_hollow_key(points)])
    rates = [r for p in points for r in (p.offered_per_s, p.throughput_per_s)]
    x = linear(rates, LEFT, RIGHT, most=8)
    upper = Panel(
        x,
        linear(rates, 190, top + 26, most=5),
        y_title="Goodput, requests per second",
        x_texts=False,
    )
    upper.line([(0, 0), (x.high, x.high)], "ideal")
    least = min([*(1 - p.late_fraction for p in points), 0.975])
    y = linear([100 * least, 100], HEIGHT - 40, 226, most=4, low=None)
    lower = Panel(x, y, y_title="Client on time, %", x_title="Offered per second")
    lower.floor(100 * IN_TIME, "zone")
    for p in points:
        hint = (
            f"{p.id}: offered {number(p.offered_per_s)}/s, "
            f"answered {number(p.throughput_per_s)}/s, "
            f"{percent(p.late_fraction, 2)} late, {p.verdict}"
        )
        well = Mark(p.offered_per_s, p.throughput_per_s, "diamond", "s3")
        on_time = Mark(p.offered_per_s, 100 * (1 - p.late_fraction), "circle", "s0")
        upper.marks([well], hint, hollow=p.verdict != "OK")
        lower.marks([on_time], hint, hollow=p.verdict != "OK")
    lower.level(100 * IN_TIME, "below 99 % the client is the limit", "limit")
    parts = [*keys, *upper.parts, *lower.parts]
    caption = (
        "On the dotted line, goodput equals the offered rate; falling below it is the "
        "server's doing while the client sends within 10 ms wherever a connection is free."
    )
    return chart(key, title, subtitle(points), table, parts, caption=caption)


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


def _draw_percentiles(
    panel: Panel, group: Group, x_of: Callable[[PointSummary], float], *, joined: bool = True
) -> None:
    """Lines through the middle repeats, intervals, and the markers of each point.

    The points of a search crowd around one rate in the order in which they were measured, so a
    line through them would be a scribble: they are not joined.
    """
    for i, name in enumerate(PERCENTILES if joined else ()):
        panel.line(
            [
                (middle(map(x_of, repeats)), value)
                for repeats in group.loads
                if (value := _middle_percentile(repeats, name)) is not None
            ],
            f"s{i} line",
        )
    for i, name in enumerate(PERCENTILES):
        panel.bars([(x_of(p), p.response_ms[name]) for p in group.points], f"s{i}")
    for p in group.points:
        marks = [
            Mark(x_of(p), value, SHAPES[i], f"s{i}")
            for i, name in enumerate(PERCENTILES)
            if (value := p.response_ms[name].value) is not None
        ]
        texts = [f"{name} {interval(p.response_ms[name])}" for name in PERCENTILES]
        hint = f"{p.id}: {', '.join(texts)} ms; {p.verdict}"
        panel.marks(marks, hint, hollow=p.verdict != "OK")


def _middle_percentile(repeats: Sequence[PointSummary], name: str) -> float | None:
    values = [figure.value for p in repeats if (figure := p.response_ms[name]).value is not None]
    return middle(values) if values else None


def _latency_scale(
    points: Sequence[PointSummary], objectives: Sequence[Objective], begin: float, end: float
) -> Scale:
    values = [
        value
        for point in points
        for name in PERCENTILES
        for value in point.response_ms[name].model_dump().values()
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


def _range_words(group: Group) -> str:
    rates = [p.throughput_per_s for p in group.points]
    return f"Throughput from {amount(min(rates))} to {amount(max(rates))} per second."


def _one_load(group: Group) -> str:
    return f"Only one load was run ({load_words(group.points[0].load)}): no curve to draw."
