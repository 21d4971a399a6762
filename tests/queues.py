"""Queues whose answers are known, as stand-ins for servers under load."""

from __future__ import annotations

import heapq
import math

import numpy as np
import numpy.typing as npt

from newsclf.loadtest.samples import SAMPLE, Samples

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
    users: int,
    servers: int,
    n: int,
    service_s: Floats,
    jitter: float = 0.0,
) -> tuple[Floats, Floats]:
    """Users who each wait for their answer, before a number of servers: (sent, ended) of n requests.

    Args:
        rng: Source of the jitter.
        users: How many.
        servers: How many, with one queue.
        n: Requests.
        service_s: Of each request, in the order of sending.
        jitter: Standard deviation of a factor on each service time.
    """
    service = service_s * np.exp(jitter * rng.standard_normal(n))
    free = [0.0] * servers
    ready = [i * 1e-6 for i in range(users)]
    sent, ended = np.empty(n), np.empty(n)
    heapq.heapify(ready)
    for i, duration in enumerate(service.tolist()):
        sent[i] = heapq.heappop(ready)
        ended[i] = max(heapq.heappop(free), sent[i]) + duration
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
