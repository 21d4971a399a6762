"""What SageMaker's Inference Recommender says of a model on some instances, beside our figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from newsclf.common.records import StrictRecord

Status = Literal["COMPLETED", "FAILED", "STOPPED", "UNKNOWN"]
"""How a job ended; UNKNOWN: AWS could not be asked."""


class Recommendation(StrictRecord):
    """One line of its table; None where AWS gave no figure."""

    instance: str
    count: int | None
    """Instances behind the endpoint that it tried."""
    model_latency_ms: float | None
    """In the container, as SageMaker sees it."""
    cpu_percent: float | None
    """Of one core: a machine of four reaches 400."""
    memory_percent: float | None
    max_invocations_per_minute: float | None
    """Where more users bring no more answers."""
    usd_per_hour: float | None
    usd_per_million: float | None
    environment: dict[str, str]
    """Settings of the container that it chose by itself."""


class Recommendations(StrictRecord):
    """One job, as it is kept in the folder of a load test."""

    job: str
    region: str
    instances: list[str]
    """That were asked for."""
    status: Status
    reason: str | None
    """What went wrong, if anything did."""
    found: list[Recommendation]
    raw: dict[str, Any]
    """What DescribeInferenceRecommendationsJob answered last."""


class RecommenderRow(StrictRecord):
    """A line of the table in which both are set side by side; None where there is no figure."""

    instance: str
    by: Literal["Recommender", "newsclf, peak", "newsclf, objective"]
    count: int | None
    model_latency_ms: float | None
    """Of ours: median from sending to the answer, as the client saw it."""
    cpu_percent: float | None
    memory_percent: float | None
    max_invocations_per_minute: float | None
    invocations_change: float | None
    """Against the Recommender's, as a fraction of it."""
    usd_per_hour: float | None
    usd_per_million: float | None
    usd_per_million_change: float | None
    """Against the Recommender's, as a fraction of it."""
    environment: dict[str, str] = Field(default={})


class RecommenderSummary(StrictRecord):
    """A job and its table, as a report shows them."""

    job: str
    region: str
    instances: list[str]
    status: Status
    reason: str | None
    rows: list[RecommenderRow]
