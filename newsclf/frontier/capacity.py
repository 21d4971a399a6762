"""Plan of capacity: which measured model on which instance, how many, and what a month costs.

The use case of `newsclf cost --rate`. Evidence is a search for the objective, or a load of Poisson
or constant arrivals whose latency was within it. A closed loop is none: its users send nothing
while the server stalls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from newsclf.common.errors import CheckFailedError, StateError
from newsclf.common.intervals import Interval, percent
from newsclf.common.records import StrictRecord
from newsclf.costs.formulas import (
    HOURS_PER_MONTH,
    SECONDS_PER_MONTH,
    RequestPath,
    instances_needed,
    path_prices,
    path_usd,
)
from newsclf.costs.instances import check_measured_on_cpu, family, has_gpu, vcpus
from newsclf.costs.prices import PriceBook
from newsclf.data.examples import counted
from newsclf.frontier.records import FAILED, OPEN_LOAD, Frontier, FrontierRow
from newsclf.frontier.store import RESULT_FILE, read_frontier
from newsclf.loadtest.cost_table import SUMMARY_FILE, read_summary
from newsclf.loadtest.report.tables import objective_words
from newsclf.loadtest.store.records import Objective, PointSummary, Search, Summary
from newsclf.reporting.text import amount, percentile_name

_OPEN_LOADS = ("poisson", "constant")
_DIGITS = 12
_LOCAL = "local"
"""How instances are called that are this machine, or some of its cores."""


class CapacityOption(StrictRecord):
    """A measured model on an instance."""

    model: str
    """Its name; where only its digest is known, the beginning of that."""
    model_digest: str | None
    accuracy: float | None
    """On the rows of the frontier; None: not measured there."""
    instance: str
    region: str
    """AWS region of its price."""
    measured_on: str
    source: str
    """File with the measurement."""
    rate_per_instance_s: float
    """The highest rate at which the objective was shown to hold, on one instance."""
    evidence: str
    instances: int
    hosting_usd_per_month: float
    path_usd_per_month: float
    """Lambda, API Gateway and data, at the month's mean rate."""
    usd_per_month: float
    not_recommended: str | None
    """Why it is not recommended; None: it may be."""
    notes: list[str]


