"""Costs of what a load test measured: the cost table and the monthly curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from newsclf.costs.formulas import (
    HOURS_PER_MONTH,
    MILLION,
    CostRow,
    MonthlyCost,
    PathPrices,
    RequestPath,
    breakeven_requests_per_month,
    capacity_per_month,
    gateway_usd,
    instances_needed,
    lambda_usd,
    path_prices,
    path_usd,
    serverless_usd_per_request,
    usd_per_million,
)
from newsclf.costs.instances import check_measured_on_cpu
from newsclf.costs.prices import HostingPrice, PriceBook
from newsclf.loadtest.analysis.deciding_points import Measured, by_instance
from newsclf.loadtest.store.records import PointSummary, Run, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBasis:
    """Assumptions of the costs."""

    region: str
    price_as: str | None = None
    """Instance type whose price a machine outside AWS is given."""
    count: int = 1
    """Instances behind the endpoint when it was measured."""
    utilisation: float = 0.5
    """Share of its measured rate that an instance carries; in monthly costs, at the peak."""
    peak_factor: float = 3.0
    """Rate at the peak over the mean rate of the month."""
    minimum: int = 1
    """Instances that are always there; 2 for high availability."""
    path: RequestPath = field(default_factory=RequestPath)
    memory_mb: int = 2048
    """Memory of serverless inference, and of a Lambda that holds the model itself."""

    @classmethod
    def of_run(cls, run: Run) -> CostBasis:
        """Assumptions from the options of a run."""
        return cls(
            region=run.region,
            price_as=run.price_as,
            count=run.instance_count,
            utilisation=run.utilisation,
        )


@dataclass(frozen=True)
class RunCosts:
    """Costs of the points and searches of a run.

    Serverless inference is not measured: its latency is taken to be the slowest that an instance
    showed at the least concurrency. Cold starts are not counted.
    """

    points: Sequence[PointSummary]
    searches: Sequence[Search]
    prices: PriceBook
    basis: CostBasis

    def rows(self) -> list[CostRow]:
        """A row for each instance, in order of the points; ConfigError if a price is missing."""
        return [self._row(measured) for measured in self._measured]

    def months(self, volumes: Sequence[float]) -> list[MonthlyCost]:
        """C(D) = N(D)·h·730 + D·C_path for each instance; then the ways to pay by the request.

        Those are serverless inference and, where there is an API, a Lambda behind it that holds the
        model.

        Args:
            volumes: D, successful requests per month.

        Raises:
            ConfigError: a price is missing.
        """
        curves = []
        for measured in self._measured:
            price = self._price(measured.instance)
            if price is None or measured.rate_per_s is None or measured.latency_ms is None:
                continue
            capacity, least = self._capacity(measured.rate_per_s), self.basis.minimum
            needed = [instances_needed(d, capacity, minimum=least) for d in volumes]
            hosting = [n * price.usd_per_hour * HOURS_PER_MONTH for n in needed]
            path = [self._path_usd(measured, d) or 0.0 for d in volumes]
            curves.append(
                MonthlyCost(
                    instance=measured.instance,
                    requests_per_month=list(volumes),
                    usd_per_month=[h + p for h, p in zip(hosting, path, strict=True)],
                    instances=needed,
                )
            )
        return curves + self._by_request(volumes)

    def _by_request(self, volumes: Sequence[float]) -> list[MonthlyCost]:
        latency_ms, path, basis = self._alone_ms, self._path, self.basis
        if latency_ms is None:
            return []
        per_request = self._serverless_usd(latency_ms)
        ways = {
            "SageMaker serverless": [
                d * per_request + path_usd(d, latency_ms, basis.path, path) for d in volumes
            ]
        }
        if path.function is not None:
            ways["Lambda with the model"] = [
                lambda_usd(d, latency_ms, basis.memory_mb, path.function)
                + gateway_usd(d, basis.path, path)
                for d in volumes
            ]
        return [
            MonthlyCost(
                instance=f"{name}, {basis.memory_mb} MB",
                requests_per_month=list(volumes),
                usd_per_month=costs,
            )
            for name, costs in ways.items()
        ]

    def _row(self, measured: Measured) -> CostRow:
        basis, peak, search = self.basis, measured.peak, measured.search
        low = search.low_per_s if search else None
        price = self._price(measured.instance) if peak else None
        usd_per_hour = price.usd_per_hour * basis.count if price else None

        def per_million(rate_per_s: float | None, utilisation: float = 1.0) -> float | None:
            if usd_per_hour is None or rate_per_s is None:
                return None
            return usd_per_million(usd_per_hour, rate_per_s, utilisation=utilisation)

        path = self._path_usd(measured, MILLION) if price else None
        used = per_million(measured.rate_per_s, basis.utilisation)
        latencies = peak.response_ms if peak else {}
        p50, p95, p99 = (latencies[name].value if peak else None for name in ("p50", "p95", "p99"))
        return CostRow(
            instance=measured.instance,
            status=measured.status,
            count=basis.count,
            model_latency_ms=peak.service_ms["p50"].value if peak else None,
            usd_per_hour=usd_per_hour,
            usd_per_million=per_million(peak.throughput_per_s if peak else None),
            max_invocations_per_minute=60 * peak.throughput_per_s if peak else None,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            error_fraction=peak.error_fraction if peak else None,
            slo_rate_low_per_s=low,
            slo_rate_high_per_s=search.high_per_s if search else None,
            usd_per_million_at_slo=per_million(low),
            utilisation=basis.utilisation,
            usd_per_million_at_utilisation=used,
            path_usd_per_million=path,
            total_usd_per_million=None if used is None or path is None else used + path,
            breakeven_requests_per_month=self._breakeven(measured, price),
            price_date=price.date.isoformat() if price else None,
            price_source=price.source if price else None,
            price_region=price.region if price else None,
            priced_as=price.instance if price and price.instance != measured.instance else None,
        )

    @cached_property
    def _measured(self) -> list[Measured]:
        return by_instance(self.points, self.searches)

    @cached_property
    def _path(self) -> PathPrices:
        return path_prices(self.prices, self.basis.region, self.basis.path)

    @cached_property
    def _alone_ms(self) -> float | None:
        known = [each.alone_ms for each in self._measured if each.alone_ms is not None]
        return max(known, default=None)

    def _path_usd(self, measured: Measured, answers: float) -> float | None:
        """Cost of the path for successful requests; failed ones are billed too."""
        if measured.latency_ms is None:
            return None
        requests = answers * measured.attempts_per_answer
        return path_usd(requests, measured.latency_ms, self.basis.path, self._path)

    def _breakeven(self, measured: Measured, price: HostingPrice | None) -> float | None:
        if price is None or measured.rate_per_s is None or self._alone_ms is None:
            return None
        return breakeven_requests_per_month(
            price.usd_per_hour,
            self._serverless_usd(self._alone_ms),
            minimum=self.basis.minimum,
            capacity=self._capacity(measured.rate_per_s),
        )

    def _serverless_usd(self, latency_ms: float) -> float:
        price = self.prices.serverless_price(self.basis.region)
        return serverless_usd_per_request(latency_ms, self.basis.memory_mb, price.usd_per_gb_second)

    def _capacity(self, rate_per_s: float) -> float:
        basis = self.basis
        return capacity_per_month(
            rate_per_s / basis.count, headroom=basis.utilisation, peak_factor=basis.peak_factor
        )

    def _price(self, instance: str) -> HostingPrice | None:
        """The price of an instance; None for a machine outside AWS that is not priced as one."""
        name = instance if instance.startswith("ml.") else self.basis.price_as
        if instance.startswith("local"):
            check_measured_on_cpu(name, "--price-as")
        return self.prices.hosting_price(name, self.basis.region) if name else None
