"""Cost formulas: an inference at full load and at the planned load, and a month. Pure functions.

Costs are divided by successful requests, since failed ones are billed too. A month has 730 hours.
No free tier is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from newsclf.common.records import StrictRecord
from newsclf.costs.prices import (
    ApiGatewayPrice,
    ApiKind,
    Architecture,
    LambdaPrice,
    PriceBook,
    tiered_usd,
)

HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
MILLION = 1e6
_MB_PER_GB = 1024
_BYTES_PER_GB = 2**30
_ROUNDING = 1e-9
"""A quotient that is a whole number but for rounding, such as 0.3 / 0.1, needs no instance more."""


class CostRow(StrictRecord):
    """The cost of one instance type, per million successful inferences.

    Costs are None where no point is OK, or where the machine has no price.
    """

    instance: str
    status: str
    """The verdict on the point that the row shows; `OK, lower bound` where the instance can do
    more than that point shows."""
    count: int
    """Instances behind the endpoint."""
    model_latency_ms: float | None
    """Median time from sending to the answer, as the client saw it at full load."""
    usd_per_hour: float | None
    """Price of all instances together."""
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
    """Cost at this share of the rate that meets the objective; without a search, of the rate at
    full load."""
    path_usd_per_million: float | None
    """Lambda, API Gateway at its first tier, and data; 0 when called directly."""
    total_usd_per_million: float | None
    """Cost at this utilisation, path included."""
    breakeven_requests_per_month: float | None
    """Volume from which it is cheaper than SageMaker serverless inference; None if it never is."""
    price_date: str | None
    price_source: str | None
    price_region: str | None
    priced_as: str | None
    """Instance type whose price was used for a machine outside AWS."""


class MonthlyCost(StrictRecord):
    """Monthly cost of one way of hosting at rising volumes, path included."""

    instance: str
    requests_per_month: list[float]
    usd_per_month: list[float]
    """One cost for each of `requests_per_month`."""
    instances: list[int] | None = None
    """Instances needed at each volume; None for hosting that is billed by the request."""


FUNCTION_MEMORY_MB = 256
"""Memory of the API's function, as `wire-api` creates it: a body of 6 MB is held several times
over, and less memory comes with a smaller share of a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPath:
    """Path in front of the endpoint: API Gateway and a Lambda that waits for the answer."""

    api: ApiKind | Literal["none"] = "http"
    """none: the endpoint is called directly."""
    memory_mb: int = FUNCTION_MEMORY_MB
    architecture: Architecture = "x86_64"
    data_bytes: int = 300
    """Size of a request, and again of its answer; 0 leaves data transfer out, which needs no price
    then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPrices:
    """The prices of a path in one region."""

    function: LambdaPrice | None
    api: ApiGatewayPrice | None
    endpoint_usd_per_gb: float
    internet_usd_per_gb: float


def path_prices(book: PriceBook, region: str, path: RequestPath) -> PathPrices:
    """Look up the prices of a path; ConfigError if one is missing."""
    wired, counted = path.api != "none", path.data_bytes > 0
    return PathPrices(
        function=book.lambda_price(region, path.architecture) if wired else None,
        api=book.api_price(region, path.api) if path.api != "none" else None,
        endpoint_usd_per_gb=book.data_price(region, "endpoint").usd_per_gb if counted else 0.0,
        internet_usd_per_gb=book.data_price(region, "internet").usd_per_gb if counted else 0.0,
    )


def usd_per_inference(usd_per_hour: float, max_invocations_per_minute: float) -> float:
    """The formula of SageMaker's Inference Recommender: 100 % utilised.

    Args:
        usd_per_hour: Price of all instances together.
    """
    return usd_per_hour / (60 * max_invocations_per_minute)


def usd_per_million(usd_per_hour: float, rate_per_s: float, *, utilisation: float = 1.0) -> float:
    """C(u) = N·h / 3600 / X · 1e6 / u: instances that carry the share u of their rate X."""
    return MILLION * usd_per_inference(usd_per_hour, 60 * rate_per_s) / utilisation


def billed_ms(latency_ms: float) -> int:
    """Billed duration of Lambda and serverless inference: whole milliseconds, rounded up."""
    return math.ceil(latency_ms)


def lambda_usd(requests: float, latency_ms: float, memory_mb: int, price: LambdaPrice) -> float:
    """Cost of Lambda for a month's requests that each take this long."""
    gb_s = requests * memory_mb / _MB_PER_GB * billed_ms(latency_ms) / 1000
    compute = tiered_usd(price.usd_per_gb_second, gb_s, what="GB-seconds of Lambda")
    return requests * price.usd_per_request + compute


def path_usd(requests: float, latency_ms: float, path: RequestPath, prices: PathPrices) -> float:
    """Cost of the path in front of the endpoint for a month's requests.

    Args:
        latency_ms: Latency of the endpoint: the Lambda is billed while it waits.
    """
    usd = 2 * _gb(requests, path) * prices.endpoint_usd_per_gb
    if prices.function is not None:
        usd += lambda_usd(requests, latency_ms, path.memory_mb, prices.function)
    return usd + gateway_usd(requests, path, prices)


def gateway_usd(requests: float, path: RequestPath, prices: PathPrices) -> float:
    """Cost of a month's requests where they come in: API Gateway, and answers to the internet."""
    usd = _gb(requests, path) * prices.internet_usd_per_gb
    if prices.api is not None:
        tiers = prices.api.usd_per_request
        usd += tiered_usd(tiers, requests, what="requests of API Gateway")
    return usd


def _gb(requests: float, path: RequestPath) -> float:
    """Data of a month's requests, and again of their answers."""
    return requests * path.data_bytes / _BYTES_PER_GB


def serverless_usd_per_request(
    latency_ms: float, memory_mb: int, usd_per_gb_second: float
) -> float:
    """Cost of a request to SageMaker serverless inference, without cold starts."""
    return memory_mb / _MB_PER_GB * billed_ms(latency_ms) / 1000 * usd_per_gb_second


def capacity_per_month(rate_per_s: float, *, headroom: float, peak_factor: float) -> float:
    """Requests per month that one instance carries.

    Args:
        rate_per_s: Its measured rate.
        headroom: Share of that rate that it is to carry at the peak.
        peak_factor: Rate at the peak over the mean rate.
    """
    return rate_per_s * headroom / peak_factor * SECONDS_PER_MONTH


def instances_needed(volume: float, capacity: float, *, minimum: int = 1) -> int:
    """Instances for a volume: N(D) = max(N_min, ceil(peak / (X·headroom))).

    Linear scaling is assumed, not measured. Both arguments are of the same time, such as a month.
    """
    return max(minimum, math.ceil(volume / capacity - _ROUNDING))


def breakeven_requests_per_month(
    usd_per_hour: float,
    usd_per_request: float,
    *,
    minimum: int = 1,
    capacity: float = math.inf,
) -> float | None:
    """Monthly volume from which instances are cheaper than paying per request.

    Returns:
        Requests per month; None if instances are never cheaper. The break-even volume of n
        instances and the volume that they can carry are both proportional to n, so if the minimum
        number can't carry its break-even volume, no number can.
    """
    breakeven = minimum * usd_per_hour * HOURS_PER_MONTH / usd_per_request
    return breakeven if breakeven <= minimum * capacity else None
