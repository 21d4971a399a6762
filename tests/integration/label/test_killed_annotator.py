"""A labelling run that is killed at any moment goes on without paying twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from pathlib import Path

import pytest

from newsclf.contract.labels import LABELS
from tests.support.killed_annotator import LIMIT_USD, PRICE, label
from tests.support.llmserver import Deed, Llm, llm_server, now_and_then

ROOT = Path(__file__).parents[3]
TRUTH = {f"Headline number {i} of Acme": LABELS[i % 3] for i in range(40)}
CONCURRENCY = 4
FAULTS: dict[Deed, float] = {"outside": 0.1, "refuse": 0.05, "no usage": 0.05}
_RANDOM = random.Random(14)  # noqa: S311 - no secret
IN_WRITES = [
    (_RANDOM.randint(1, 81), _RANDOM.choice((0, 1, 40, 90, 300, 10_000))) for _ in range(8)
]
AT_REQUESTS = [1, 2, 17, 39]


async def killed(path: Path, llm: Llm, line: int, size_bytes: int, request: int) -> None:
    """Run until the process kills itself in a write, or is killed at a request."""
    arguments = [path, llm.url, json.dumps(list(TRUTH)), CONCURRENCY, line, size_bytes]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.killed_annotator",
        *(str(a) for a in arguments),
        cwd=ROOT,
    )
    usual = llm.script

    def kill(text: str, number: int) -> Deed:
        if len(llm.done) + 1 == request:
            os.kill(process.pid, signal.SIGKILL)
        return usual(text, number)

    llm.script = kill
    assert await process.wait() == -signal.SIGKILL
    llm.script = usual


@pytest.mark.parametrize(
    ("line", "size_bytes", "request_number"),
    [(*moment, 0) for moment in IN_WRITES] + [(0, 0, number) for number in AT_REQUESTS],
)
def test_a_killed_run_goes_on_without_paying_twice(
    tmp_path: Path, line: int, size_bytes: int, request_number: int
) -> None:
    llm, path = Llm(TRUTH, now_and_then(FAULTS), error_rate=0.2), tmp_path / "journal"

    async def main() -> None:
        async with llm_server(llm):
            await killed(path, llm, line, size_bytes, request_number)
            at_kill = len(llm.done)
            totals = await label(path, llm.url, list(TRUTH), CONCURRENCY)

        assert at_kill - CONCURRENCY <= totals.cached <= at_kill
        assert totals.cached + totals.answered == len(TRUTH)
        assert len(llm.done) <= len(TRUTH) + CONCURRENCY
        assert len({done.text for done in llm.done}) == len(TRUTH)
        billed = llm.billed_usd(*PRICE) + llm.billed_usd(*PRICE, secretly=True)
        assert billed <= totals.spent_usd <= LIMIT_USD
        last = {done.text: done.deed for done in llm.done}
        assert sum(totals.failed.values()) == sum(d in ("outside", "refuse") for d in last.values())

    asyncio.run(main())
