"""Tables of a load test, each defined once for the terminal, Markdown, HTML and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from newsclf.common.intervals import Interval, percent
from newsclf.common.visible import visible_value
from newsclf.costs.formulas import CostRow, MonthlyCost
from newsclf.deploy.recommendations import RecommenderRow, RecommenderSummary
from newsclf.loadtest.report.groups import load_words
from newsclf.loadtest.store.records import (
    Change,
    Comparison,
    Objective,
    PointComparison,
    PointSummary,
    Probe,
    Search,
    Summary,
)
from newsclf.reporting.figure import Column, Table, table_of
from newsclf.reporting.text import (
    NONE,
    amount,
    change,
    count,
    interval,
    number,
    percentile_name,
    supported,
    usd,
)

_POINT_WORDS = ("point", "instance", "load", "verdict")
"""Heads of columns of points that hold words."""
PERCENTILES = ("p50", "p90", "p95", "p99", "p99.9")
_NESTED = {
    *("load", "outcomes", "throughput_interval", "response_ms", "response_all_ms", "service_ms"),
    *("windows", "reasons", "server"),
}
"""Fields of a point that points.csv splits into several columns, or leaves out."""
RECOMMENDER_TITLE = "SageMaker's Inference Recommender beside us"
RECOMMENDER_NOTE = (
    "Recommender: where more and more users, each of whom sends again at once, bring no more "
    "answers; model latency is the container's, as SageMaker sees it; cost columns are AWS's own. "
    "Peak: the most successful requests of a closed loop in this test; latency is from sending to "
    "the answer, as the client saw it. Objective: the highest Poisson rate that met it. CPU is of "
    "one core. Changes are against the Recommender, the cheapest if it has several of an instance."
)


def cost_table(rows: Sequence[CostRow]) -> Table:
    """One row for each instance, with the columns of SageMaker Inference Recommender and more."""
    used = sorted({row.utilisation for row in rows})
    at = f"at {percent(used[0], 0)}" if len(used) == 1 else "at its use"
    peak, client = "at the highest rate, fully used", "as the client saw it"
    goal, path = "at the objective", "whole path, $ per million"
    columns: list[Column[CostRow]] = [
        Column("instance", _priced_name, "instance"),
        Column("status", _of("status", str), "status"),
        Column("count", _of("count", str), "n", 2),
        Column("model latency, ms", _of("model_latency_ms", number), "ms", 1, group=peak),
        Column("$ per hour", _of("usd_per_hour", usd), "$/h", 8, group=peak),
        Column("$ per million", _of("usd_per_million", usd), "at 100 %", 9, group=peak),
        Column(
            "max invocations per min",
            _of("max_invocations_per_minute", number),
            *("max/min", 5),
            group=peak,
        ),
        Column("p50, ms", _of("p50_ms", number), group=client),
        Column("p95, ms", _of("p95_ms", number), group=client),
        Column("p99, ms", _of("p99_ms", number), group=client),
        Column("errors", _of("error_fraction", percent), group=client),
        Column(
            "rate per s",
            lambda row: rate_words(row.slo_rate_low_per_s, row.slo_rate_high_per_s),
            "SLO rate/s",
            group=goal,
        ),
        Column("$ per million", _of("usd_per_million_at_slo", usd), "at SLO", 4, group=goal),
        Column(f"$ per million {at}", _of("usd_per_million_at_utilisation", usd), at, group=goal),
        Column("Lambda and gateway", _of("path_usd_per_million", usd), "path", 3, group=path),
        Column("total", _of("total_usd_per_million", usd), "with path", 7, group=path),
        Column("break-even per month", _breakeven, "break-even", 6),
    ]
    return table_of(columns, rows, texts=2)


def month_table(months: Sequence[MonthlyCost]) -> Table:
    """Cost of a month by its requests; the cheapest is starred, instances are in brackets."""
    least = [min(costs) for costs in zip(*(m.usd_per_month for m in months), strict=True)]

    def cells(month: MonthlyCost) -> Iterable[str]:
        yield month.instance
        for i, cost in enumerate(month.usd_per_month):
            instances = f" ({month.instances[i]})" if month.instances else ""
            yield f"{usd(cost)}{instances}{'*' if cost == least[i] else ''}"

    volumes = months[0].requests_per_month if months else []
    return Table(("", *map(count, volumes)), [tuple(cells(month)) for month in months])


def point_table(points: Iterable[PointSummary], *heads: str) -> Table:
    """One row for each point, with the columns of these heads; without any, with all."""
    columns: list[Column[PointSummary]] = [
        Column("point", _of("id", str), "point"),
        Column("instance", _of("instance", str)),
        Column("load", lambda p: load_words(p.load)),
        Column("verdict", _of("verdict", str), "verdict"),
        Column("n", _of("requests", count)),
        Column("offered per s", _of("offered_per_s", number)),
        Column("goodput per s", _of("throughput_per_s", number), "goodput/s"),
        *(_latency_column(name) for name in ("p50", "p95", "p99")),
        Column("p99.9, ms", lambda p: interval(p.response_ms.get("p99.9"))),
        Column("service p95, ms", lambda p: interval(p.service_ms.get("p95"))),
        Column("errors", error_words, "errors", brief_text=_of("error_fraction", percent)),
        Column("in flight", _of("mean_in_flight", number)),
        Column("send delay p99, ms", _of("send_delay_p99_ms", number)),
        Column("sent in time", _of("achieved_fraction", percent)),
        Column("late", _of("late_fraction", lambda share: percent(share, 2))),
        Column("queued", _of("held_fraction", percent)),
        Column("Little gap", _of("little_gap", percent)),
    ]
    named = {column.head: column for column in columns}
    chosen = [named[head] for head in heads] or columns
    texts = next(i for i, c in enumerate(chosen) if c.head not in _POINT_WORDS)
    return table_of(chosen, points, texts=texts)


def _latency_column(name: str) -> Column[PointSummary]:
    return Column(
        f"{name}, ms",
        lambda p: interval(p.response_ms[name]),
        f"{name}, ms",
        brief_text=lambda p: supported(p.response_ms[name]),
    )


def server_table(points: Iterable[PointSummary]) -> Table:
    """Figures of the service, one row for each point that has them."""
    head = (
        *("point", "instance", "minutes", "client service p50, ms", "model latency, ms"),
        *("overhead, ms", "invocations", "4xx", "5xx", "CPU, % of a core", "memory, %"),
    )
    rows = [
        (
            *(p.id, p.instance, "within the window" if s.whole_minutes else "around the window"),
            interval(p.service_ms.get("p50")),
            *(number(s.model_latency_ms), number(s.overhead_latency_ms)),
            *(count(s.invocations), count(s.errors_4xx), count(s.errors_5xx)),
            *(number(s.cpu_percent), number(s.memory_percent)),
        )
        for p in points
        if (s := p.server) is not None
    ]
    return Table(head, rows, texts=3)


def recommender_table(found: RecommenderSummary | None) -> Table:
    """Figures of SageMaker's Inference Recommender, with this test's of the same instance below."""
    columns: list[Column[RecommenderRow]] = [
        Column("instance", _of("instance", str), "instance"),
        Column("by", _of("by", str), "by"),
        Column("count", _of("count", count), "n"),
        Column("model latency, ms", _of("model_latency_ms", number), "ms"),
        Column("CPU, %", _of("cpu_percent", number), "CPU %", 3),
        Column("memory, %", _of("memory_percent", number), "memory %", 2),
        Column("max invocations per min", _of("max_invocations_per_minute", number), "max/min"),
        Column("change", _of("invocations_change", change), "change", 1),
        Column("$ per hour", _of("usd_per_hour", usd), "$/h"),
        Column("$ per million", _of("usd_per_million", usd), "$/M"),
        Column("change", _of("usd_per_million_change", change), "change", 1),
    ]
    return table_of(columns, found.rows if found else [], texts=2)


def probe_table(search: Search) -> Table:
    """The rates that a search tried, in order."""
    columns: list[Column[Probe]] = [
        Column("point", _of("point", str)),
        Column("result", _decided),
        Column("why", _of("reason", str)),
        Column("rate per s", _of("rate_per_s", number)),
        Column("requests", _of("requests", count)),
        Column("misses", _of("misses", count)),
    ]
    return table_of(columns, search.probes, texts=3)


def comparison_table(found: Comparison) -> Table:
    """How each figure of each load differs between two runs."""
    columns: list[Column[tuple[PointComparison, Change]]] = [
        Column("load", lambda pair: f"{pair[0].instance} {load_words(pair[0].load)}"),
        Column("figure", lambda pair: pair[1].figure),
        Column("before", lambda pair: number(pair[1].before)),
        Column("after", lambda pair: number(pair[1].after)),
        Column("change", lambda pair: change(pair[1].change.value)),
        Column("interval", lambda pair: change_range(pair[1].change)),
        Column("", lambda pair: pair[1].verdict),
    ]
    return table_of(columns, [(p, each) for p in found.points for each in p.changes])


def change_range(found: Interval) -> str:
    """The interval of a relative change."""
    return f"{change(found.low)} to {change(found.high)}"


def error_words(point: PointSummary) -> str:
    """The share of failed requests, and their outcomes."""
    failed = [f"{n:,} {name}" for name, n in sorted(point.outcomes.items()) if name.upper() != "OK"]
    return " · ".join([percent(point.error_fraction), *failed])


def objective_words(objectives: Iterable[Objective]) -> str:
    """Latency objectives in words."""
    return " and ".join(
        f"{percentile_name(each.percentile)} ≤ {amount(each.limit_ms)} ms" for each in objectives
    )


def rate_words(low: float | None, high: float | None) -> str:
    """The rate that an objective allows: met at the first, missed at the second."""
    if low is None:
        return NONE if high is None else f"below {amount(high)}"
    return f"{amount(low)} or more" if high is None else f"{amount(low)} to {amount(high)}"


def price_words(rows: Iterable[CostRow]) -> list[str]:
    """Sources of the prices of the cost table, each once."""
    return list(
        dict.fromkeys(
            f"Prices of {row.price_date}, {row.price_region}, from {row.price_source}"
            for row in rows
            if row.price_date
        )
    )


def _of(name: str, text: Callable[[Any], str]) -> Callable[[Any], str]:
    """The text of a record's field."""
    return lambda record: text(getattr(record, name))


