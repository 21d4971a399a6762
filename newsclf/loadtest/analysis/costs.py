"""From what was measured, and prices, to the cost table and the monthly curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from newsclf.costs.formulas import (
    HOURS_PER_MONTH,
    MILLION,
    CostRow,
    MonthlyCost,
    PathPrices,
    RequestPath,
    api_usd,
    breakeven_requests_per_month,
    capacity_per_month,
    instances_needed,
    lambda_usd,
    path_prices,
    path_usd,
    serverless_usd_per_request,
    usd_per_million,
)
from newsclf.costs.prices import HostingPrice, PriceBook
from newsclf.loadtest.analysis.deciding_points import Measured, by_instance
from newsclf.loadtest.store.records import PointSummary, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBasis:
    """What costs are computed for."""

    region: str
    price_as: str | None = None
    """Instance whose price a machine is given that is none itself."""
    count: int = 1
    """Instances behind the endpoint when it was measured."""
    utilisation: float = 0.5
    """Share of its measured rate that an instance is to carry: at the peak, in monthly costs."""
    peak_factor: float = 3.0
    """Rate at the peak over the mean rate of the month."""
    minimum: int = 1
    """Instances that are always there; 2 for high availability."""
    path: RequestPath = field(default_factory=RequestPath)
    memory_mb: int = 2048
    """Of serverless inference, and of a Lambda that holds the model itself."""


def cost_rows(
    points: Sequence[PointSummary],
    searches: Sequence[Search],
    prices: PriceBook,
    basis: CostBasis,
) -> list[CostRow]:
    """A row for each instance, in the order of the points.

    How fast serverless inference is was not measured: for the break-even it is given the slowest
    latency that an instance showed at the least concurrency.

    Raises:
        ConfigError: a price is missing.
    """
    found = by_instance(points, searches)
    alone_ms = _alone_ms(found)
    return [_row(measured, alone_ms, prices, basis) for measured in found]


def monthly_costs(
    points: Sequence[PointSummary],
    searches: Sequence[Search],
    prices: PriceBook,
    basis: CostBasis,
    volumes: Sequence[float],
) -> list[MonthlyCost]:
    """C(D) = N(D)·h·730 + D·C_path for each instance; then the ways to pay by the request.

    Those are serverless inference and, where there is an API, a Lambda behind it that holds the
    model. Both are given the latency that `cost_rows` gives serverless inference. Cold starts are
    not counted, so both cost more than this.

    Args:
        volumes: D, successful requests per month.

    Raises:
        ConfigError: a price is missing.
    """
    path = path_prices(prices, basis.region, basis.path)
    found = by_instance(points, searches)
    curves = []
    for measured in found:
        price = _price(measured.instance, prices, basis)
        if price is None or measured.rate_per_s is None or measured.latency_ms is None:
            continue
        capacity = _capacity(measured.rate_per_s, basis)
        needed = [instances_needed(d, capacity, minimum=basis.minimum) for d in volumes]
        hosting = [n * price.usd_per_hour * HOURS_PER_MONTH for n in needed]
        latency, attempts = measured.latency_ms, measured.attempts_per_answer
        before = [path_usd(d * attempts, latency, basis.path, path) for d in volumes]
        curves.append(
            MonthlyCost(
                instance=measured.instance,
                requests_per_month=list(volumes),
                usd_per_month=[h + p for h, p in zip(hosting, before, strict=True)],
                instances=needed,
            )
        )
    if (alone_ms := _alone_ms(found)) is not None:
        curves += _by_request(alone_ms, prices, path, basis, volumes)
    return curves


def _by_request(
    latency_ms: float,
    prices: PriceBook,
    path: PathPrices,
    basis: CostBasis,
    volumes: Sequence[float],
) -> list[MonthlyCost]:
    per_request = _serverless_usd(latency_ms, prices, basis)
    serverless = MonthlyCost(
        instance=f"SageMaker serverless, {basis.memory_mb} MB",
        requests_per_month=list(volumes),
        usd_per_month=[
            d * per_request + path_usd(d, latency_ms, basis.path, path) for d in volumes
        ],
    )
    if path.function is None:
        return [serverless]
    function = path.function
    return [
        serverless,
        MonthlyCost(
            instance=f"Lambda with the model, {basis.memory_mb} MB",
            requests_per_month=list(volumes),
            usd_per_month=[
                lambda_usd(d, latency_ms, basis.memory_mb, function) + api_usd(d, path)
                for d in volumes
            ],
        ),
    ]


def _row(
    measured: Measured, alone_ms: float | None, prices: PriceBook, basis: CostBasis
) -> CostRow:
    peak, search = measured.peak, measured.search
    low = search.low_per_s if search else None
    price = _price(measured.instance, prices, basis)
    if measured.peak is None:
        price = None
    usd_per_hour = price.usd_per_hour * basis.count if price else None

    def per_million(rate_per_s: float | None, utilisation: float = 1.0) -> float | None:
        if usd_per_hour is None or rate_per_s is None:
            return None
        return usd_per_million(usd_per_hour, rate_per_s, utilisation=utilisation)

    path = _path_per_million(measured, prices, basis) if usd_per_hour is not None else None
    at_utilisation = per_million(measured.rate_per_s, basis.utilisation)
    return CostRow(
        instance=measured.instance,
        status=measured.status,
        count=basis.count,
        model_latency_ms=peak.service_ms["p50"].value if peak else None,
        usd_per_hour=usd_per_hour,
        usd_per_million=per_million(peak.throughput_per_s if peak else None),
        max_invocations_per_minute=60 * peak.throughput_per_s if peak else None,
        p50_ms=peak.response_ms["p50"].value if peak else None,
        p95_ms=peak.response_ms["p95"].value if peak else None,
        p99_ms=peak.response_ms["p99"].value if peak else None,
        error_fraction=peak.error_fraction if peak else None,
        slo_rate_low_per_s=low,
        slo_rate_high_per_s=search.high_per_s if search else None,
        usd_per_million_at_slo=per_million(low),
        utilisation=basis.utilisation,
        usd_per_million_at_utilisation=at_utilisation,
        path_usd_per_million=path,
        total_usd_per_million=(
            at_utilisation + path if at_utilisation is not None and path is not None else None
        ),
        breakeven_requests_per_month=_breakeven(measured, price, alone_ms, prices, basis),
        price_date=price.date.isoformat() if price else None,
        price_source=price.source if price else None,
        price_region=price.region if price else None,
        priced_as=price.instance if price and price.instance != measured.instance else None,
    )


def _path_per_million(measured: Measured, prices: PriceBook, basis: CostBasis) -> float | None:
    if measured.latency_ms is None:
        return None
    found = path_prices(prices, basis.region, basis.path)
    attempts = MILLION * measured.attempts_per_answer
    return path_usd(attempts, measured.latency_ms, basis.path, found)


def _breakeven(
    measured: Measured,
    price: HostingPrice | None,
    alone_ms: float | None,
    prices: PriceBook,
    basis: CostBasis,
) -> float | None:
    if price is None or measured.rate_per_s is None or alone_ms is None:
        return None
    return breakeven_requests_per_month(
        price.usd_per_hour,
        _serverless_usd(alone_ms, prices, basis),
        minimum=basis.minimum,
        capacity=_capacity(measured.rate_per_s, basis),
    )


def _alone_ms(found: Iterable[Measured]) -> float | None:
    return max((each.alone_ms for each in found if each.alone_ms is not None), default=None)


def _serverless_usd(latency_ms: float, prices: PriceBook, basis: CostBasis) -> float:
    price = prices.serverless_price(basis.region)
    return serverless_usd_per_request(latency_ms, basis.memory_mb, price.usd_per_gb_second)


def _capacity(rate_per_s: float, basis: CostBasis) -> float:
    return capacity_per_month(
        rate_per_s / basis.count, headroom=basis.utilisation, peak_factor=basis.peak_factor
    )


def _price(instance: str, prices: PriceBook, basis: CostBasis) -> HostingPrice | None:
    """The price of an instance; None for a machine that is none and is not priced as one."""
    name = instance if instance.startswith("ml.") else basis.price_as
    return prices.hosting_price(name, basis.region) if name else None
