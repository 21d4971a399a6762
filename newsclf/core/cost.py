"""What an inference costs: one row for each hosting instance that was measured."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class CostRow(BaseModel):
    """The cost of one instance. Figures are None where its verdict is not OK."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance: str
    status: str
    count: int
    model_latency_ms: float | None
    usd_per_hour: float | None
    usd_per_million: float | None
    max_invocations_per_minute: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    error_fraction: float | None
    slo_rate_low_per_s: float | None
    slo_rate_high_per_s: float | None
    usd_per_million_at_slo: float | None
    utilisation: float
    usd_per_million_at_utilisation: float | None
    path_usd_per_million: float | None
    total_usd_per_million: float | None
    breakeven_requests_per_month: float | None
    price_date: str | None
    price_source: str | None
    price_region: str | None
    priced_as: str | None


class MonthlyCost(BaseModel):
    """What a month costs at rising volumes, for one way of hosting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance: str
    requests_per_month: list[float]
    usd_per_month: list[float]
    """As long as `requests_per_month`."""
