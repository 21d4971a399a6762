"""Results of SageMaker's Inference Recommender, and their comparison with our own figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from newsclf.common.records import StrictRecord

Status = Literal["COMPLETED", "FAILED", "STOPPED", "UNKNOWN"]
"""How a job ended; UNKNOWN: AWS could not be reached."""


class _Figures(StrictRecord):
    instance: str
    count: int | None
    """Instances behind the endpoint that was measured."""
    model_latency_ms: float | None
    """The Recommender's: in the container, as SageMaker sees it. Ours: median from sending to the
    answer, as the client saw it."""
    cpu_percent: float | None
    """Per cent of one core: a machine with four reaches 400."""
    memory_percent: float | None
    max_invocations_per_minute: float | None
    """Where more users bring no more answers."""
    usd_per_hour: float | None
    usd_per_million: float | None
    environment: dict[str, str] = Field(default={})
    """Settings of the container that the Recommender chose by itself."""


class Recommendation(_Figures):
    """A line of the Recommender's table; None where AWS gave no figure."""


class RecommenderRow(_Figures):
    """A line of the comparison with our own figures; changes are fractions of the Recommender's."""

    by: Literal["Recommender", "newsclf, peak", "newsclf, objective"]
    invocations_change: float | None
    usd_per_million_change: float | None


class _Job(StrictRecord):
    job: str
    region: str
    instances: list[str]
    """The instances that were asked for."""
    status: Status
    reason: str | None
    """What went wrong, if anything did."""


class Recommendations(_Job):
    """A job, as it is kept in the folder of a load test."""

    found: list[Recommendation]
    raw: dict[str, Any]
    """The last answer of DescribeInferenceRecommendationsJob."""


class RecommenderSummary(_Job):
    """A job and its table, as a report shows them."""

    rows: list[RecommenderRow]
