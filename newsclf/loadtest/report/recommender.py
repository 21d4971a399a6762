"""The table that sets SageMaker's Inference Recommender beside us, and how to read it."""

from __future__ import annotations

from newsclf.deploy.recommendations import RecommenderRow, RecommenderSummary
from newsclf.reporting.figure import Table
from newsclf.reporting.text import NONE, number, usd

TITLE = "SageMaker's Inference Recommender beside us"
NOTE = (
    "Recommender: where more and more users, each of whom sends again at once, bring no more "
    "answers; model latency is the container's, as SageMaker sees it; cost columns are AWS's own. "
    "Peak: the most good answers of a closed loop in this test; latency is from sending to the "
    "answer, as the client saw it. Objective: the highest Poisson rate that met it. CPU is of one "
    "core. Changes are against the Recommender, the cheapest if it has several of an instance."
)


def recommender_table(found: RecommenderSummary | None) -> Table:
    """Theirs, and ours of the same instance below it."""
    head = (
        *("instance", "by", "count", "model latency, ms", "CPU, %", "memory, %"),
        *("max invocations per min", "change", "$ per hour", "$ per million", "change"),
    )
    return Table(head, [_cells(row) for row in found.rows] if found else [], texts=2)


def _cells(row: RecommenderRow) -> tuple[str, ...]:
    return (
        *(row.instance, row.by, NONE if row.count is None else str(row.count)),
        *(number(row.model_latency_ms), number(row.cpu_percent), number(row.memory_percent)),
        *(number(row.max_invocations_per_minute), _change(row.invocations_change)),
        *(usd(row.usd_per_hour), usd(row.usd_per_million), _change(row.usd_per_million_change)),
    )


def _change(fraction: float | None) -> str:
    return NONE if fraction is None else f"{100 * fraction:+.1f} %"
