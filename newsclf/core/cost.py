"""What an inference costs: the rows that a report shows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CostRow(_Record):
    """The cost of one instance type, per million successful inferences.

    Costs are None where no point of it is OK, or where it is a machine that has no price.
    """

    instance: str
    status: str
    """The verdict on the point that the row shows."""
    count: int
    """Instances behind the endpoint."""
    model_latency_ms: float | None
    """Median time from sending to the answer, as the client saw it at full load."""
    usd_per_hour: float | None
    """Of all instances."""
    usd_per_million: float | None
    """At full load, as SageMaker's Inference Recommender computes it."""
    max_invocations_per_minute: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_fraction: float | None
    slo_rate_low_per_s: float | None
    """The highest rate that met the latency objective; None without a search."""
    slo_rate_high_per_s: float | None
    usd_per_million_at_slo: float | None
    utilisation: float
    usd_per_million_at_utilisation: float | None
    """When only this share is used of the rate that meets the objective (without a search: of the
    rate at full load)."""
    path_usd_per_million: float | None
    """Lambda, API Gateway at its first tier, and data; 0 when called directly."""
    total_usd_per_million: float | None
    """At this utilisation, with the path."""
    breakeven_requests_per_month: float | None
    """From here on cheaper than SageMaker serverless inference; None if it never is."""
    price_date: str | None
    price_source: str | None
    price_region: str | None
    priced_as: str | None
    """The instance whose price was taken, where another machine was measured."""


class MonthlyCost(_Record):
    """What a month costs at rising volumes, path included, for one way of hosting."""

    instance: str
    requests_per_month: list[float]
    usd_per_month: list[float]
    """As long as `requests_per_month`."""
    instances: list[int] | None = None
    """How many are needed at each volume; None for what has no instances."""
