"""Serving: the HTTP server against its own engine in a loop, on the same cores, measured by wrk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

from benchmarks import wrk
from benchmarks.headlines import Result, untrained_model
from newsclf.core.examples import LabelledData
from newsclf.core.machine import available_cores

_HEADLINES = 400
_CONNECTIONS = (1, 2, 4, 8, 32)
_SECONDS = 5
_LOOP = """
import json, sys, time
from pathlib import Path
from newsclf.serving.engine import Engine
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
    server = subprocess.Popen(
        [sys.executable, "-m", "newsclf", "serve", str(model), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None  # noqa: S101 - it is a pipe
        url = server.stderr.readline().partition(" on ")[2].partition(" ")[0]
        _wait_until_ready(url)
        rates = {count: wrk.requests_per_s(script, url, count, _SECONDS) for count in _CONNECTIONS}
    finally:
        server.terminate()
        server.wait()
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
