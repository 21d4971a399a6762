"""Three times as many requests as it can answer: it answers as many as ever, and refuses the rest.

The workers are bound by the clock and not by the processor, so the capacity is the same on any
machine; server, pool and HTTP are the real ones.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.open_loop import Run, offer, post
from newsclf.core.contract import LABELS
from tests.metronome import JOB_S, SCORES

ROOT = Path(__file__).parents[2]
WORKERS = 2
CAPACITY_PER_S = WORKERS / JOB_S
QUEUE = 50
DEADLINE_S = 20.0
REQUEST = post("/invocations", b'{"inputs": "Profit rose"}')
# 800 refusals that each left 8 kB behind would be 6 MB.
GROWTH_BYTES = 3 * 1024 * 1024
_SERVE = f"""
import sys
from pathlib import Path
from newsclf.serving.server import ServerOptions, serve
options = ServerOptions(
    model=Path(sys.argv[1]), port=0, workers={WORKERS}, queue_headlines={QUEUE},
    deadline_s={DEADLINE_S}, worker_module="tests.metronome",
)
serve(options, on_listening=lambda url: print(url, flush=True))
"""


@pytest.fixture
def server(trained: Path) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(trained / "model")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        with httpx.Client(base_url=process.stdout.readline().strip(), timeout=30) as client:
            while client.get("/ping").status_code != 200:
                assert process.poll() is None
            yield client, psutil.Process(process.pid)
    finally:
        process.kill()
        process.communicate()


async def most_waiting(port: int, load: asyncio.Task[Run]) -> float:
    """The largest number of waiting headlines that /metrics shows while a load is on."""
    largest = 0.0
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        while not load.done():
            text = (await client.get("/metrics")).text
            line = next(x for x in text.splitlines() if x.startswith("newsclf_waiting_headlines "))
            largest = max(largest, float(line.split()[1]))
            await asyncio.sleep(0.05)
    return largest


def test_goodput_stays_and_the_rest_is_refused_at_once(
    server: tuple[httpx.Client, psutil.Process],
) -> None:
    client, process = server
    port = client.base_url.port
    assert port is not None
    rows = client.post("/invocations", json={"inputs": "Profit rose"}).json()
    assert {row["label"]: row["score"] for row in rows} == dict(zip(LABELS, SCORES, strict=True))

    async def load(factor: float, seconds: float) -> tuple[Run, float]:
        run = asyncio.create_task(
            offer(port, [REQUEST], rate_per_s=factor * CAPACITY_PER_S, seconds=seconds)
        )
        waiting = await most_waiting(port, run)
        return await run, waiting

    peak = asyncio.run(load(1.2, 4))[0].goodput_per_s
    asyncio.run(load(3.0, 1))  # the connections and buffers of the overload are there
    before = process.memory_info().rss
    run, waiting = asyncio.run(load(3.0, 4))

    refused = [answer for answer in run.answers if answer.status != 200]
    assert len(run.answers) == round(3 * CAPACITY_PER_S * 4)  # none hangs: each has its answer
    assert {(answer.status, answer.retry_after) for answer in refused} == {(503, True)}
    assert len(refused) > len(run.answers) / 2
    assert run.goodput_per_s >= 0.9 * peak
    # At once: not because a deadline passed while it waited.
    assert max(answer.latency_s for answer in refused) < DEADLINE_S / 4
    assert QUEUE / 2 < waiting <= QUEUE
    assert process.memory_info().rss < before + GROWTH_BYTES
    assert client.get("/ping").status_code == 200
