"""Serving: the HTTP server against its own engine in a loop, on the same cores, measured by wrk."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

from benchmarks.headlines import Result, untrained_model
from newsclf.core.examples import LabelledData
from newsclf.core.machine import available_cores

_HEADLINES = 400
_CONNECTIONS = (1, 2, 4, 8, 32)
_SECONDS = 5
_OVERLOAD = 3
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
_WRK = """
local bodies = {}
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
local i = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  i = i + 1
  return wrk.format(nil, nil, nil, bodies[(i % #bodies) + 1])
end
"""


def against_engine(data: LabelledData, scratch: Path) -> list[Result]:
    """Requests per second over HTTP, one headline each, against the engine without HTTP.

    The engine runs before and after the server, since machines drift; their mean counts.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        sys.stderr.write("serving is left out: wrk is not installed (apt-get install wrk)\n")
        return []
    model = untrained_model(scratch / "served")
    texts = [example.text for example in data.examples][:_HEADLINES]
    (scratch / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    bodies = "".join(json.dumps({"inputs": text}) + "\n" for text in texts)
    (scratch / "bodies.txt").write_text(bodies, encoding="utf-8")
    script = scratch / "post.lua"
    script.write_text(_WRK.replace("BODIES", str(scratch / "bodies.txt")), encoding="utf-8")

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
        rates = {count: _wrk_per_s(wrk, script, url, count) for count in _CONNECTIONS}
        peak = max(rates.values())
        goodput = _goodput_per_s(url, scratch / "bodies.txt", offered_per_s=_OVERLOAD * peak)
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
    ] + [Result(f"goodput at {_OVERLOAD} times the peak, against the peak", goodput, peak, "≥ 0.9")]


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


def _goodput_per_s(url: str, bodies: Path, *, offered_per_s: float) -> float:
    """Requests answered per second when more are offered than can be, from another process."""
    with bodies.open("rb") as lines:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.open_loop", url.rpartition(":")[2],
             str(offered_per_s), str(_SECONDS)],
            stdin=lines, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
    return float(json.loads(done.stdout)["goodput_per_s"])


def _wrk_per_s(wrk: str, script: Path, url: str, connections: int) -> float:
    done = subprocess.run(
        [wrk, "-t1", f"-c{connections}", f"-d{_SECONDS}s", "-s", str(script), f"{url}/invocations"],
        capture_output=True,
        text=True,
        check=True,
    )
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None  # noqa: S101 - wrk always prints it
    return float(found[1])
