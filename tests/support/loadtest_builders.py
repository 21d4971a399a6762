"""A load test without a network: simulated queues, and the records that a run would have made."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

import numpy as np

from newsclf.costs.formulas import CostRow, MonthlyCost
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.store.records import (
    Load,
    Machine,
    Objective,
    Payloads,
    Point,
    PointSummary,
    Probe,
    Run,
    Search,
    Summary,
    WorkerHealth,
)
from newsclf.loadtest.store.samples import SAMPLE, Outcome, Samples

_NS = 1e9


class Queue(NamedTuple):
    """A server: so many workers that each take so long."""

    workers: int
    service_s: float


def open_load(model: Any = "poisson", rate: float = 50.0, **changes: Any) -> Load:
    fields = {"warmup_s": 5.0, "duration_s": 30.0, "max_in_flight": 8}
    return Load.model_validate({"model": model, "rate_per_s": rate, **fields, **changes})


def closed_load(users: int, **changes: Any) -> Load:
    fields = {"warmup_s": 5.0, "duration_s": 30.0, "max_in_flight": users}
    return Load.model_validate({"model": "closed", "concurrency": users, **fields, **changes})


def simulate(
    load: Load, queue: Queue, *, seed: int = 1, failing: float = 0.0, freeze_s: float = 0.0
) -> Samples:
    """Samples of a load on a queue, first come first served.

    By Lindley's recursion with several servers: a request starts when it has come and the earliest
    server is free. Service times are lognormal around their median.

    Args:
        load: Poisson and constant loads wait for one of `max_in_flight` connections.
        failing: share of requests that get a 500.
        freeze_s: how long all servers stand still, in the middle of the window.
    """
    random = np.random.default_rng(seed)
    length = load.warmup_s + load.duration_s
    frozen = load.warmup_s + load.duration_s / 2
    free = [0.0] * queue.workers
    connections = [0.0] * (load.concurrency or load.max_in_flight)
    due = iter(_arrivals(load, length, random))
    rows = []
    while True:
        intended = connections[0] if load.model == "closed" else next(due, length)
        if intended >= length:
            break
        sent = max(intended, heapq.heappop(connections)) + 1e-4 * random.random()
        if load.model == "closed":
            intended = sent
        begun = max(sent, heapq.heappop(free))
        if frozen <= begun < frozen + freeze_s:
            begun = frozen + freeze_s
        ended = begun + queue.service_s * random.lognormal(0, 0.3)
        heapq.heappush(free, ended)
        heapq.heappush(connections, ended)
        failed = load.warmup_s < intended and random.random() < failing
        rows.append((intended, sent, ended, Outcome.HTTP_5XX if failed else Outcome.OK))
    rows.sort()
    samples = np.zeros(len(rows), dtype=SAMPLE)
    for name, column in (("intended_ns", 0), ("sent_ns", 1), ("ended_ns", 2)):
        samples[name] = [round(row[column] * _NS) for row in rows]
    samples["first_byte_ns"] = samples["ended_ns"]
    samples["outcome"] = [row[3] for row in rows]
    samples["status"] = np.where(samples["outcome"] == Outcome.OK, 200, 500)
    return samples


def summarised(
    name: str, instance: str, load: Load, samples: Samples, *, repeat: int = 1, cpu: float = 0.3
) -> PointSummary:
    """The summary of a point whose client used `cpu` of a core."""
    begin = round(load.warmup_s * _NS)
    point = Point(
        id=name,
        load=load,
        repeat=repeat,
        instance=instance,
        started_utc="2026-01-02T03:04:05Z",
        window_begin_ns=begin,
        window_end_ns=begin + round(load.duration_s * _NS),
        workers=[WorkerHealth(cpu_fraction=cpu, lag_p99_ms=1.2, lag_max_ms=3.4)],
        connections_opened=load.max_in_flight,
    )
    return summarise(point, samples)


def build_run(loads: list[Load], **changes: Any) -> Run:
    fields = {
        "name": "nightly",
        "started_utc": "2026-01-02T03:04:05Z",
        "config_sha256": "ab" * 32,
        "target": "https://api.example.com/v1/predict",
        "kind": "url",
        "model_digest": "cd" * 32,
        "seed": 42,
        "loads": loads,
        "repeats": 2,
        "objectives": [
            Objective(percentile=95, limit_ms=100),
            Objective(percentile=99, limit_ms=200),
        ],
        "payloads": Payloads(
            source="sample",
            count=637,
            sha256="ef" * 32,
            characters_mean=61.4,
            characters_p50=58,
            characters_p95=104,
            characters_max=171,
        ),
        "machine": Machine(
            cpu="Example CPU @ 2.50GHz",
            cores=2,
            kernel="Linux 6.1",
            python="3.11.9",
            packages={"httpx": "0.28.1", "uvloop": "0.22.1", "newsclf": "0.1.0"},
        ),
        "shares_host": True,
        "region": "us-east-1",
    }
    return Run.model_validate(fields | changes)


def cost_row(instance: str, **changes: Any) -> CostRow:
    fields: dict[str, Any] = dict.fromkeys(CostRow.model_fields)
    fields |= {"instance": instance, "status": "OK", "count": 1, "utilisation": 0.5}
    return CostRow.model_validate(fields | changes)


def build_search(instance: str, low: float | None, high: float | None, **changes: Any) -> Search:
    fields = {
        "objectives": [Objective(percentile=95, limit_ms=100)],
        "instance": instance,
        "low_per_s": low,
        "high_per_s": high,
        "confirmed": low is not None,
        "note": "3 of 3 repeats met it at the lower rate; the higher one missed it.",
        "probes": [],
    }
    return Search.model_validate(fields | changes)


class Case(NamedTuple):
    """Input of a load-test report."""

    summary: Summary
    samples: dict[str, Samples]
    monthly: list[MonthlyCost]


INSTANCES = {
    "ml.t2.medium": (Queue(1, 0.024), 0.056),
    "ml.c5.large": (Queue(1, 0.0125), 0.085),
    "ml.c5.xlarge": (Queue(2, 0.0118), 0.204),
    "ml.m5.xlarge": (Queue(2, 0.0148), 0.23),
}


def build_case(
    *,
    users: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    repeats: int = 2,
    instances: tuple[str, ...] = tuple(INSTANCES),
) -> Case:
    """Instances under closed loops and Poisson loads, with a search and prices."""
    samples: dict[str, Samples] = {}
    points: list[PointSummary] = []
    searches: list[Search] = []
    rows: list[CostRow] = []
    monthly: list[MonthlyCost] = []
    volumes = [10.0**e for e in np.arange(5.0, 9.01, 0.25)]
    serverless = [2.2e-6 * v for v in volumes]
    for k, instance in enumerate(instances):
        queue, hourly = INSTANCES[instance]
        peak = queue.workers / (1.1 * queue.service_s)
        loads = [(closed_load(n), r) for r in range(1, repeats + 1) for n in users]
        loads += [(open_load(rate=round(peak * share)), 1) for share in (0.4, 0.6, 0.75, 0.9, 1.1)]
        for load, repeat in loads:
            size = load.concurrency or f"{load.rate_per_s:g}"
            point = f"{instance}-{load.model}-{size}-r{repeat}"
            found = simulate(
                load, queue, seed=97 * k + len(points), freeze_s=0.4 * (size in (8, "55"))
            )
            cpu = 0.95 if (load.rate_per_s or 0) > peak and instance == "ml.m5.xlarge" else 0.3
            summary = summarised(point, instance, load, found, repeat=repeat, cpu=cpu)
            samples[point] = found
            points.append(summary)
        unstable = instance == "ml.t2.medium"
        low, high = (None, None) if unstable else (round(peak * 0.75), round(peak * 0.9))
        searches.append(_searched(instance, points, low, high))
        figures = {} if low is None else _priced(hourly, low, peak, points, instance)
        status = "UNSTABLE" if unstable else "OK"
        rows.append(cost_row(instance, status=status, **figures))
        if low is not None:
            months = [730 * hourly * max(1, np.ceil(3 * v / 2.628e6 / low)) for v in volumes]
            monthly.append(
                MonthlyCost(instance=instance, requests_per_month=volumes, usd_per_month=months)
            )
    monthly.append(
        MonthlyCost(instance="serverless", requests_per_month=volumes, usd_per_month=serverless)
    )
    run = build_run([closed_load(n) for n in users] + [open_load()], repeats=repeats)
    return Case(Summary(run=run, points=points, searches=searches, costs=rows), samples, monthly)


def _searched(
    instance: str, points: list[PointSummary], low: float | None, high: float | None
) -> Search:
    tried = [p for p in points if p.instance == instance and p.load.model == "poisson"]
    probes = [
        Probe(
            rate_per_s=p.load.rate_per_s or 0,
            requests=p.requests,
            misses=p.requests // (40 if low and (p.load.rate_per_s or 0) <= low else 6),
            passed=bool(low and (p.load.rate_per_s or 0) <= low),
            decision="pass" if low and (p.load.rate_per_s or 0) <= low else "fail",
            reason="binomial test of p95",
            point=p.id,
        )
        for p in tried
    ]
    return build_search(instance, low, high, probes=probes)


def _priced(
    hourly: float, low: float, peak: float, points: list[PointSummary], instance: str
) -> dict[str, Any]:
    best = next(p for p in points if p.instance == instance and p.load.rate_per_s == low)
    at_slo = hourly / 3600 / low * 1e6
    return {
        "model_latency_ms": best.service_ms["p50"].value,
        "usd_per_hour": hourly,
        "usd_per_million": hourly / 3600 / peak * 1e6,
        "max_invocations_per_minute": 60 * peak,
        **{f"{name}_ms": best.response_ms[name].value for name in ("p50", "p95", "p99")},
        "error_fraction": best.error_fraction,
        "slo_rate_low_per_s": low,
        "slo_rate_high_per_s": peak * 0.9,
        "usd_per_million_at_slo": at_slo,
        "usd_per_million_at_utilisation": at_slo / 0.5,
        "path_usd_per_million": 1.3,
        "total_usd_per_million": at_slo / 0.5 + 1.3,
        "breakeven_requests_per_month": 730 * hourly / 2.2e-6,
        "price_date": "2026-01-01",
        "price_source": "the price list of the package",
        "price_region": "us-east-1",
    }


def _arrivals(load: Load, length: float, random: np.random.Generator) -> list[float]:
    if load.model == "closed":
        return []
    rate = load.rate_per_s or 1.0
    if load.model == "constant":
        return [i / rate for i in range(int(length * rate))]
    gaps = random.exponential(1 / rate, int(2 * length * rate) + 20)
    return [float(t) for t in np.cumsum(gaps) if t < length]
