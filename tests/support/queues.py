"""Queues whose answers are known, as stand-ins for servers under load."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from newsclf.loadtest.store.records import Load, Point, WorkerHealth
from newsclf.loadtest.store.samples import SAMPLE, Samples

Floats = npt.NDArray[np.float64]


def arrivals(rng: np.random.Generator, rate_per_s: float, n: int, runs: int = 1) -> Floats:
    """Poisson arrival times, (runs, n)."""
    return np.cumsum(rng.exponential(1 / rate_per_s, (runs, n)), axis=1)


def fifo(arrival_s: Floats, service_s: Floats) -> Floats:
    """Departures from one server, (runs, n): Lindley's recursion, unrolled to a running maximum.

    departure[i] = service[i] + max(arrival[i], departure[i − 1])
    """
    done = np.cumsum(service_s, axis=-1)
    departure: Floats = done + np.maximum.accumulate(arrival_s - (done - service_s), axis=-1)
    return departure


def closed(
    rng: np.random.Generator,
    service_s: Callable[[float], float],
    *,
    users: int,
    servers: int,
    n: int,
    jitter: float = 0.1,
) -> tuple[Floats, Floats]:
    """Users who each wait for their answer, before servers with one queue: n × (sent, ended).

    Args:
        rng: Source of the jitter.
        service_s: Service time of a request that begins at a moment.
        users: How many.
        servers: How many.
        n: Requests.
        jitter: Standard deviation of the logarithm of a factor on each service time.
    """
    free = [0.0] * servers
    ready = [i * 1e-6 for i in range(users)]
    sent, ended = np.empty(n), np.empty(n)
    for i, factor in enumerate(np.exp(jitter * rng.standard_normal(n)).tolist()):
        sent[i] = heapq.heappop(ready)
        begun = max(heapq.heappop(free), sent[i])
        ended[i] = begun + factor * service_s(begun)
        heapq.heappush(free, ended[i])
        heapq.heappush(ready, ended[i])
    return sent, ended


def samples(sent_s: Floats, ended_s: Floats) -> Samples:
    """Good answers as raw samples, sent when they were due."""
    order = np.argsort(sent_s, kind="stable")
    records = np.zeros(len(order), SAMPLE)
    records["intended_ns"] = records["sent_ns"] = np.round(sent_s[order] * 1e9)
    records["first_byte_ns"] = records["ended_ns"] = np.round(ended_s[order] * 1e9)
    records["status"] = 200
    return records


def point(
    window_s: tuple[float, float],
    *,
    name: str = "p",
    rate_per_s: float | None = None,
    concurrency: int | None = None,
    max_in_flight: int = 100_000,
    cpu_fraction: float = 0.1,
    lag_p99_ms: float = 1.0,
) -> Point:
    """A point of one worker; Poisson where it has a rate, else a closed loop."""
    return Point(
        id=name,
        load=Load(
            model="closed" if rate_per_s is None else "poisson",
            concurrency=concurrency,
            rate_per_s=rate_per_s,
            warmup_s=window_s[0],
            duration_s=window_s[1] - window_s[0],
            max_in_flight=max_in_flight,
        ),
        instance="queue",
        started_utc="2026-11-22T12:00:00Z",
        window_begin_ns=round(window_s[0] * 1e9),
        window_end_ns=round(window_s[1] * 1e9),
        workers=[
            WorkerHealth(cpu_fraction=cpu_fraction, lag_p99_ms=lag_p99_ms, lag_max_ms=lag_p99_ms)
        ],
        connections_opened=1,
    )


def md1_point(
    rng: np.random.Generator,
    rate_per_s: float,
    service_s: float | Callable[[Floats], Floats],
    n: int,
    *,
    warmup: int = 1000,
) -> tuple[Point, Samples]:
    """About `n` measured requests to one server, after about `warmup` others.

    Args:
        rng: Source of the arrivals.
        rate_per_s: Of the Poisson arrivals.
        service_s: Service time, or that of requests by how long after the window began they came.
        n: Expected number in the window.
        warmup: Expected number before it.
    """
    total = warmup + n
    due_s = arrivals(rng, rate_per_s, total + math.ceil(8 * math.sqrt(total)))[0]
    window_s = (warmup / rate_per_s, total / rate_per_s)
    service = (
        service_s(due_s - window_s[0]) if callable(service_s) else np.full(len(due_s), service_s)
    )
    return point(window_s, rate_per_s=rate_per_s), samples(due_s, fifo(due_s, service))


def closed_point(
    rng: np.random.Generator,
    service_s: Callable[[float], float],
    *,
    users: int,
    servers: int,
    n: int,
    jitter: float = 0.1,
) -> tuple[Point, Samples]:
    """A closed loop of n requests, of which the first and the last tenth are not measured."""
    sent_s, ended_s = closed(rng, service_s, users=users, servers=servers, n=n, jitter=jitter)
    begin_s, end_s = np.quantile(sent_s, [0.1, 0.9])
    # The load says nothing of the window here, so that repeats have the same load.
    load = Load(model="closed", concurrency=users, warmup_s=1, duration_s=1, max_in_flight=users)
    made = point((float(begin_s), float(end_s)), concurrency=users)
    return made.model_copy(update={"load": load}), samples(sent_s, ended_s)


def md1_response_over(limit_s: float, rate_per_s: float, service_s: float) -> float:
    """P(response > limit) of a stationary M/D/1 queue (Erlang's formula for the waiting time)."""
    load, wait = rate_per_s * service_s, limit_s - service_s
    if load >= 1 or wait < 0:
        return 1.0
    terms = [
        math.exp(rate_per_s * (wait - k * service_s))
        * (-rate_per_s * (wait - k * service_s)) ** k
        / math.factorial(k)
        for k in range(math.floor(wait / service_s) + 1)
    ]
    return 1 - (1 - load) * math.fsum(terms)
