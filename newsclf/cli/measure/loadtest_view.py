"""The tables that `newsclf loadtest` and `newsclf report` end with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.common.intervals import Interval
from newsclf.costs.formulas import CostRow
from newsclf.loadtest.report.headline import warnings
from newsclf.loadtest.report.recommender import NOTE, TITLE, recommender_table
from newsclf.loadtest.report.tables import server_table
from newsclf.loadtest.report.words import load_words
from newsclf.loadtest.store.records import PointSummary, Search, Summary

if TYPE_CHECKING:
    from newsclf.cli.console import Output

_SHORT_HEAD = [
    "instance",
    "by",
    "n",
    "ms",
    "CPU %",
    "memory %",
    "max/min",
    "change",
    "USD/h",
    "USD/M",
    "change",
]
"""Columns of the Recommender's table, which would be too wide for a terminal with its own heads."""
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_SPARE_HEAD = ["change", "memory %", "CPU %"]
"""Those of them that a narrow terminal does without."""


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
                    *(ms(point.response_ms[name]) for name in ("p50", "p95", "p99")),
                    f"{100 * point.error_fraction:.1f} %",
                    point.verdict,
                ]
                for point in points
            ],
        ),
        "",
        output.table(
            "Cost",
            [
                "instance",
                "status",
                "n",
                "ms",
                "USD/h",
                "USD/M",
                "max/min",
                "SLO rate/s",
                f"at {100 * summary.run.utilisation:.0f} %",
                "with API",
                "break-even",
            ],
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
            optional=["break-even", "n", "max/min", "ms", "with API", "USD/h"],
        ),
    )
    if (server := server_table(points)).rows:
        output.show("", output.table("What the service measured", list(server.head), server.rows))
    if (theirs := recommender_table(summary.recommender)).rows:
        output.show("", output.table(TITLE, _SHORT_HEAD, theirs.rows, optional=_SPARE_HEAD))
        output.note(NOTE)
    for line in remarks(points):
        output.note(line)
    for warning in warnings(summary):
        output.note(f"note: {warning}")
    if summary.run.headlines_per_request > 1:
        output.note(f"a request holds {summary.run.headlines_per_request} headlines")
    for row in summary.costs:
        if row.price_source is not None:
            output.note(f"{row.instance}: {row.price_source}, {row.price_region}")
    for search in summary.searches:
        output.note(_searched(search))
    output.note(f"report: {folder / 'report.html'}")


def remarks(points: Sequence[PointSummary]) -> list[str]:
    """The reasons of the verdicts, one line for those that differ in their figures only."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for point in points:
        for reason in point.reasons:
            groups.setdefault(_FIGURE.sub("0", reason), []).append((point.id, reason))
    lines = []
    for found in groups.values():
        count = len({point for point, _ in found})
        name, reason = found[0]
        start = name if count == 1 else f"{count} points"
        differ = len({text for _, text in found}) > 1
        lines.append(f"{start}{', such as' if differ else ':'} {reason}")
    return lines


def check(folder: Path, summary: Summary) -> None:
    """Say by the exit code whether a load test is complete and can be believed.

    Raises:
        InterruptedRunError: Ctrl-C ended it.
        TargetError: an instance could not be deployed, or Inference Recommender did not end well.
        CheckFailedError: no point of it is OK, or no rate meets the objective.
    """
    from newsclf.common.errors import CheckFailedError, InterruptedRunError, TargetError
    from newsclf.loadtest.run import FAILED

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
    theirs = summary.recommender
    if theirs is not None and theirs.reason is not None:
        raise TargetError(
            f"what was measured here is complete, but not the Recommender's: {theirs.reason}",
            hint=f"the same command with --resume {folder} runs it again",
        )
    if missed := [s.instance for s in summary.searches if s.low_per_s is None]:
        raise CheckFailedError(
            f"no rate was found that meets the objective on {', '.join(missed)}",
            hint="the points of the search stand in the report",
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
    from newsclf.common.errors import CheckFailedError
    from newsclf.loadtest.report.run import compare

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
    for warning in comparison.warnings:
        output.note(f"note: {warning}")
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


def ms(figure: Interval) -> str:
    """A latency, where the requests are enough for one."""
    unsupported = figure.low is None and figure.high is None
    return "n/a" if figure.value is None or unsupported else f"{figure.value:.1f}"


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
