"""Terminal view of a load test: tables, notes, and the exit code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.loadtest.report import tables
from newsclf.loadtest.report.groups import load_words
from newsclf.loadtest.report.headline import warnings
from newsclf.loadtest.store.records import PointSummary, Search, Summary

if TYPE_CHECKING:
    from newsclf.cli.console import Output

_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")


def show(output: Output, folder: Path, summary: Summary) -> None:
    """Show what a load test found."""
    output.data(summary.model_dump(mode="json") | {"folder": str(folder)})
    searched = {point for s in summary.searches for probe in s.probes for point in probe.points}
    points = [point for point in summary.points if point.id not in searched]
    output.show(
        output.rendered("Load", tables.point_table(points)),
        "",
        output.rendered(
            "Cost, $ per million successful requests", tables.cost_table(summary.costs)
        ),
    )
    if (server := tables.server_table(points)).rows:
        output.show("", output.rendered("What the service measured", server))
    if (theirs := tables.recommender_table(summary.recommender)).rows:
        output.show("", output.rendered(tables.RECOMMENDER_TITLE, theirs))
        output.note(tables.RECOMMENDER_NOTE)
    for line in remarks(points):
        output.note(line)
    for warning in warnings(summary):
        output.note(f"note: {warning}")
    if summary.run.headlines_per_request > 1:
        output.note(f"a request holds {summary.run.headlines_per_request} headlines")
    for line in tables.price_words(summary.costs):
        output.note(line)
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
        start = name if count == 1 else f"{name} and {count - 1} more"
        differ = len({text for _, text in found}) > 1
        lines.append(f"{start}:{' for example,' if differ else ''} {reason}")
    return lines


def check(folder: Path, summary: Summary) -> None:
    """Raise an error unless a load test is complete and reliable.

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
            hint=f"the same command with --resume {folder} continues",
        )
    if (summary.run.stop_reason or "").startswith(FAILED):
        raise TargetError(
            summary.run.stop_reason or "",
            hint=f"the same command with --resume {folder} measures what is missing",
        )
    theirs = summary.recommender
    if theirs is not None and theirs.reason is not None:
        raise TargetError(
            f"this load test is complete, but the Recommender's job is not: {theirs.reason}",
            hint=f"the same command with --resume {folder} runs it again",
        )
    if missed := [s.instance for s in summary.searches if s.low_per_s is None]:
        raise CheckFailedError(
            f"no rate was found that meets the objective on {', '.join(missed)}",
            hint="the report has the points of the search",
        )
    if not any(point.verdict == "OK" for point in summary.points):
        verdicts = ", ".join(sorted({point.verdict for point in summary.points}))
        raise CheckFailedError(
            f"no point of this load test is reliable: {verdicts}",
            hint="the reasons are shown above and in the report",
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
    title = f"{comparison.after} against {comparison.before}"
    output.show(output.rendered(title, tables.comparison_table(comparison)))
    for point in comparison.points:
        for warning in point.warnings:
            output.note(f"{point.instance} {load_words(point.load)}, {warning}")
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


def _searched(search: Search) -> str:
    found = tables.rate_words(search.low_per_s, search.high_per_s)
    confirmed = "" if search.confirmed else ", not confirmed"
    note = f" ({search.note})" if search.note else ""
    objective = tables.objective_words(search.objectives)
    return f"{search.instance}: {objective} holds at {found} Poisson requests/s{confirmed}{note}"
