"""Report and comparison of load tests, derived from their raw files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from newsclf.common.errors import ConfigError, StateError
from newsclf.costs.formulas import MonthlyCost
from newsclf.loadtest.analysis.compare import compare as compare_points
from newsclf.loadtest.analysis.costs import CostBasis, RunCosts
from newsclf.loadtest.analysis.recommended import beside_ours
from newsclf.loadtest.analysis.server_side import server_side
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.report.files import write_report
from newsclf.loadtest.store.records import Comparison, PointSummary, Run, Summary
from newsclf.loadtest.store.run_folder import LoadedRun, RunFolder

_VOLUMES = [10 ** (5 + i / 4) for i in range(17)]
"""Requests per month, 100,000 to 1,000 million."""


def report(path: Path) -> Summary:
    """Write summary.json, points.csv, cost.csv, report.md and report.html of a run.

    Costs come from the prices that the run kept, so a later change of prices changes nothing here.

    Raises:
        StateError: The folder is not a load test, has no complete point, or has a damaged file.
        ConfigError: A price is missing.
    """
    folder = RunFolder(path)
    loaded = folder.load()
    points = _summaries(loaded)
    if not points:
        raise StateError(
            f"{path}: no point of it is complete", hint=f"newsclf loadtest --resume {path}"
        )
    costs = RunCosts(points, loaded.searches, folder.read_prices(), CostBasis.of_run(loaded.run))
    summary = Summary(run=loaded.run, points=points, searches=loaded.searches, costs=costs.rows())
    if loaded.recommendations is not None:
        beside = beside_ours(loaded.recommendations, summary)
        summary = summary.model_copy(update={"recommender": beside})
    write_report(path, summary, loaded.samples, _months(costs))
    return summary


def _months(costs: RunCosts) -> list[MonthlyCost]:
    """Monthly costs up to the highest volume whose tiers all have a price."""
    for most in range(len(_VOLUMES), 1, -1):
        with suppress(ConfigError):
            return costs.months(_VOLUMES[:most])
    return costs.months(_VOLUMES[:1])  # which says what is missing


def compare(before: Path, after: Path) -> Comparison:
    """Say whether the second of two runs is slower than the first, at the loads that both have.

    Raises:
        StateError: One of them is not a load test, or is damaged.
        DataError: They have no load in common.
    """
    runs = [RunFolder(path).load() for path in (before, after)]
    comparison = compare_points(*map(_summaries, runs), names=(before.name, after.name))
    warnings = list(_differences(*(each.run for each in runs)))
    return comparison.model_copy(update={"warnings": warnings})


def _differences(before: Run, after: Run) -> Iterator[str]:
    """Other differences, which may be the cause."""
    if before.payloads.sha256 != after.payloads.sha256:
        yield "the two sent different headlines"
    if before.headlines_per_request != after.headlines_per_request:
        yield "the two sent different numbers of headlines in a request"
    if (before.body_sha256, before.expect) != (after.body_sha256, after.expect):
        yield "the two sent other requests, or took other answers for good ones"
    if before.machine != after.machine:
        yield "the two were measured from different machines, or with different versions"
    if before.interrupted or after.interrupted:
        yield "one of the two ended early"


def _summaries(loaded: LoadedRun) -> list[PointSummary]:
    return [
        summarise(point, loaded.samples(point.id)).model_copy(
            update={"server": server_side(point, loaded.server_figures)}
        )
        for point in loaded.points
    ]
