"""Cost of a measured model: the use case of `newsclf cost`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from newsclf.common.errors import ConfigError, StateError
from newsclf.common.records import StrictRecord, find_record
from newsclf.costs.formulas import CostRow, MonthlyCost
from newsclf.costs.prices import PriceBook
from newsclf.loadtest.analysis.costs import CostBasis, RunCosts
from newsclf.loadtest.store.records import Summary

SUMMARY_FILE = "summary.json"
_WHAT_HELPS = {
    "CLIENT-LIMITED": "more --workers, or a client on another, quiet machine",
    "UNSTABLE": "a longer --duration, or a quiet machine",
    "ERRORS": "fewer users with --concurrency, or a longer --timeout",
}
"""Verdict → what to change so that a repeated load test is OK."""
VOLUMES = (1e5, 1e6, 1e7, 1e8)
"""Requests per month."""


class Costs(StrictRecord):
    """Costs of a run."""

    region: str
    costs: list[CostRow]
    months: list[MonthlyCost]


def read_summary(run: Path) -> Summary:
    """Read the summary of a run; StateError if its folder has none of this version."""
    found = find_record(
        run / SUMMARY_FILE,
        Summary.model_validate_json,
        error=StateError,
        hint=f"newsclf report {run} writes it again",
        follow=True,
    )
    if found is None:
        raise StateError(
            f"{run} is not the folder of a finished load test (it has no {SUMMARY_FILE})",
            hint="newsclf loadtest makes one, below .newsclf/runs",
        )
    return found


def cost(
    summary: Summary, prices: PriceBook, basis: CostBasis, *, volumes: Sequence[float] = VOLUMES
) -> Costs:
    """Price a run.

    Raises:
        ConfigError: a price is missing, or nothing in the run can be priced.
    """
    found = RunCosts(summary.points, summary.searches, prices, basis)
    rows = found.rows()
    if all(row.usd_per_hour is None for row in rows):
        raise _without_price(rows)
    months = found.months(volumes)
    if not months:
        raise _without_rate()
    return Costs(region=basis.region, costs=rows, months=months)


def _without_rate() -> ConfigError:
    return ConfigError(
        "the run found no rate that can be priced",
        hint="newsclf loadtest with --concurrency or --slo finds one",
    )


def _without_price(rows: Sequence[CostRow]) -> ConfigError:
    """The error for a run without costs: no point is OK, or the machine has no price."""
    measured = ", ".join(f"{row.instance} ({row.status})" for row in rows) or "nothing"
    verdicts = [row.status for row in rows if row.max_invocations_per_minute is None]
    if rows and len(verdicts) == len(rows) and "OK" not in verdicts:
        helps = dict.fromkeys(_WHAT_HELPS[verdict] for verdict in verdicts)
        return ConfigError(
            f"nothing in this run can be priced: no point has a verdict of OK; it measured"
            f" {measured}",
            hint=f"newsclf loadtest again; what helps: {'; '.join(helps)}",
        )
    if "OK" in verdicts:  # an open load alone, which does not show how much more is possible
        return _without_rate()
    return ConfigError(
        f"nothing in this run can be priced; it measured {measured}",
        hint="--price-as ml.c5.xlarge gives another machine that instance's price"
        if rows
        else "newsclf loadtest with --concurrency or --slo measures something",
    )
