"""Workers that hang, die, fail or refuse: who is told what, and what is put in their place."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop
from aiohttp.test_utils import TestClient, TestServer

from newsclf.contract.answers import Prediction
from newsclf.serving.pool import Pool, PoolOptions
from newsclf.serving.refusal import RefusedError
from newsclf.serving.server import make_app
from tests.support.moody import SCORES

ROOT = Path(__file__).parents[3]
ANSWER = Prediction(tuple(SCORES))
WITHIN_S = 20


@pytest.fixture(autouse=True)
def _modules_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


class Text(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


def run(folder: Path, use: Callable[[Pool], Awaitable[None]], **options: Any) -> None:
    """Use a pool of moody workers."""
    defaults: dict[str, Any] = {
        "queue_headlines": 10,
        "deadline_s": 0.3,
        "worker_module": "tests.support.moody",
        "restart_pause_s": 0.001,
    }

    async def main() -> None:
        pool = Pool(folder, {}, PoolOptions(**(defaults | options)))
        pool.start()
        try:
            async with asyncio.timeout(WITHIN_S):
                await use(pool)
        finally:
            await pool.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the server does
        runner.run(main())


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)


async def ready(pool: Pool) -> None:
    await until(lambda: all(pool.workers_ready))


async def refusal(pool: Pool, *texts: str) -> tuple[str, str]:
    """Code and message of the error that a request gets."""
    with pytest.raises(RefusedError) as caught:
        await pool.classify(texts)
    return caught.value.code, caught.value.message


def test_a_worker_that_hangs_is_replaced_and_is_not_ready_meanwhile(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        assert await refusal(pool, "hang") == ("timeout", "the request was not answered in time")
        await until(lambda: not any(pool.workers_ready))
        assert await refusal(pool, "good") == ("not_ready", "no worker is ready")
        await ready(pool)
        assert pool.problems == []
        assert await pool.classify(["good"]) == [ANSWER]

    run(tmp_path, use)

    assert "worker 0 is replaced: it did not answer in time and was killed" in caplog.text


def test_a_job_that_waits_behind_one_that_dies_is_not_lost(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        first = asyncio.create_task(pool.classify(["die"]))
        behind = [asyncio.create_task(pool.classify(["good"])) for _ in range(3)]
        with pytest.raises(RefusedError, match="the worker with this request died"):
            await first
        assert await asyncio.gather(*behind) == [[ANSWER]] * 3

    run(tmp_path, use, deadline_s=WITHIN_S)


@pytest.mark.parametrize("good", ["good", "now"])
@pytest.mark.parametrize("place", range(5))
def test_only_the_request_that_kills_a_worker_is_lost_of_those_sent_together(
    tmp_path: Path, place: int, good: str
) -> None:
    texts = [good] * 5
    texts[place] = "die"

    async def use(pool: Pool) -> None:
        await ready(pool)
        answers = await asyncio.gather(
            *(pool.classify([text]) for text in texts), return_exceptions=True
        )
        fatal = answers.pop(place)
        assert isinstance(fatal, RefusedError)
        assert fatal.code == "worker_lost"
        assert answers == [[ANSWER]] * 4

    run(tmp_path, use, deadline_s=WITHIN_S)

    assert (tmp_path / "starts").read_text(encoding="utf-8").count("started") <= 2


def test_a_request_that_is_answered_does_not_wait_for_those_sent_with_it(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        first, behind = (asyncio.create_task(pool.classify([text])) for text in ("now", "hang"))
        assert await first == [ANSWER]
        assert not behind.done()
        behind.cancel()

    run(tmp_path, use, deadline_s=WITHIN_S)

    assert (tmp_path / "messages").read_text(encoding="utf-8").split() == ["2"]


def test_requests_sent_with_one_that_kills_a_worker_go_to_another_worker(tmp_path: Path) -> None:
    texts = ("good", "good", "die", "good", "good", "good")

    async def use(pool: Pool) -> None:
        await ready(pool)
        answers = await asyncio.gather(
            *(pool.classify([text]) for text in texts), return_exceptions=True
        )
        assert [answer for answer in answers if answer != [ANSWER]] == [answers[2]]

    # No worker is replaced in time.
    run(tmp_path, use, workers=2, restart_pause_s=1000, deadline_s=WITHIN_S / 2)


def test_of_requests_sent_together_only_the_one_that_the_model_fails_on_is_refused(
    tmp_path: Path,
) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        answers = await asyncio.gather(
            *(pool.classify([text]) for text in ("good", "fail", "good")), return_exceptions=True
        )
        assert isinstance(answers[1], RefusedError)
        assert answers[1].code == "model_failed"
        assert [answers[0], answers[2]] == [[ANSWER]] * 2

    run(tmp_path, use)


@pytest.mark.parametrize(
    ("requests", "messages"),
    [
        ([1] * 9, [4, 4, 1]),
        ([20, 1], [1, 1, 1]),  # 16, 4 and 1 headlines
        ([2, 1, 1, 1, 1], [3, 2]),
        ([1, 16], [1, 1]),  # a short one does not wait for a long one
        ([1, 1, 1, 40], [3, 1, 1, 1]),
    ],
)
def test_requests_that_wait_are_sent_together_up_to_a_few_headlines(
    tmp_path: Path, requests: list[int], messages: list[int]
) -> None:
    assert messages_of(tmp_path, requests, workers=1) == messages


def test_no_worker_is_sent_more_than_its_share_of_what_waits(tmp_path: Path) -> None:
    assert max(messages_of(tmp_path, [1] * 4, workers=2)) == 2


def messages_of(folder: Path, requests: list[int], *, workers: int) -> list[int]:
    """Jobs in each message that workers get for requests of so many headlines, sent at once."""

    async def use(pool: Pool) -> None:
        await ready(pool)
        answers = await asyncio.gather(*(pool.classify(["good"] * size) for size in requests))
        assert answers == [[ANSWER] * size for size in requests]

    run(folder, use, queue_headlines=100, workers=workers, deadline_s=WITHIN_S)
    return [int(jobs) for jobs in (folder / "messages").read_text(encoding="utf-8").split()]


def test_a_request_that_the_model_fails_on_costs_no_worker_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        for _ in range(3):
            assert await refusal(pool, "fail") == (
                "model_failed",
                "the model failed on this request",
            )
        assert await pool.classify(["good"]) == [ANSWER]

    run(tmp_path, use)

    assert [r.getMessage() for r in caplog.records] == ["a request failed: no memory"]
    assert (tmp_path / "starts").read_text(encoding="utf-8").count("started") == 1


def test_headlines_that_nobody_waits_for_are_not_kept(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        hung = asyncio.create_task(pool.classify(["hang"]))
        await until(lambda: pool.waiting_headlines == 1)
        texts = [Text("good") for _ in range(3)]
        kept = [weakref.ref(text) for text in texts]
        tasks = [asyncio.create_task(pool.classify([text])) for text in texts]
        await until(lambda: pool.waiting_headlines == 4)
        while tasks:
            tasks[-1].cancel()
            await asyncio.wait([tasks.pop()])
        texts.clear()
        await until(lambda: gc.collect() >= 0 and not any(ref() for ref in kept))
        assert not hung.done()
        hung.cancel()

    run(tmp_path, use, deadline_s=WITHIN_S)


def test_ctrl_c_in_a_terminal_does_not_reach_the_workers(tmp_path: Path) -> None:
    before = set(psutil.Process().children())

    async def use(pool: Pool) -> None:
        await ready(pool)
        workers = set(psutil.Process().children()) - before
        assert len(workers) == 2
        assert os.getpgid(0) not in {os.getpgid(worker.pid) for worker in workers}

    run(tmp_path, use, workers=2)


def test_more_than_the_queue_holds_is_told_so(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        waiting = asyncio.create_task(pool.classify(["hang"] * 10))
        await until(lambda: pool.waiting_headlines == 10)
        assert await refusal(pool, "good") == ("overloaded", "too many requests are waiting")
        with pytest.raises(RefusedError, match="not answered in time"):
            await waiting

    run(tmp_path, use)


def test_a_model_that_was_changed_is_not_served_and_the_reason_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = tmp_path / "refusal"

    async def use(pool: Pool) -> None:
        await ready(pool)
        refused.write_text("another model", encoding="utf-8")
        await refusal(pool, "die")
        starts = tmp_path / "starts"
        await until(lambda: starts.read_text(encoding="utf-8").count("started") >= 4)
        assert pool.problems == ["another model"]
        assert await refusal(pool, "good") == ("not_ready", "no worker is ready")
        async with TestClient(TestServer(make_app(pool, "digest", None))) as client:
            ping = await client.get("/ping")
            assert ping.status == 503
            assert await ping.json() == {
                "workers_ready": 0,
                "workers": 1,
                "model": "digest",
                "problems": ["another model"],
            }
        refused.unlink()
        await ready(pool)
        assert pool.problems == []

    run(tmp_path, use)

    assert [r.getMessage() for r in caplog.records] == [
        "worker 0 is replaced: it ended",
        "worker 0 is replaced: another model",
        "worker 0 is ready again",
    ]


def test_the_pause_before_a_restart_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    really = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        if delay_s >= 1000:
            pauses.append(delay_s)
            delay_s = 0
        await really(delay_s)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    async def use(pool: Pool) -> None:
        await ready(pool)
        (tmp_path / "refusal").write_text("gone", encoding="utf-8")
        await refusal(pool, "die")
        await until(lambda: len(pauses) >= 4)

    run(tmp_path, use, restart_pause_s=1000)

    assert pauses[:4] == [1000, 2000, 4000, 8000]


def test_a_pool_that_never_was_ready_fails_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "refusal").write_text("no model", encoding="utf-8")

    async def use(pool: Pool) -> None:
        await pool.failed.wait()
        assert pool.problems == ["no model"]

    with caplog.at_level(logging.INFO):
        run(tmp_path, use)


# --- the server in front of it


def ask(folder: Path, body: object, *, count: str = "", **headers: str) -> tuple[int, str]:
    """Status and message that the server answers a request with; `count` must be in /metrics."""
    answers: list[tuple[int, str]] = []

    async def use(pool: Pool) -> None:
        await ready(pool)
        async with TestClient(TestServer(make_app(pool, "digest", frozenset()))) as client:
            given = {"Content-Type": "application/json"} | {
                name.replace("_", "-"): value for name, value in headers.items()
            }
            sent = {name: value for name, value in given.items() if value}
            answer = await client.post(
                "/invocations",
                data=json.dumps(body).encode(),
                headers=sent,
                skip_auto_headers=["Content-Type"],
            )
            document = await answer.json()
            message = document["error"]["message"] if answer.status != 200 else ""
            answers.append((answer.status, message))
            assert count in await (await client.get("/metrics")).text()

    run(folder, use)
    return answers[0]


@pytest.mark.parametrize(
    ("first", "status", "said"),
    [
        ("good", 200, ""),
        ("fail", 500, "the model failed on this request"),
        ("hang", 503, "the request was not answered in time"),
        ("die", 503, "the worker with this request died"),
    ],
)
def test_each_fault_has_its_status_and_words(
    tmp_path: Path, first: str, status: int, said: str
) -> None:
    counted = f'newsclf_requests_total{{status="{status}"}} 1.0'

    assert ask(tmp_path, {"inputs": first}, count=counted) == (status, said)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": ""}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/octet-stream"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_what_a_web_page_may_send_unasked_is_refused(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    assert ask(tmp_path, {"inputs": "good"}, **headers)[0] == status


def test_a_request_whose_client_goes_away_is_counted_and_no_longer_waits(tmp_path: Path) -> None:
    async def use(pool: Pool) -> None:
        await ready(pool)
        server = TestServer(make_app(pool, "digest", None))
        async with TestClient(server) as client:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            body = json.dumps({"inputs": "hang"}).encode()
            writer.write(
                b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await until(lambda: pool.waiting_headlines == 1)
            writer.close()
            await until(lambda: pool.waiting_headlines == 0)
            text = await (await client.get("/metrics")).text()
            assert 'newsclf_requests_total{status="499"} 1.0' in text

    run(tmp_path, use, deadline_s=WITHIN_S)
