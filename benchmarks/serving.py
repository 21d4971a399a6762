"""Serving: the HTTP server against its own engine in a loop, on the same cores, measured by wrk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks import wrk
from benchmarks.headlines import Result, untrained_model
from newsclf.common.machine import available_cores
from newsclf.data.examples import LabelledData
from newsclf.loadtest.generator.controller import generate
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.load.payloads import make_bodies
from newsclf.loadtest.load.plan import choose_payloads, make_schedule
from newsclf.loadtest.stop_conditions.condition import StopConditions
from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import Outcome

_HEADLINES = 400
_CONNECTIONS = (1, 2, 4, 8, 32)
_SECONDS = 5
_OVERLOAD = 3
_LOOP = """
import json, sys, time
from pathlib import Path
from newsclf.serving.engines.onnx_runtime import Engine
engine, texts = Engine(Path(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text())
engine.classify(texts[:50])
started, done = time.perf_counter(), 0
while time.perf_counter() - started < float(sys.argv[3]):
    for text in texts[:50]:
        engine.classify([text])
    done += 50
print(done / (time.perf_counter() - started))
"""


def against_engine(data: LabelledData, scratch: Path) -> list[Result]:
    """Requests per second over HTTP, one headline each, against the engine without HTTP.

    The engine runs before and after the server, since machines drift; their mean counts.
    """
    if shutil.which("wrk") is None:
        sys.stderr.write("serving is left out: wrk is not installed (apt-get install wrk)\n")
        return []
    model = untrained_model(scratch / "served")
    texts = [example.text for example in data.examples][:_HEADLINES]
    (scratch / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    script = wrk.write_script(texts, scratch)
    before = _engine_per_s(model, scratch)
    with serving(model) as (url, _):
        rates = {count: wrk.requests_per_s(script, url, count, _SECONDS) for count in _CONNECTIONS}
    engine = (before + _engine_per_s(model, scratch)) / 2
    return [
        Result(
            f"serving, {count} connection{'s' * (count > 1)}, against the engine alone",
            rate,
            engine,
            wanted="≥ 0.85" if count == max(_CONNECTIONS) else "",
        )
        for count, rate in rates.items()
    ]


def overloaded(data: LabelledData, scratch: Path) -> list[Result]:
    """Good answers per second at three times what a server on a core of its own can give.

    The generator has the other core, or it would take from the server what it measures.
    """
    cores = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else []
    if len(cores) < 2:  # noqa: PLR2004 - one for each
        sys.stderr.write("overload is left out: it takes Linux and two cores\n")
        return []
    model = untrained_model(scratch / "overloaded")
    texts = [example.text for example in data.examples][:_HEADLINES]
    with serving(model, "--workers", "1") as (url, server):
        server.cpu_affinity(cores[:1])
        for worker in server.children(recursive=True):
            worker.cpu_affinity(cores[:1])
        peak = max(_good_per_s(url, texts, users=users) for users in (4, 8, 16))
        goodput = _good_per_s(url, texts, rate_per_s=_OVERLOAD * peak)
    return [
        Result(f"goodput at {_OVERLOAD} times the peak, against the peak", goodput, peak, "≥ 0.9")
    ]


@contextmanager
def serving(model: Path, *options: str) -> Iterator[tuple[str, psutil.Process]]:
    """A model's server once it is ready: its address and its process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "newsclf", "serve", str(model), "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None  # noqa: S101 - it is a pipe
        url = server.stderr.readline().partition(" on ")[2].partition(" ")[0]
        _wait_until_ready(url)
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def _engine_per_s(model: Path, scratch: Path) -> float:
    """Headlines per second of one single-threaded engine on each core, in processes."""
    loops = [
        subprocess.Popen(
            [sys.executable, "-c", _LOOP, str(model), str(scratch / "texts.json"), str(_SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(available_cores())
    ]
    return sum(float(loop.communicate()[0]) for loop in loops)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while httpx.get(f"{url}/ping").status_code != httpx.codes.OK:
        if time.monotonic() > deadline:
            raise TimeoutError(url)


def _good_per_s(
    url: str, texts: Sequence[str], *, users: int | None = None, rate_per_s: float | None = None
) -> float:
    """Requests answered with 200 per second, by users who wait or at a rate."""
    load = Load(
        model="constant" if users is None else "closed",
        concurrency=users,
        rate_per_s=rate_per_s,
        warmup_s=1,
        duration_s=_SECONDS,
        max_in_flight=users or 512,
    )
    due = make_schedule(load, 0)
    target = Target(
        url=f"{url}/invocations",
        headers={},
        auth=None,
        headlines_per_request=1,
        timeout_s=30,
        bodies=make_bodies(texts, "endpoint", 1),
    )
    samples = generate(
        load,
        target,
        schedule=due,
        choices=choose_payloads(due, len(texts), 0),
        workers=1,
        stop=StopConditions(),
        on_progress=lambda _: None,
    ).samples
    ended_s = samples["ended_ns"] / 1e9
    good = (samples["outcome"] == Outcome.OK) & (ended_s >= 1) & (ended_s < 1 + _SECONDS)
    return float(np.count_nonzero(good)) / _SECONDS
