"""Table of SageMaker's Inference Recommender's figures next to this test's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from newsclf.costs.formulas import MILLION, CostRow, usd_per_inference
from newsclf.deploy.recommendations import (
    Recommendation,
    Recommendations,
    RecommenderRow,
    RecommenderSummary,
)
from newsclf.deploy.server_figures import ServerSide
from newsclf.loadtest.analysis.deciding_points import by_instance
from newsclf.loadtest.store.records import Summary

_FORMULA_TOLERANCE = 1e-3
"""Relative; AWS's figures are single-precision floats."""
_LEAST_IN_FLIGHT = 0.01
"""Least plausible rate × model latency; a closed loop of one user has nearly 1."""


def beside_ours(found: Recommendations, summary: Summary) -> RecommenderSummary:
    """Rows of the Recommender, each followed by this test's row of the same instance.

    Where the Recommender tried an instance in several ways, changes are against the cheapest.
    Without rows of the Recommender the table is empty.
    """
    server = {
        measured.instance: measured.peak.server if measured.peak else None
        for measured in by_instance(summary.points, summary.searches)
    }
    costs = {row.instance: row for row in summary.costs}
    rows: list[RecommenderRow] = []
    for instance in dict.fromkeys([*found.instances, *(each.instance for each in found.found)]):
        theirs = [each for each in found.found if each.instance == instance]
        rows += [_theirs(each) for each in theirs]
        if instance in costs and found.found:
            rows += _ours(costs[instance], server.get(instance), _cheapest(theirs))
    return RecommenderSummary(
        job=found.job,
        region=found.region,
        instances=found.instances,
        status=found.status,
        reason=found.reason,
        rows=rows,
    )


def caveats(found: RecommenderSummary) -> Iterator[str]:
    """Caveats of the table."""
    if found.reason is not None:
        yield f"SageMaker's Inference Recommender: {found.reason}."
    theirs = [row for row in found.rows if row.by == "Recommender"]
    missing = [each for each in found.instances if each not in {row.instance for row in theirs}]
    if missing and found.status == "COMPLETED":
        yield (
            f"SageMaker's Inference Recommender gives no figures of {', '.join(missing)}: aws"
            f" sagemaker list-inference-recommendations-job-steps --job-name {found.job} --region"
            f" {found.region} says why."
        )
    for row in theirs:
        yield from _caveats_of(row)


def _caveats_of(row: RecommenderRow) -> Iterator[str]:
    if row.environment:
        settings = ", ".join(f"{key}={value}" for key, value in row.environment.items())
        yield (
            f"SageMaker's Inference Recommender ran {row.instance} with settings of its own,"
            f" {settings}; ours has none of them."
        )
    most = row.max_invocations_per_minute
    if not most:
        return
    if row.usd_per_hour is not None and row.usd_per_million is not None:
        expected = MILLION * usd_per_inference(row.usd_per_hour, most)
        if abs(row.usd_per_million - expected) > _FORMULA_TOLERANCE * expected:
            yield (
                f"The Recommender's cost of {row.instance}, ${row.usd_per_million:.3g} per million,"
                " is not its cost per hour over 60 times its invocations per minute, which is"
                f" ${expected:.3g}: its columns do not mean what they are taken for here."
            )
    latency_ms = row.model_latency_ms
    if latency_ms is not None and most / 60 * latency_ms / 1000 < _LEAST_IN_FLIGHT:
        yield (
            f"The Recommender's model latency of {row.instance}, {latency_ms:.3g} ms, is too short"
            " for its rate: AWS may have changed its unit, which is taken for microseconds."
        )


def _theirs(each: Recommendation) -> RecommenderRow:
    return RecommenderRow(
        by="Recommender", invocations_change=None, usd_per_million_change=None, **each.model_dump()
    )


def _ours(
    cost: CostRow, server: ServerSide | None, theirs: Recommendation | None
) -> Iterator[RecommenderRow]:
    def change(figure: float | None, name: str) -> float | None:
        other = getattr(theirs, name, None)
        return figure / other - 1 if figure is not None and other else None

    def row(most: float | None, usd_per_million: float | None, **fields: object) -> RecommenderRow:
        return RecommenderRow.model_validate(
            {
                "instance": cost.instance,
                "count": cost.count,
                "model_latency_ms": None,
                "cpu_percent": None,
                "memory_percent": None,
                "max_invocations_per_minute": most,
                "invocations_change": change(most, "max_invocations_per_minute"),
                "usd_per_hour": cost.usd_per_hour,
                "usd_per_million": usd_per_million,
                "usd_per_million_change": change(usd_per_million, "usd_per_million"),
                **fields,
            }
        )

    yield row(
        cost.max_invocations_per_minute,
        cost.usd_per_million,
        by="newsclf, peak",
        model_latency_ms=cost.model_latency_ms,
        cpu_percent=server.cpu_percent if server else None,
        memory_percent=server.memory_percent if server else None,
    )
    if cost.slo_rate_low_per_s is not None:
        yield row(
            60 * cost.slo_rate_low_per_s, cost.usd_per_million_at_slo, by="newsclf, objective"
        )


def _cheapest(theirs: Sequence[Recommendation]) -> Recommendation | None:
    priced = [each for each in theirs if each.usd_per_million is not None]
    return min(priced, key=lambda each: each.usd_per_million or 0.0) if priced else None
