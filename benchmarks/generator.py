"""The load generator: how much it can send, and whether it sees what wrk and wrk2 see.

The server is a process of its own on the other core. Requests per second against a server that
does nothing, for our generator and for a default httpx client; then, on a server of exactly 20 ms,
percentiles beside wrk's with the same users, and beside wrk2's at the same constant rate.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import httpx
import numpy as np
import numpy.typing as npt
import psutil

from benchmarks.headlines import Result
from newsclf.common.machine import available_cores
from newsclf.loadtest.analysis.statistics import nearest_rank
from newsclf.loadtest.generator.controller import generate
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.load import arrivals
from newsclf.loadtest.stop_conditions.condition import StopConditions
from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import Outcome, Samples
from tests.support.loadserver import Behaviour, running

_IN_FLIGHT = (1, 16, 64, 128)
_SECONDS = 4
_RATE_PER_S = 500
_STEADY_SECONDS = 30
_HTTPX_REQUESTS = 2000
_BODY = b'{"headline": "Profit rose by a third in the last quarter"}'
_USERS = 10
_WRK2_CONNECTIONS = 16
"""Each begins 5 ms after the one before (src/wrk.c, thread_main), so not many."""
_PERCENTILES = re.compile(r"^\s*(50|99)(?:\.000)?%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class Seen(NamedTuple):
    """What a tool says of the same load."""

    p50_ms: float
    p99_ms: float
    requests: int


def against_httpx() -> list[Result]:
    """Requests per second at some numbers in flight, against httpx's client as it comes."""
    results = []
    with running(Behaviour()) as server:
        _pin(server.pid)
        for users in _IN_FLIGHT:
            samples = _closed(server.url, users, warmup_s=1, seconds=_SECONDS)
            theirs = asyncio.run(_httpx_per_s(server.url, users))
            ours = np.count_nonzero(samples["outcome"] == Outcome.OK) / (_SECONDS + 1)
            wanted = "≥ 5000 rows/s" if users == 64 else ""  # noqa: PLR2004 - what the design asks
            results.append(
                Result(f"load generator, {users} in flight, against httpx", ours, theirs, wanted)
            )
    return results


def beside_wrk() -> list[str]:
    """Lines that set percentiles of one load side by side; says what is not installed.

    wrk2 rounds each pause up to a whole millisecond (src/wrk.c, delay_request), and counts latency
    from when the request was due: its own figures are up to that much too high.
    """
    with running(Behaviour(service_s=0.02)) as server:
        _pin(server.pid)
        closed = _closed(server.url, _USERS, seconds=_STEADY_SECONDS)
        service_ms = (closed["ended_ns"] - closed["sent_ns"]) / 1e6
        constant = _constant(server.url)
        response_ms = (constant["ended_ns"] - constant["intended_ns"]) / 1e6
        wrk = _theirs("wrk", server.url, f"-c{_USERS}")
        wrk2 = _theirs("wrk2", server.url, f"-c{_WRK2_CONNECTIONS}", f"-R{_RATE_PER_S}")
    return [
        f"{_STEADY_SECONDS} s on a server of 20 ms",
        f"{_USERS} users: ours {_words(_seen(service_ms))}; {wrk}",
        f"{_RATE_PER_S}/s: ours {_words(_seen(response_ms))}; {wrk2}",
    ]


def _seen(latencies_ms: npt.NDArray[np.float64]) -> Seen:
    ranked = np.sort(latencies_ms)
    return Seen(nearest_rank(ranked, 0.5), nearest_rank(ranked, 0.99), len(ranked))


def _words(seen: Seen) -> str:
    return f"p50 {seen.p50_ms:.2f} ms, p99 {seen.p99_ms:.2f} ms, {seen.requests} requests"


def _pin(server: int) -> None:
    """The server on the last core, all else on the others."""
    if available_cores() > 1 and hasattr(psutil.Process, "cpu_affinity"):
        cores = psutil.Process().cpu_affinity()
        psutil.Process(server).cpu_affinity(cores[-1:])


def _target(url: str) -> Target:
    return Target(
        url=url, headers={}, auth=None, bodies=[_BODY], headlines_per_request=1, timeout_s=10
    )


def _closed(url: str, users: int, *, warmup_s: int = 0, seconds: int) -> Samples:
    load = Load(
        model="closed",
        concurrency=users,
        warmup_s=warmup_s,
        duration_s=seconds,
        max_in_flight=users,
    )
    return generate(
        load,
        _target(url),
        schedule=None,
        choices=np.zeros(1, np.int64),
        workers=1,
        stop=StopConditions(),
        on_progress=lambda _: None,
    ).samples


def _constant(url: str) -> Samples:
    due = arrivals.constant(_RATE_PER_S, _STEADY_SECONDS)
    load = Load(
        model="constant",
        rate_per_s=_RATE_PER_S,
        warmup_s=0,
        duration_s=_STEADY_SECONDS,
        max_in_flight=64,
    )
    return generate(
        load,
        _target(url),
        schedule=due,
        choices=np.zeros(len(due), np.int64),
        workers=1,
        stop=StopConditions(),
        on_progress=lambda _: None,
    ).samples


async def _httpx_per_s(url: str, users: int) -> float:
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def user(requests: int) -> None:
            for _ in range(requests):
                (await client.post(url, content=_BODY)).raise_for_status()

        await asyncio.gather(*(user(2) for _ in range(users)))
        started_s = time.perf_counter()
        each = max(1, _HTTPX_REQUESTS // users)
        await asyncio.gather(*(user(each) for _ in range(users)))
        return users * each / (time.perf_counter() - started_s)


def _theirs(tool: str, url: str, *load: str) -> str:
    if shutil.which(tool) is None:
        return f"{tool} is not installed"
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{_BODY.decode()}'\n")
        script.flush()
        done = subprocess.run(
            [tool, "-t1", *load, f"-d{_STEADY_SECONDS}s", "--latency", "-s", script.name, url],
            capture_output=True,
            text=True,
            check=True,
        )
    found = {p: float(value) * _MS[unit] for p, value, unit in _PERCENTILES.findall(done.stdout)}
    requests = re.search(r"(\d+) requests in", done.stdout)
    if requests is None or set(found) != {"50", "99"}:
        sys.stderr.write(done.stdout)
        raise RuntimeError(f"{tool} said something else")
    return f"{tool} {_words(Seen(found['50'], found['99'], int(requests[1])))}"
