"""The tables of the report: texts for people, and plain figures for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from newsclf.common.intervals import Interval
from newsclf.common.visible import visible_value
from newsclf.costs.formulas import CostRow
from newsclf.loadtest.report.words import load_words
from newsclf.loadtest.store.records import PointSummary, Probe, Search, Summary
from newsclf.reporting.figure import Table
from newsclf.reporting.text import NONE, amount, interval, number, percent, percentile_name, usd

PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9")
COST_GROUPS = (
    ("", 3),
    ("at the highest rate, fully used", 4),
    ("as the client saw it", 4),
    ("at the objective", 3),
    ("whole path, $ per million", 2),
    ("", 1),
)
"""Groups of columns of the cost table, and how many columns each has."""


def cost_table(rows: Sequence[CostRow]) -> Table:
    """One row for each instance, with the columns of SageMaker Inference Recommender and more."""
    used = sorted({row.utilisation for row in rows})
    at = percent(used[0], 0) if len(used) == 1 else "its use"
    head = (
        *("instance", "status", "count"),
        *("model latency, ms", "$ per hour", "$ per million", "max invocations per min"),
        *("p50, ms", "p95, ms", "p99, ms", "errors"),
        *("rate per s", "$ per million", f"$ per million at {at}"),
        *("Lambda and gateway", "total", "break-even per month"),
    )
    return Table(head, [_cost_cells(row) for row in rows], texts=2, groups=COST_GROUPS)


def point_table(points: Iterable[PointSummary]) -> Table:
    """One row for each point."""
    head = (
        *("point", "instance", "load", "verdict", "n", "offered per s", "good per s"),
        *("p50, ms", "p95, ms", "p99, ms", "p99.9, ms", "service p95, ms", "errors"),
        *("in flight", "send delay p99, ms", "sent in time", "held", "Little gap"),
    )
    rows = [
        (
            *(p.id, p.instance, load_words(p.load), p.verdict, f"{p.requests:,}"),
            *(number(p.offered_per_s), number(p.throughput_per_s)),
            *(interval(p.response_ms.get(name)) for name in ("p50", "p95", "p99", "p99.9")),
            interval(p.service_ms.get("p95")),
            error_words(p),
            *(number(p.mean_in_flight), number(p.send_delay_p99_ms)),
            percent(p.achieved_fraction),
            *(percent(p.held_fraction), percent(p.little_gap)),
        )
        for p in points
    ]
    return Table(head, rows, texts=4)


def server_table(points: Iterable[PointSummary]) -> Table:
    """What the service measured by itself, one row for each point of which it is known."""
    head = (
        *("point", "instance", "minutes", "client service p50, ms", "model latency, ms"),
        *("overhead, ms", "invocations", "4xx", "5xx", "CPU, % of a core", "memory, %"),
    )
    rows = [
        (
            *(p.id, p.instance, "within the window" if s.whole_minutes else "around the window"),
            interval(p.service_ms.get("p50")),
            *(number(s.model_latency_ms), number(s.overhead_latency_ms)),
            *(_whole(s.invocations), _whole(s.errors_4xx), _whole(s.errors_5xx)),
            *(number(s.cpu_percent), number(s.memory_percent)),
        )
        for p in points
        if (s := p.server) is not None
    ]
    return Table(head, rows, texts=3)


def _whole(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def probe_table(search: Search) -> Table:
    """The rates that a search tried, in order."""
    head = ("point", "result", "why", "rate per s", "requests", "misses")
    rows = [
        (
            *(p.point, _decided(p), p.reason),
            *(number(p.rate_per_s), f"{p.requests:,}", f"{p.misses:,}"),
        )
        for p in search.probes
    ]
    return Table(head, rows, texts=3)


def _decided(probe: Probe) -> str:
    if probe.passed:
        return "met"
    return "missed" if probe.decision == "fail" else "not decided"


def error_words(point: PointSummary) -> str:
    """The share of failed requests, and what became of them."""
    failed = [f"{n:,} {name}" for name, n in sorted(point.outcomes.items()) if name.upper() != "OK"]
    return " · ".join([percent(point.error_fraction), *failed])


def objective_words(search: Search) -> str:
    """The objectives of a search."""
    return " and ".join(
        f"{percentile_name(o.percentile)} ≤ {amount(o.limit_ms)} ms" for o in search.objectives
    )


def points_csv(points: Iterable[PointSummary]) -> str:
    """One line for each point, with full precision; empty where a figure is missing."""
    lines = []
    for p in points:
        line: dict[str, object] = {
            "id": p.id,
            "instance": p.instance,
            "load": p.load.model,
            **p.load.model_dump(exclude={"model"}),
            "repeat": p.repeat,
            "verdict": p.verdict,
            "requests": p.requests,
            "failed": sum(n for name, n in p.outcomes.items() if name.upper() != "OK"),
            "error_fraction": p.error_fraction,
            "offered_per_s": p.offered_per_s,
            "throughput_per_s": p.throughput_per_s,
            "throughput_low_per_s": p.throughput_interval.low,
            "throughput_high_per_s": p.throughput_interval.high,
        }
        for kind in ("response_ms", "response_all_ms", "service_ms"):
            figures: dict[str, Interval] = getattr(p, kind)
            for name in PERCENTILES:
                figure = figures.get(name, Interval(value=None))
                column = f"{kind.removesuffix('_ms')}_{name}"
                line |= {
                    f"{column}_ms": figure.value,
                    f"{column}_low_ms": figure.low,
                    f"{column}_high_ms": figure.high,
                }
        line |= p.model_dump(
            include={
                "mean_in_flight",
                "send_delay_p99_ms",
                "late_fraction",
                "held_fraction",
                "achieved_fraction",
                "little_gap",
            }
        )
        line["reasons"] = "; ".join(p.reasons)
        lines.append(line)
    return _csv(lines)


def cost_csv(summary: Summary) -> str:
    """One line for each instance, with the fields of CostRow."""
    return _csv([row.model_dump() for row in summary.costs], list(CostRow.model_fields))


def _cost_cells(row: CostRow) -> tuple[str, ...]:
    return (
        *(row.instance, row.status, str(row.count)),
        *(number(row.model_latency_ms), usd(row.usd_per_hour), usd(row.usd_per_million)),
        number(row.max_invocations_per_minute),
        *(number(row.p50_ms), number(row.p95_ms), number(row.p99_ms), percent(row.error_fraction)),
        rate_words(row.slo_rate_low_per_s, row.slo_rate_high_per_s),
        usd(row.usd_per_million_at_slo),
        usd(row.usd_per_million_at_utilisation),
        *(usd(row.path_usd_per_million), usd(row.total_usd_per_million)),
        amount(row.breakeven_requests_per_month),
    )


def rate_words(low: float | None, high: float | None) -> str:
    """The rate that an objective allows: met at the first, missed at the second."""
    if low is None:
        return NONE if high is None else f"below {amount(high)}"
    return f"{amount(low)} or more" if high is None else f"{amount(low)} to {amount(high)}"


def _csv(lines: Sequence[dict[str, object]], head: Sequence[str] | None = None) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, head or (list(lines[0]) if lines else ["id"]), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({name: visible_value(cell) for name, cell in line.items()} for line in lines)
    return text.getvalue()
