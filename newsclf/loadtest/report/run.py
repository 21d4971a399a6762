"""Report and comparison of load tests, derived from their raw files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from newsclf.common.errors import StateError
from newsclf.loadtest.analysis.compare import compare as compare_points
from newsclf.loadtest.analysis.costs import CostBasis, RunCosts
from newsclf.loadtest.analysis.recommended import beside_ours
from newsclf.loadtest.analysis.server_side import server_side
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.report.files import write_report
from newsclf.loadtest.store.records import Comparison, PointSummary, Run, Summary
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.loadtest.store.samples import Samples

_VOLUMES = [10 ** (5 + i / 4) for i in range(17)]
"""Requests per month, 100,000 to 1,000 million."""


def report(path: Path) -> Summary:
    """Write summary.json, points.csv, cost.csv, report.md and report.html of a run.

    Costs come from the prices that the run kept, so a later change of prices changes nothing here.

    Raises:
        StateError: this is no load test, it has no complete point, or a file of it is damaged.
        ConfigError: a price is missing.
    """
    folder = RunFolder(path)
    run = folder.read_run()
    summaries = _summaries(folder)
    if not summaries:
        raise StateError(
            f"{path}: no point of it is complete", hint=f"newsclf loadtest --resume {path}"
        )
    searches = folder.read_searches()
    costs = RunCosts(summaries, searches, folder.read_prices(), CostBasis.of_run(run))
    summary = Summary(run=run, points=summaries, searches=searches, costs=costs.rows())
    if (found := folder.read_recommendations()) is not None:
        summary = summary.model_copy(update={"recommender": beside_ours(found, summary)})
    write_report(path, summary, _SamplesOnDisk(folder), costs.months(_VOLUMES))
    return summary


def compare(before: Path, after: Path) -> Comparison:
    """Say whether the second of two runs is slower than the first, at the loads that both have.

    Raises:
        StateError: one is no load test, or damaged.
        DataError: they have no load in common.
    """
    folders = [RunFolder(path) for path in (before, after)]
    comparison = compare_points(
        *(_summaries(folder) for folder in folders), names=(before.name, after.name)
    )
    warnings = list(_differences(*(folder.read_run() for folder in folders)))
    return comparison.model_copy(update={"warnings": warnings})


def _differences(before: Run, after: Run) -> Iterator[str]:
    """Other differences, which may be the cause."""
    if before.payloads.sha256 != after.payloads.sha256:
        yield "the two sent different headlines"
    if before.headlines_per_request != after.headlines_per_request:
        yield "the two sent different numbers of headlines in a request"
    if before.machine != after.machine:
        yield "the two were measured from different machines, or with different versions"
    if before.interrupted or after.interrupted:
        yield "one of the two ended early"


def _summaries(folder: RunFolder) -> list[PointSummary]:
    folder.read_run()
    figures = folder.read_server_figures()
    return [
        summarise(point, samples).model_copy(update={"server": server_side(point, figures)})
        for point, samples in folder.points()
    ]


class _SamplesOnDisk(dict[str, Samples]):
    """Raw samples by point, read on demand and not kept."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, point_id: str) -> Samples:
        if (found := self._folder.read_point(point_id)) is None:
            raise KeyError(point_id)
        return found[1]