def _priced_name(row: CostRow) -> str:
    return row.instance if row.priced_as is None else f"{row.instance} as {row.priced_as}"


def _breakeven(row: CostRow) -> str:
    never = row.breakeven_requests_per_month is None and row.total_usd_per_million is not None
    return "never" if never else amount(row.breakeven_requests_per_month)


def _decided(probe: Probe) -> str:
    if probe.passed:
        return "met"
    return "missed" if probe.decision == "fail" else "not decided"


def points_csv(points: Iterable[PointSummary]) -> str:
    """One line for each point, with full precision; empty where a figure is missing."""
    lines = []
    for p in points:
        line: dict[str, object] = {
            **p.model_dump(exclude=_NESTED),
            "load": p.load.model,
            **p.load.model_dump(exclude={"model"}),
            "failed": sum(n for name, n in p.outcomes.items() if name.upper() != "OK"),
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
        line["reasons"] = "; ".join(p.reasons)
        lines.append(line)
    return _csv(lines)


def cost_csv(summary: Summary) -> str:
    """One line for each instance, with the fields of CostRow."""
    return _csv([row.model_dump() for row in summary.costs], list(CostRow.model_fields))


def _csv(lines: Sequence[dict[str, object]], head: Sequence[str] | None = None) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, head or (list(lines[0]) if lines else ["id"]), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows({name: visible_value(cell) for name, cell in line.items()} for line in lines)
    return text.getvalue()
