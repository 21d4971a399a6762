"""Charts from the raw samples of one point: percentiles, and latency over time."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.loadtest.report.groups import load_words, subtitle
from newsclf.loadtest.report.series import Bucket, Percentiles, over_time, percentile_curves
from newsclf.loadtest.store.records import PointSummary
from newsclf.loadtest.store.samples import Samples
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.panel import HEIGHT, LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import linear, nines, suited
from newsclf.reporting.text import count, interval, number

_BUCKETS = 60
_LEAST = 20
"""Least number of requests for a distribution."""
_NAMED = (0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99, 99.999)


def percentiles(key: str, point: PointSummary, samples: Samples) -> Figure:
    """Response time (from when a request was due) and service time (from when it was sent)."""
    title = f"Percentiles: {point.instance}, {load_words(point.load)}"
    curves = percentile_curves(samples, point.load)
    table = _percentile_rows(curves)
    if curves.n < _LEAST:
        why = f"Only {curves.n} successful requests in the window: too few for a distribution."
        return Figure(key, title, subtitle([point]), "", why, table)
    closed = point.load.model == "closed"
    names = [
        Key("response time, from when it was due", "s1 line"),
        Key("service time, from sending", "s0 line d1"),
    ]
    keys, top = legend([Key("response time", "s1 line")] if closed else names)
    values = [v for v in (*curves.response_ms, *curves.service_ms) if v > 0]
    panel = Panel(
        nines(curves.percentiles[-1], LEFT, RIGHT - 6),
        suited(values or [1.0], HEIGHT - 40, top + 26),
        y_title="Time, ms",
        x_title="Percentile of successful requests",
    )
    if not closed:
        panel.line(zip(curves.percentiles, curves.service_ms, strict=True), "s0 line d1")
    panel.line(zip(curves.percentiles, curves.response_ms, strict=True), "s1 line")
    for name, figure in point.response_ms.items():
        percentile = float(name.removeprefix("p"))
        if figure.value is not None and percentile <= curves.percentiles[-1]:
            panel.bars([(percentile, figure)], "s1")
            mark = Mark(percentile, figure.value, "square", "s1")
            panel.marks([mark], f"{name}: {interval(figure)} ms", hollow=point.verdict != "OK")
    caption = (
        "Closed loop: a request is due when it is sent, so both times are the same, and stalls "
        "that independent users would see are hidden."
        if closed
        else "Where the lines part, requests waited to be sent: service time alone would hide that "
        "wait (coordinated omission)."
    )
    failed = sum(n for name, n in point.outcomes.items() if name.upper() != "OK")
    if failed:
        caption += f" {failed:,} failed requests are not in it."
    parts = [*keys, *panel.parts]
    return chart(key, title, subtitle([point]), table, parts, caption=caption)


def course(key: str, point: PointSummary, samples: Samples) -> Figure:
    """Latency, requests in flight and errors over the time of one load, warm-up shaded."""
    title = f"Over time: {point.instance}, {load_words(point.load)}"
    buckets = over_time(samples, point.load, _BUCKETS)
    table = _bucket_rows(buckets)
    measured = [b.max_ms for b in buckets if b.max_ms]
    if len(buckets) < 3 or len(samples) < _LEAST:  # noqa: PLR2004 - a course
        why = f"Only {len(samples)} requests: too few to show a course."
        return Figure(key, title, subtitle([point]), "", why, table)
    names = [Key("slowest", "s1 line"), Key("median", "s0 line"), Key("in flight", "s2 line")]
    queued = any(b.waiting > 1 for b in buckets)
    names += [Key("due, not sent", "s4 line d1")] if queued else []
    if point.load.warmup_s > 0:
        names.append(Key("warm-up", "warmup", "square"))
    keys, top = legend(names)
    x = linear([buckets[-1].end_s], LEFT, RIGHT, most=8)
    lows = [b.p50_ms for b in buckets if b.p50_ms]
    upper = Panel(
        x,
        suited([*measured, *lows] or [1.0], 166, top + 26, most=5),
        y_title="Response time, ms",
        x_texts=False,
    )
    flights = [b.in_flight for b in buckets] + [b.waiting for b in buckets]
    middle = Panel(x, linear([*flights, 1], 244, 198, most=3), y_title="Requests", x_texts=False)
    errors = linear([*(b.errors for b in buckets), 1], HEIGHT - 40, 276, most=2)
    lower = Panel(x, errors, y_title="Errors", x_title="Seconds since the load began")
    for panel in (upper, middle, lower):
        panel.shade(0, point.load.warmup_s, "warmup")
    for css, name in (("s1 line", "max_ms"), ("s0 line", "p50_ms")):
        for run in _unbroken(buckets, name):
            upper.line(run, css)
    at = [(b.begin_s + b.end_s) / 2 for b in buckets]
    if queued:
        middle.line(zip(at, [float(b.waiting) for b in buckets], strict=True), "s4 line d1")
    middle.line(zip(at, [float(b.in_flight) for b in buckets], strict=True), "s2 line")
    for b in buckets:
        if b.errors:
            hint = f"{b.errors} failed, due from {number(b.begin_s)} to {number(b.end_s)} s"
            lower.column(b.begin_s, b.end_s, b.errors, "failed", hint)
    total = sum(b.errors for b in buckets)
    if not total:
        lower.note("none", x.at(buckets[-1].end_s / 2), 290, "middle")
    parts = [*keys, *upper.parts, *middle.parts, *lower.parts]
    more = f"Slowest {number(max(measured, default=None))} ms; {total} errors."
    width = number(buckets[0].end_s - buckets[0].begin_s, 1)
    caption = (
        f"One value for each {width} s, by when requests were due; the slowest of each is kept."
    )
    return chart(key, title, subtitle([point]), table, parts, caption=caption, more=more)


def _unbroken(buckets: Sequence[Bucket], name: str) -> list[list[tuple[float, float]]]:
    """Stretches of buckets with a value, so that no line crosses a time without answers."""
    runs: list[list[tuple[float, float]]] = [[]]
    for bucket in buckets:
        value = getattr(bucket, name)
        if value is None:
            runs.append([])
        else:
            runs[-1].append(((bucket.begin_s + bucket.end_s) / 2, value))
    return [run for run in runs if run]


def _percentile_rows(curves: Percentiles) -> Table:
    rows = []
    for wanted in _NAMED:
        if not curves.percentiles or wanted > curves.percentiles[-1]:
            break
        i = next(i for i, p in enumerate(curves.percentiles) if p >= wanted - 1e-9)
        name = "least" if wanted == 0 else f"p{wanted:g}"
        rows.append((name, number(curves.response_ms[i]), number(curves.service_ms[i])))
    if curves.n:
        rows.append(("most", number(curves.response_ms[-1]), number(curves.service_ms[-1])))
    return Table(("percentile", "response, ms", "service, ms"), rows)


def _bucket_rows(buckets: Sequence[Bucket]) -> Table:
    head = ("seconds", "median, ms", "slowest, ms", "in flight", "due, not sent", "errors")
    rows = [
        (
            *(f"{number(b.begin_s)}–{number(b.end_s)}", number(b.p50_ms), number(b.max_ms)),
            *map(count, (b.in_flight, b.waiting, b.errors)),
        )
        for b in buckets
    ]
    return Table(head, rows)
