"""All sources are asked, and none waits for another."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.polling import Polled, Poller, Quota, Timing
from newsclf.watch.feeds.schedule import DAY_S, Heard, Pace
from tests.support.virtual_time import VirtualTime

OK = Heard(outcome=Outcome.OK)
Ask = Callable[[VirtualTime, str], Awaitable[Heard]]


def poll(
    sources: Sequence[Polled],
    ask: Ask,
    *,
    until_s: float,
    take_s: float = 0.0,
    at_once: int = 2,
) -> tuple[dict[str, list[float]], Counter[str]]:
    """Times at which each source was asked, and how many of its answers were taken."""
    asked: dict[str, list[float]] = defaultdict(list)
    taken: Counter[str] = Counter()

    async def run() -> None:
        time = VirtualTime()

        async def noted(name: str) -> tuple[Heard, str]:
            asked[name].append(time.now_s)
            return await ask(time, name), name

        async def take(name: str, answer: str) -> None:
            assert name == answer
            await time.sleep(take_s)
            taken[name] += 1

        timing = Timing(clock=time.clock, sleep=time.sleep, chance=lambda: 0.0)
        poller = Poller(sources, noted, timing, at_once=at_once)
        task = asyncio.create_task(poller.run(take))
        await time.run(until_s)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return asked, taken


def source(name: str, host: str | None = None, quota: Quota | None = None) -> Polled:
    return Polled(name=name, host=host or name, pace=Pace(every_s=100), quota=quota)


async def answers(_: VirtualTime, _name: str) -> Heard:
    return OK


def test_each_source_is_asked_at_its_interval() -> None:
    asked, taken = poll([source("a"), source("b")], answers, until_s=350)

    assert asked == {"a": [0, 100, 200, 300], "b": [0, 100, 200, 300]}
    assert taken == {"a": 4, "b": 4}


def test_requests_to_a_host_keep_the_distance_that_its_robots_txt_asks_for() -> None:
    slow = Heard(outcome=Outcome.OK, crawl_delay_s=250)
    answers_ = iter([slow, OK, slow, slow])

    async def ask(_: VirtualTime, _name: str) -> Heard:
        return next(answers_)

    asked, _ = poll([source("a", "h"), source("b", "h")], ask, until_s=900)

    assert asked == {"a": [0, 500], "b": [250, 750]}


def test_a_restart_waits_for_what_is_left_of_the_interval() -> None:
    late = Polled(name="a", host="a", pace=Pace(every_s=100), first_in_s=40)

    assert poll([late], answers, until_s=150)[0] == {"a": [40, 140]}


def test_a_source_that_hangs_delays_no_other() -> None:
    async def ask(_: VirtualTime, name: str) -> Heard:
        if name == "hangs":
            await asyncio.Event().wait()
        return OK

    asked, _ = poll([source("hangs", "h"), source("a", "h"), source("b")], ask, until_s=350)

    assert [len(asked[n]) for n in ("hangs", "a", "b")] == [1, 4, 4]


def test_a_source_that_breaks_the_code_delays_no_other_and_tells_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ask(_: VirtualTime, name: str) -> Heard:
        if name == "breaks":
            raise RuntimeError("https://api.example/?key=s3cret")
        return OK

    with caplog.at_level(logging.DEBUG):
        asked, taken = poll([source("breaks"), source("a")], ask, until_s=350)

    assert taken == {"a": 4}
    assert len(asked["breaks"]) > 1
    assert "breaks: could not be read (RuntimeError)" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_source_that_floods_waits_until_its_answer_is_taken() -> None:
    fast = Polled(name="floods", host="f", pace=Pace(every_s=1, at_least_s=1))
    sources = [fast, *(source(n) for n in "abc")]

    asked, taken = poll(sources, answers, until_s=1000, take_s=10)

    assert all(asked[n][1] - asked[n][0] <= 150 for n in "abc")
    assert all(taken[n] >= 7 for n in "abc")
    assert all(len(asked[n]) - taken[n] in (0, 1) for n in asked)


def test_requests_to_one_host_are_few_and_apart() -> None:
    under_way = most = 0

    async def ask(time: VirtualTime, _: str) -> Heard:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await time.sleep(5)
        under_way -= 1
        return OK

    asked, _ = poll([source(str(n), "one") for n in range(20)], ask, until_s=400)

    starts = sorted(t for times in asked.values() for t in times)
    assert most == 2
    assert all(b - a >= 1 for a, b in itertools.pairwise(starts))
    assert len({len(times) for times in asked.values()}) <= 2  # each as often as the others


def test_a_host_that_asks_for_time_gets_it_from_all_its_sources() -> None:
    async def ask(time: VirtualTime, name: str) -> Heard:
        if name == "a" and time.now_s == 0:
            return Heard(outcome=Outcome.QUOTA, failures=1, retry_after_s=250)
        return OK

    asked, _ = poll([source("a", "h"), source("b", "h"), source("c")], ask, until_s=340, at_once=1)

    assert asked["a"][0] == 0
    assert sorted([asked["a"][1], asked["b"][0]]) == [250, 251]
    assert asked["c"] == [0, 100, 200, 300]


def test_a_quota_is_shared_by_its_sources() -> None:
    quota = Quota(name="vendor", per_day=10)
    sources = [source(n, quota=quota) for n in "ab"]

    asked, _ = poll(sources, answers, until_s=3 * DAY_S)

    starts = sorted(t for times in asked.values() for t in times)
    assert all(b - a >= DAY_S for a, b in zip(starts, starts[10:], strict=False))
    assert len(asked["a"]) == len(asked["b"]) >= 14


def test_requests_before_a_restart_count() -> None:
    quota = Quota(name="vendor", per_day=2, asked_at_s=(-3600, -1800))

    asked, _ = poll([source("a", quota=quota)], answers, until_s=DAY_S)

    assert asked["a"] == [DAY_S - 3600]


def test_an_error_of_the_taker_ends_the_run() -> None:
    async def run() -> None:
        time = VirtualTime()

        async def ask(name: str) -> tuple[Heard, str]:
            return OK, name

        async def take(_name: str, _answer: str) -> None:
            raise ZeroDivisionError

        timing = Timing(clock=time.clock, sleep=time.sleep, chance=lambda: 0.0)
        task = asyncio.create_task(Poller([source("a")], ask, timing).run(take))
        await time.run(10)
        await task

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run())

    assert caught.group_contains(ZeroDivisionError)
