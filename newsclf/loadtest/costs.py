"""From what was measured, and prices, to the cost table and the monthly curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from newsclf.core.cost import (
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
from newsclf.core.prices import HostingPrice, PriceBook
from newsclf.loadtest.records import PointSummary, Search


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The points of one instance that decide its cost."""

    instance: str
    status: str
    peak: PointSummary | None
    """The closed loop at which throughput was highest."""
    search: Search | None
    rate_per_s: float | None
    """That it can be run at: met the objective; without a search, the throughput at the peak."""
    latency_ms: float | None
    """Mean at that rate."""
    alone_ms: float | None
    """Mean with the least concurrency measured."""


def cost_rows(
    points: Sequence[PointSummary],
    searches: Sequence[Search],
    prices: PriceBook,
    basis: CostBasis,
) -> list[CostRow]:
    """A row for each instance, in the order of the points.

    Raises:
        ConfigError: a price is missing.
    """
    rows = []
    for measured in _by_instance(points, searches):
        price = _price(measured.instance, prices, basis)
        rows.append(_row(measured, price, prices, basis))
    return rows


def monthly_costs(
    points: Sequence[PointSummary],
    searches: Sequence[Search],
    prices: PriceBook,
    basis: CostBasis,
    volumes: Sequence[float],
) -> list[MonthlyCost]:
    """C(D) = N(D)·h·730 + D·C_path for each instance; then the ways to pay by the request.

    Those are serverless inference and, where there is an API, a Lambda behind it that holds the
    model. Both are given the slowest latency that an instance showed at the least concurrency. Cold
    starts are not counted, so both cost more than this.

    Args:
        volumes: D, successful requests per month.

    Raises:
        ConfigError: a price is missing.
    """
    path = path_prices(prices, basis.region, basis.path)
    curves, alone = [], []
    for measured in _by_instance(points, searches):
        price = _price(measured.instance, prices, basis)
        if price is None or measured.rate_per_s is None or measured.latency_ms is None:
            continue
        if measured.alone_ms is not None:
            alone.append(measured.alone_ms)
        capacity = _capacity(measured.rate_per_s, basis)
        needed = [instances_needed(d, capacity, minimum=basis.minimum) for d in volumes]
        hosting = [n * price.usd_per_hour * HOURS_PER_MONTH for n in needed]
        latency = measured.latency_ms
        before = [path_usd(d, latency, basis.path, path) for d in volumes]
        curves.append(
            MonthlyCost(
                instance=measured.instance,
                requests_per_month=list(volumes),
                usd_per_month=[h + p for h, p in zip(hosting, before, strict=True)],
                instances=needed,
            )
        )
    if alone:
        curves += _by_request(max(alone), prices, path, basis, volumes)
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
    measured: _Measured, price: HostingPrice | None, prices: PriceBook, basis: CostBasis
) -> CostRow:
    peak, search = measured.peak, measured.search
    low = search.low_per_s if search else None
    usable = measured.rate_per_s is not None
    usd_per_hour = price.usd_per_hour * basis.count if price and (peak or usable) else None

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
        breakeven_requests_per_month=_breakeven(measured, price, prices, basis),
        price_date=price.date.isoformat() if price else None,
        price_source=price.source if price else None,
        price_region=price.region if price else None,
        priced_as=price.instance if price and price.instance != measured.instance else None,
    )


def _path_per_million(measured: _Measured, prices: PriceBook, basis: CostBasis) -> float | None:
    if measured.latency_ms is None:
        return None
    found = path_prices(prices, basis.region, basis.path)
    return path_usd(MILLION, measured.latency_ms, basis.path, found)


def _breakeven(
    measured: _Measured, price: HostingPrice | None, prices: PriceBook, basis: CostBasis
) -> float | None:
    if price is None or measured.rate_per_s is None or measured.alone_ms is None:
        return None
    return breakeven_requests_per_month(
        price.usd_per_hour,
        _serverless_usd(measured.alone_ms, prices, basis),
        minimum=basis.minimum,
        capacity=_capacity(measured.rate_per_s, basis),
    )


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


def _by_instance(points: Sequence[PointSummary], searches: Sequence[Search]) -> Iterable[_Measured]:
    groups: dict[str, list[PointSummary]] = defaultdict(list)
    for point in points:
        groups[point.instance].append(point)
    for instance, group in groups.items():
        search = next((s for s in searches if s.instance == instance), None)
        yield _measured(instance, group, search)


def _measured(instance: str, points: Sequence[PointSummary], search: Search | None) -> _Measured:
    levels = _levels(points)
    peak = max(levels, key=lambda point: point.throughput_per_s, default=None)
    passed = _passed(points, search)
    operating = passed or (peak if search is None else None)
    return _Measured(
        instance=instance,
        status="OK" if peak or passed else _worst(points).verdict,
        peak=peak,
        search=search,
        rate_per_s=search.low_per_s if search else peak.throughput_per_s if peak else None,
        latency_ms=_mean_ms(operating) if operating else None,
        alone_ms=_mean_ms(levels[0]) if levels else _mean_ms(operating) if operating else None,
    )


def _levels(points: Sequence[PointSummary]) -> list[PointSummary]:
    """The OK point of each concurrency, rising; of several repeats the one of median throughput."""
    repeats: dict[int, list[PointSummary]] = defaultdict(list)
    for point in points:
        if point.verdict == "OK" and point.load.model == "closed" and point.throughput_per_s > 0:
            repeats[point.load.concurrency or 1].append(point)
    return [
        sorted(repeats[level], key=lambda point: point.throughput_per_s)[
            (len(repeats[level]) - 1) // 2
        ]
        for level in sorted(repeats)
    ]


def _passed(points: Sequence[PointSummary], search: Search | None) -> PointSummary | None:
    """The point of the highest rate that met the objective."""
    if search is None or search.low_per_s is None:
        return None
    passed = {probe.point: probe.rate_per_s for probe in search.probes if probe.passed}
    found = [point for point in points if point.id in passed and point.throughput_per_s > 0]
    return max(found, key=lambda point: passed[point.id], default=None)


def _worst(points: Sequence[PointSummary]) -> PointSummary:
    """A point to show when none is OK: the one that got furthest."""
    return max(points, key=lambda point: point.throughput_per_s)


def _mean_ms(point: PointSummary) -> float:
    """Mean latency by Little's law, R = N / X, which each OK point obeys within 3 %."""
    return 1000 * point.mean_in_flight / point.throughput_per_s
