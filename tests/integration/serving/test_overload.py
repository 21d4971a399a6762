"""Three times as many requests as it can answer: it answers as many as ever, and refuses the rest.

The workers are bound by the clock and not by the processor, so the capacity is the same on any
machine; server, pool and HTTP are the real ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from newsclf.contract.labels import LABELS
from newsclf.loadtest.generator.controller import generate
from newsclf.loadtest.generator.messages import Progress, Target
from newsclf.loadtest.load import arrivals
from newsclf.loadtest.stop_conditions.condition import StopConditions
from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import Outcome, Samples
from tests.support.metronome import JOB_S, SCORES

pytestmark = pytest.mark.serial

ROOT = Path(__file__).parents[3]
WORKERS = 2
CAPACITY_PER_S = WORKERS / JOB_S
QUEUE = 50
DEADLINE_S = 20.0
BODY = b'{"inputs": ["Profit rose"]}'
JSON = {"content-type": "application/json"}
# 800 refusals that each left 8 kB behind would be 6 MB.
GROWTH_BYTES = 3 * 1024 * 1024
_SERVE = f"""
import sys
from pathlib import Path
from newsclf.serving.server import ServerOptions, serve
options = ServerOptions(
    model=Path(sys.argv[1]), port=0, workers={WORKERS}, queue_headlines={QUEUE},
    deadline_s={DEADLINE_S}, worker_module="tests.support.metronome",
)
serve(options, on_listening=lambda url: print(url, flush=True))
"""


@pytest.fixture
def server(trained: Path) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(trained / "model")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # workers do not look in the working directory
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


class Overload:
    """Offers a load from another process, and looks at the server meanwhile."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.most_waiting = 0.0
        self.refusals: list[httpx.Response] = []

    def offer(self, factor: float, seconds: float) -> Samples:
        """What became of so many times the requests that the server can answer."""
        rate_per_s = factor * CAPACITY_PER_S
        due = arrivals.constant(rate_per_s, seconds)
        return generate(
            Load(
                model="constant",
                rate_per_s=rate_per_s,
                warmup_s=0,
                duration_s=seconds,
                max_in_flight=512,
            ),
            Target(
                url=str(self._client.base_url.join("/invocations")),
                headers={},
                auth=None,
                bodies=[BODY],
                headlines_per_request=1,
                timeout_s=DEADLINE_S,
            ),
            schedule=due,
            choices=np.zeros(len(due), dtype=np.int64),
            workers=1,
            stop=StopConditions(),
            on_progress=self._look,
        ).samples

    def _look(self, _: Progress) -> None:
        text = self._client.get("/metrics").text
        line = next(x for x in text.splitlines() if x.startswith("newsclf_waiting_headlines "))
        self.most_waiting = max(self.most_waiting, float(line.split()[1]))
        answer = self._client.post("/invocations", content=BODY, headers=JSON)
        if answer.status_code != 200:
            self.refusals.append(answer)


def goodput_per_s(samples: Samples) -> float:
    good = samples[samples["outcome"] == Outcome.OK]
    return len(good) / (float(samples["ended_ns"].max()) / 1e9)


def test_goodput_stays_and_the_rest_is_refused_at_once(
    server: tuple[httpx.Client, psutil.Process],
) -> None:
    client, process = server
    rows = client.post("/invocations", content=BODY, headers=JSON).json()
    assert {row["label"]: row["score"] for row in rows[0]} == dict(zip(LABELS, SCORES, strict=True))

    peak = goodput_per_s(Overload(client).offer(1.2, 4))
    Overload(client).offer(3.0, 1)  # the connections and buffers of the overload are there
    before = process.memory_info().rss
    overload = Overload(client)
    samples = overload.offer(3.0, 4)

    refused = samples[samples["status"] == 503]
    good = samples[samples["outcome"] == Outcome.OK]
    assert len(samples) == round(3 * CAPACITY_PER_S * 4)
    assert len(refused) + len(good) == len(samples)  # none hangs: each has its answer
    assert len(refused) > len(samples) / 2
    assert goodput_per_s(samples) >= 0.9 * peak
    # At once: not because a deadline passed while it waited.
    assert (refused["ended_ns"] - refused["intended_ns"]).max() / 1e9 < DEADLINE_S / 4
    # Those that were seen from here; on a busy machine all may have found a place.
    assert {(r.status_code, r.headers["retry-after"]) for r in overload.refusals} <= {(503, "1")}
    assert QUEUE / 2 < overload.most_waiting <= QUEUE
    assert process.memory_info().rss < before + GROWTH_BYTES
    assert client.get("/ping").status_code == 200
