"""What `newsclf loadtest` shows: a live view, a line for each point, the final tables."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from newsclf.core.cost import CostRow
from newsclf.loadtest.orders import Progress
from newsclf.loadtest.points import Watch
from newsclf.loadtest.records import Interval, Load, PointSummary, Search, Summary
from newsclf.loadtest.report.tables import server_table
from newsclf.loadtest.report.text import load_words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.cli.output import Output

_TICK_S = 0.5
_RECENT_TICKS = 10
_SPARK_TICKS = 40
_SPARKS = "▁▂▃▄▅▆▇█"


@contextmanager
def live(output: Output) -> Iterator[Watch]:
    """Show how a load test goes: on a terminal as it changes, else a line for each point."""
    shown = _Live()

    def done(point: PointSummary) -> None:
        output.note(_line(point))

    with output.live(shown.view) as refresh:

        def on_point(name: str, load: Load) -> None:
            shown.begin(name, load)
            refresh()

        def on_progress(progress: Progress) -> None:
            shown.add(progress)
            refresh()

        yield Watch(on_point=on_point, on_progress=on_progress, on_point_done=done)


@dataclass(slots=True)
class _Tick:
    ok: int = 0
    failed: int = 0
    response_ms: list[float] = field(default_factory=list)


class _Live:
    """The point that is running."""

    def __init__(self) -> None:
        self._name = ""
        self._load: Load | None = None
        self._began_s = self._ticked_s = 0.0
        self._failed = 0
        self._in_flight: dict[int, int] = {}
        self._ticks: deque[_Tick] = deque(maxlen=_SPARK_TICKS)

    def begin(self, name: str, load: Load) -> None:
        self._name, self._load = name, load
        self._began_s = self._ticked_s = time.monotonic()
        self._failed = 0
        self._in_flight.clear()
        self._ticks.clear()
        self._ticks.append(_Tick())

    def add(self, progress: Progress) -> None:
        if time.monotonic() - self._ticked_s >= _TICK_S:
            self._ticked_s += _TICK_S
            self._ticks.append(_Tick())
        tick = self._ticks[-1]
        tick.ok += progress.ok
        tick.failed += progress.failed
        tick.response_ms += progress.response_ms
        self._in_flight[progress.worker] = progress.in_flight
        self._failed += progress.failed

    def view(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        if self._load is None:
            return Text("connecting …", style="dim")
        load = self._load
        elapsed_s = time.monotonic() - self._began_s
        left_s = max(0.0, load.warmup_s + load.duration_s - elapsed_s)
        phase = "warm-up" if elapsed_s < load.warmup_s else "measuring"
        complete = list(self._ticks)[:-1] or list(self._ticks)
        recent = complete[-_RECENT_TICKS:]
        rate = sum(tick.ok for tick in recent) / (_TICK_S * len(recent))
        latencies = [ms for tick in recent for ms in tick.response_ms]
        p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) if latencies else (0.0, 0.0, 0.0)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(self._name, style="bold"), Text(phase, style="dim"), f"{left_s:.0f} s left"
        )
        grid.add_row(
            f"{rate:8.1f}/s",
            Text(_spark([tick.ok for tick in complete]), style="cyan"),
            f"p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f} ms",
        )
        errors = Text(f"{self._failed} failed", style="red" if self._failed else "dim")
        grid.add_row(
            f"{sum(self._in_flight.values()):6} in flight",
            errors,
            Text("Ctrl-C ends it in order", "dim"),
        )
        return grid


def _spark(counts: list[int]) -> str:
    highest = max(counts, default=0) or 1
    return "".join(_SPARKS[round(count / highest * (len(_SPARKS) - 1))] for count in counts)


def _line(point: PointSummary) -> str:
    figures = ", ".join(
        f"{name} {_ms(point.response_ms[name])} ms" for name in ("p50", "p95", "p99")
    )
    failed = f", {100 * point.error_fraction:.1f} % failed" if point.error_fraction else ""
    verdict = "" if point.verdict == "OK" else f", {point.verdict}"
    return f"{point.id}: {point.throughput_per_s:.1f}/s, {figures}{failed}{verdict}"


def show(output: Output, folder: Path, summary: Summary) -> None:
    """Show what a load test found."""
    output.data(summary.model_dump(mode="json") | {"folder": str(folder)})
    searched = {probe for search in summary.searches for probe in _points_of(search)}
    points = [point for point in summary.points if point.id not in searched]
    output.show(
        output.table(
            "Load",
            ["point", "good/s", "p50", "p95", "p99 ms", "errors", "verdict"],
            [
                [
                    point.id,
                    f"{point.throughput_per_s:.1f}",
                    *(_ms(point.response_ms[name]) for name in ("p50", "p95", "p99")),
                    f"{100 * point.error_fraction:.1f} %",
                    point.verdict,
                ]
                for point in points
            ],
        ),
        "",
        output.table(
            "Cost",
            ["instance", "status", "n", "ms", "USD/h", "USD/M", "max/min", "SLO rate/s",
             f"at {100 * summary.run.utilisation:.0f} %", "with API", "break-even"],
            [
                [
                    row.instance if row.priced_as is None else f"{row.instance} as {row.priced_as}",
                    row.status,
                    row.count,
                    _figure(row.model_latency_ms, "{:.1f}"),
                    _figure(row.usd_per_hour, "{:.3f}"),
                    _figure(row.usd_per_million, "{:.2f}"),
                    _figure(row.max_invocations_per_minute, "{:,.0f}"),
                    _rate(row.slo_rate_low_per_s, row.slo_rate_high_per_s),
                    _figure(row.usd_per_million_at_utilisation, "{:.2f}"),
                    _figure(row.total_usd_per_million, "{:.2f}"),
                    _breakeven(row),
                ]
                for row in summary.costs
            ],
        ),
    )  # fmt: skip
    if (server := server_table(points)).rows:
        output.show("", output.table("What the service measured", list(server.head), server.rows))
    for point in points:
        for reason in point.reasons:
            output.note(f"{point.id}: {reason}")
    for row in summary.costs:
        if row.price_source is not None:
            output.note(f"{row.instance}: {row.price_source}, {row.price_region}")
    for search in summary.searches:
        output.note(_searched(search))
    if summary.run.server_unread:
        output.note(f"the service's own figures are missing: {summary.run.server_unread}")
    if summary.run.stop_reason:
        output.note(f"ended early: {summary.run.stop_reason}")
    output.note(f"report: {folder / 'report.html'}")


def check(folder: Path, summary: Summary) -> None:
    """Say by the exit code whether a load test is complete and can be believed.

    Raises:
        InterruptedRunError: Ctrl-C ended it.
        TargetError: an instance could not be deployed.
        CheckFailedError: no point of it is OK.
    """
    from newsclf.core.errors import CheckFailedError, InterruptedRunError, TargetError
    from newsclf.lifecycle.loadtest import FAILED

    if summary.run.stop_reason == "interrupted":
        raise InterruptedRunError(
            "the load test was interrupted; what it had measured is kept",
            hint=f"the same command with --resume {folder} goes on",
        )
    if (summary.run.stop_reason or "").startswith(FAILED):
        raise TargetError(
            summary.run.stop_reason or "",
            hint=f"the same command with --resume {folder} measures what is missing",
        )
    if not any(point.verdict == "OK" for point in summary.points):
        verdicts = ", ".join(sorted({point.verdict for point in summary.points}))
        raise CheckFailedError(
            f"no point of this load test can be believed: {verdicts}",
            hint="the reasons stand above and in the report",
        )


def show_comparison(output: Output, before: Path, after: Path) -> None:
    """Show how the second run differs from the first.

    Raises:
        CheckFailedError: it is slower.
    """
    from newsclf.core.errors import CheckFailedError
    from newsclf.lifecycle.report import compare

    comparison = compare(before, after)
    output.data(comparison.model_dump(mode="json"))
    output.show(
        output.table(
            f"{comparison.after} against {comparison.before}",
            ["load", "figure", "before", "after", "change", "interval", ""],
            [
                [
                    f"{point.instance} {load_words(point.load)}",
                    change.figure,
                    _figure(change.before, "{:.1f}"),
                    _figure(change.after, "{:.1f}"),
                    _percent(change.change.value),
                    f"{_percent(change.change.low)} to {_percent(change.change.high)}",
                    change.verdict,
                ]
                for point in comparison.points
                for change in point.changes
            ],
        )
    )
    for point in comparison.points:
        for warning in point.warnings:
            output.note(warning)
    if comparison.unmatched:
        output.note(f"only in one of the two: {', '.join(comparison.unmatched)}")
    if comparison.regression:
        worse = [p for p in comparison.points if p.regression]
        raise CheckFailedError(
            f"{comparison.after} is slower at {len(worse)} of {len(comparison.points)} loads",
            hint=f"newsclf report {after} shows its points",
        )


def _points_of(search: Search) -> list[str]:
    return [point for probe in search.probes for point in probe.points]


def _searched(search: Search) -> str:
    goals = " and ".join(f"p{o.percentile:g} ≤ {o.limit_ms:g} ms" for o in search.objectives)
    found = _rate(search.low_per_s, search.high_per_s)
    confirmed = "" if search.confirmed else ", not confirmed"
    note = f" ({search.note})" if search.note else ""
    return f"{search.instance}: {goals} holds at {found} Poisson requests/s{confirmed}{note}"


def _rate(low: float | None, high: float | None) -> str:
    if low is None:
        return "–" if high is None else f"< {high:.4g}"
    return f"≥ {low:.4g}" if high is None else f"{low:.4g}–{high:.4g}"


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:+.1f} %"


def _breakeven(row: CostRow) -> str:
    if row.total_usd_per_million is None:
        return "–"
    requests = row.breakeven_requests_per_month
    return "never" if requests is None else f"{requests / 1e6:,.1f} M/month"


def _ms(figure: Interval) -> str:
    return "n/a" if figure.value is None else f"{figure.value:.1f}"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