class CapacityPlan(StrictRecord):
    """What serves a rate within an objective, the cheapest first."""

    rate_per_s: float
    objectives: list[Objective]
    region: str
    peak_factor: float
    utilisation: float
    options: list[CapacityOption]
    """Those that may be recommended come first; then by cost."""
    unusable: list[str]
    """Measurements that show nothing for this objective, and why."""

    @property
    def best(self) -> CapacityOption | None:
        """The cheapest that may be recommended."""
        return next((each for each in self.options if each.not_recommended is None), None)

    @property
    def runner_up(self) -> CapacityOption | None:
        """The cheapest of another model; without one, of the same on another instance."""
        fitting = [each for each in self.options if each.not_recommended is None]
        others = [each for each in fitting if each.model != fitting[0].model]
        elsewhere = [each for each in fitting if each.instance != fitting[0].instance]
        return next(iter([*others, *elsewhere]), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityRequest:
    """What is to be served, and where measurements are."""

    rate_per_s: float
    """At the peak."""
    objectives: Sequence[Objective]
    runs: Sequence[Path]
    """Folders of load tests."""
    frontiers: Sequence[Path]
    """Folders of frontiers."""
    prices: PriceBook
    region: str | None = None
    """AWS region of the prices; None: that of each measurement."""
    price_as: str | None = None
    """Instance as which a load test of another machine is priced; None: as the test says."""
    utilisation: float = 1.0
    """Share of the rate at which the objective held that an instance is to carry."""
    peak_factor: float = 3.0
    minimum: int = 1
    path: RequestPath = field(default_factory=RequestPath)


def plan_capacity(request: CapacityRequest) -> CapacityPlan:
    """Price every measurement that shows the objective.

    Raises:
        StateError: A record is damaged, or missing.
        ConfigError: A price is missing.
        CheckFailedError: No measurement shows the objective at any rate.
    """
    planner = _Planner(request)
    frontiers = [(path, found) for path in request.frontiers if (found := read_frontier(path))]
    for path, found in frontiers:
        planner.add_frontier(path / RESULT_FILE, found)
    qualities = {row.digest: (row, found) for _, found in frontiers for row in found.models}
    for path in request.runs:
        try:
            summary = read_summary(path)
        except StateError as error:
            if len(request.runs) == 1:
                raise
            planner.unusable.append(error.message)
            continue
        planner.add_run(path / SUMMARY_FILE, summary, qualities)
    if not planner.options and not planner.unusable:
        raise StateError(
            "nothing was measured yet, so nothing can be planned",
            hint="newsclf frontier MODEL… or newsclf loadtest --slo p95=200ms measures models",
        )
    if not planner.options:
        raise CheckFailedError(
            f"no measurement shows {objective_words(request.objectives)}:"
            f" {'; '.join(planner.unusable)}",
            hint=f"newsclf loadtest --slo {request.objectives[0].typed} --price-as ml.c5.large"
            " looks for a rate that meets it",
        )
    ordered = sorted(
        planner.options,
        key=lambda o: (o.not_recommended is not None, o.usd_per_month, o.instances, o.model),
    )
    return CapacityPlan(
        rate_per_s=request.rate_per_s,
        objectives=list(request.objectives),
        region=planner.region,
        peak_factor=request.peak_factor,
        utilisation=request.utilisation,
        options=ordered,
        unusable=planner.unusable,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """A rate at which the objectives held."""

    rate_per_s: float
    latency_ms: float
    """Mean."""
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A model as it was measured."""

    model: str
    digest: str | None
    instance: str
    """As which it is priced."""
    region: str
    on: str
    source: Path
    judged: tuple[FrontierRow, Frontier] | None
    """Its row in a frontier."""


class _Planner:
    def __init__(self, request: CapacityRequest) -> None:
        self.request = request
        self.options: list[CapacityOption] = []
        self.unusable: list[str] = []
        self._regions: dict[str, None] = {}

    @property
    def region(self) -> str:
        """The region of the prices; several with commas between."""
        return ", ".join(self._regions) or self.request.region or "us-east-1"

    def add_frontier(self, path: Path, found: Frontier) -> None:
        """The models of a frontier, on the instance that it names and larger ones of its family."""
        region = self.request.region or found.region
        here = f"{found.machine.cpu}, {found.machine.cores} cores"
        known = self.request.prices.instances(region)
        priced = self.request.price_as or found.instance
        check_measured_on_cpu(priced, "--price-as")
        sizes = [each for each in known if family(each) == family(priced)]
        for row in found.models:
            if row.speed is None:
                continue
            speed = row.speed
            doubts = [doubt for doubt in speed.doubts if doubt.startswith(OPEN_LOAD)]
            if failed := [doubt for doubt in doubts if doubt.endswith(FAILED)]:
                self.unusable.append(f"{row.name} ({path}): {failed[0]}")
                continue
            shown, why = _shown(
                speed.percentiles_ms, self.request.objectives, failed=speed.failed_fraction
            )
            if not shown:
                self.unusable.append(f"{row.name} ({path}): {why}")
                continue
            per_core = speed.open_per_s / speed.cores
            for instance in sizes or [priced]:
                count = vcpus(instance)
                if count < vcpus(priced):
                    continue
                evidence = _Evidence(
                    rate_per_s=per_core * count,
                    latency_ms=speed.mean_ms,
                    words=f"{why} at {amount(per_core)}/s on a core",
                )
                notes = [
                    f"measured on {here}, not on {instance}",
                    f"scaled from {counted(speed.cores, 'core', 'cores')} to {count} vCPUs",
                    *doubts,
                ]
                measured = _Measured(
                    model=row.name,
                    digest=row.digest,
                    instance=instance,
                    region=region,
                    on=here,
                    source=path,
                    judged=(row, found),
                )
                self._add(measured, evidence, notes)

    def add_run(
        self, path: Path, summary: Summary, qualities: dict[str, tuple[FrontierRow, Frontier]]
    ) -> None:
        """The instances of a load test."""
        run = summary.run
        digest = run.model_digest
        known = qualities.get(digest or "")
        name = known[0].name if known else (digest or "unknown")[:_DIGITS]
        for instance in dict.fromkeys(point.instance for point in summary.points):
            where = f"{instance} in {path.parent.name}"
            on_aws = instance.startswith("ml.")
            priced = instance if on_aws else self.request.price_as or run.price_as
            if run.headlines_per_request > 1:
                self.unusable.append(f"{where}: its requests hold several headlines")
                continue
            if instance.startswith(_LOCAL):
                check_measured_on_cpu(priced, "--price-as")
            if priced is None:
                self.unusable.append(f"{where}: it has no price (--price-as ml.c5.large)")
                continue
            evidence, why = _of_run(summary, instance, self.request.objectives)
            if evidence is None:
                self.unusable.append(f"{where}: {why}")
                continue
            on = instance if on_aws else f"{run.machine.cpu} ({instance})"
            notes = [] if on_aws else [f"measured on {on}, not on {priced}"]
            if on_aws and has_gpu(instance):
                notes.append("its accuracy is that of int8; a GPU computes in bfloat16")
            if run.shares_host:
                notes.append("client and server shared the machine")
            if run.rescaled:
                notes.append("the number of instances changed during the run")
            rate = evidence.rate_per_s / run.instance_count
            measured = _Measured(
                model=name,
                digest=digest,
                instance=priced,
                region=self.request.region or run.region,
                on=on,
                source=path,
                judged=known,
            )
            self._add(measured, replace(evidence, rate_per_s=rate), notes)

    def _add(self, measured: _Measured, evidence: _Evidence, notes: list[str]) -> None:
        request = self.request
        price = request.prices.hosting_price(measured.instance, measured.region)
        self._regions[measured.region] = None
        carried = evidence.rate_per_s * request.utilisation
        count = instances_needed(request.rate_per_s, carried, minimum=request.minimum)
        known = measured.judged
        hosting = count * price.usd_per_hour * HOURS_PER_MONTH
        monthly = request.rate_per_s / request.peak_factor * SECONDS_PER_MONTH
        path_price = path_prices(request.prices, measured.region, request.path)
        path = path_usd(monthly, evidence.latency_ms, request.path, path_price)
        if count > 1:
            notes = [
                *notes,
                f"{count} instances are assumed to carry {count} times what was measured",
            ]
        self.options.append(
            CapacityOption(
                model=measured.model,
                model_digest=measured.digest,
                accuracy=known[0].quality.accuracy.value if known else None,
                instance=measured.instance,
                region=measured.region,
                measured_on=measured.on,
                source=str(measured.source),
                rate_per_instance_s=evidence.rate_per_s,
                evidence=evidence.words,
                instances=count,
                hosting_usd_per_month=hosting,
                path_usd_per_month=path,
                usd_per_month=hosting + path,
                not_recommended=_worse(*known) if known else None,
                notes=notes if known else [*notes, "its accuracy is in no frontier"],
            )
        )


def _worse(row: FrontierRow, found: Frontier) -> str | None:
    """Why a frontier does not accept a model; None if it does."""
    against = row.quality.against_teacher
    if against is None or against.not_worse:
        return None
    return (
        f"not shown to be less than {100 * found.delta:g} points worse than {found.teacher}:"
        f" at most {percent(against.at_most)}"
    )


def _of_run(
    summary: Summary, instance: str, objectives: Sequence[Objective]
) -> tuple[_Evidence | None, str]:
    """The highest rate of an instance at which the objectives held, or why none is known."""
    points = {point.id: point for point in summary.points if point.instance == instance}
    found = [*_from_searches(summary.searches, points, instance, objectives)]
    reasons = []
    for point in points.values():
        if point.load.model not in _OPEN_LOADS or point.verdict != "OK":
            continue
        shown, why = _shown(point.response_ms, objectives, failed=point.error_fraction)
        if shown:
            rate = point.throughput_per_s
            words = f"{why} at {amount(rate)}/s of {point.load.model} arrivals"
            found.append(_Evidence(rate_per_s=rate, latency_ms=point.mean_ms, words=words))
        else:
            reasons.append(why)
    if found:
        return max(found, key=lambda each: each.rate_per_s), ""
    if any(search.instance == instance for search in summary.searches):
        return None, "its search was for another objective, or found no rate"
    if reasons:
        return None, reasons[0]
    return None, "no open load was OK, and a closed loop hides stalls"


def _from_searches(
    searches: Sequence[Search],
    points: dict[str, PointSummary],
    instance: str,
    objectives: Sequence[Objective],
) -> Iterator[_Evidence]:
    for search in searches:
        rate = search.low_per_s
        covered = all(any(_implies(s, o) for s in search.objectives) for o in objectives)
        if search.instance != instance or rate is None or not covered:
            continue
        passed = [
            p for p in search.probes if p.passed and p.rate_per_s <= rate and p.point in points
        ]
        if passed:
            best = max(passed, key=lambda probe: probe.rate_per_s)
            confirmed = "" if search.confirmed else ", not confirmed"
            yield _Evidence(
                rate_per_s=rate,
                latency_ms=points[best.point].mean_ms,
                words=f"searched: met at {amount(rate)}/s{confirmed}",
            )


def _implies(one: Objective, other: Objective) -> bool:
    """Whether whatever meets one objective meets the other, too."""
    return one.percentile >= other.percentile and one.limit_ms <= other.limit_ms


def _shown(
    percentiles_ms: dict[str, Interval], objectives: Sequence[Objective], *, failed: float = 0.0
) -> tuple[bool, str]:
    """Whether latencies show that objectives hold: by the upper end of their intervals.

    The percentiles are of good answers; the share of requests that `failed` misses every objective.
    """
    words = []
    for objective in objectives:
        known = sorted(
            (float(name.removeprefix("p")), figure) for name, figure in percentiles_ms.items()
        )
        fitting = [pair for pair in known if pair[0] * (1 - failed) >= objective.percentile]
        if not fitting:
            name = percentile_name(objective.percentile)
            if failed:
                return False, f"{percent(failed)} of the requests failed, too many for {name}"
            return False, f"{name} was not measured"
        percentile, figure = fitting[0]
        name = percentile_name(percentile)
        if figure.value is None or figure.high is None:
            return False, f"too few requests for an interval of {name}"
        shown = f"{name} {amount(figure.value)} ms, at most {amount(figure.high)}"
        if figure.high > objective.limit_ms:
            return False, f"{shown}, which is not within {amount(objective.limit_ms)} ms"
        words.append(shown)
    return True, "; ".join(words)
