"""Tests of alerts on their way to a terminal and a command."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from newsclf.watch.record.rows import Delivery
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.delivery import (
    AnyAlert,
    Command,
    Outbox,
)
from tests.support.watch_builders import alert


def run(script: str, *arguments: str, limit_s: float = 20) -> Delivery:
    command = Command(
        name="script",
        arguments=[sys.executable, "-c", script, *arguments],
        environ={"PATH": "/usr/bin", "NEWS_API_KEY": "hidden"},
        limit_s=limit_s,
    )
    return asyncio.run(command.deliver(alert()))


def test_a_command_gets_the_alert_and_a_reduced_environment(tmp_path: Path) -> None:
    script = (
        "import json, os, sys; document = json.load(sys.stdin);"
        "json.dump([document, dict(os.environ), sys.argv[1:]], open(sys.argv[1], 'w'))"
    )
    odd = "$(touch x); `id`"
    found = run(script, str(tmp_path / "got"), odd)
    document, environ, arguments = json.loads((tmp_path / "got").read_text(encoding="utf-8"))

    assert found.delivered
    assert Alert.model_validate(document) == alert()
    assert environ["PATH"] == "/usr/bin"
    assert environ["NEWSCLF_ALERT_ID"] == alert().id
    assert "NEWS_API_KEY" not in environ
    assert arguments[1] == odd


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("import sys; print('first'); sys.exit('no \\x1b[2J mail')", "it ended with 1: no "),
        ("import os; os.kill(os.getpid(), 9)", "it ended with -9"),
        ("import sys; sys.stderr.write('x' * 10_000_000); sys.exit(3)", "it ended with 3: xxx"),
    ],
)
def test_a_command_that_fails(script: str, problem: str) -> None:
    found = run(script)

    assert not found.delivered
    assert found.problem is not None
    assert found.problem.startswith(problem)
    assert "\x1b" not in found.problem
    assert len(found.problem) < 400


def test_a_command_that_reads_nothing_has_succeeded_all_the_same() -> None:
    assert run("import os; os.close(0)").delivered


def test_a_command_has_a_time_limit() -> None:
    found = run("import threading; threading.Event().wait()", limit_s=0.05)

    assert found.problem == "it took longer than 0.05 s and was killed"


def test_a_command_goes_with_all_that_it_started(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = (
        "import os, sys, threading; os.fork();"
        "file = open(sys.argv[1], 'w'); print(os.getpid(), file=file, flush=True);"
        "threading.Event().wait()"
    )
    command = Command(
        name="script", arguments=[sys.executable, "-c", script, str(ready)], environ={}
    )

    async def cancel_when_both_run() -> None:
        delivery = asyncio.create_task(command.deliver(alert()))
        with await asyncio.to_thread(ready.open, encoding="utf-8") as pids:
            for _ in range(2):
                await asyncio.to_thread(pids.readline)
            delivery.cancel()
            await asyncio.wait([delivery])
            # The pipe ends when neither of them has it open any more.
            assert await asyncio.to_thread(pids.read) == ""

    asyncio.run(cancel_when_both_run())


def test_a_command_that_does_not_exist() -> None:
    command = Command(name="script", arguments=["/nowhere/notify"], environ={})
    found = asyncio.run(command.deliver(alert()))

    assert found.problem == "it could not be started (no such file or directory)"


class Scripted:
    """A channel whose deliveries are given by a function."""

    def __init__(self, name: str, deliver: Callable[[AnyAlert], object]) -> None:
        self.name = name
        self._deliver = deliver

    async def deliver(self, sent: AnyAlert) -> Delivery:
        """Deliver once the event that the function returns is set, if it is one."""
        answer = self._deliver(sent)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        return Delivery(alert=sent.id, channel=self.name, delivered=True, attempts=1)


def outbox_of(channels: Sequence[Scripted], count: int) -> list[Delivery]:
    recorded: list[Delivery] = []

    async def send() -> None:
        async with Outbox(channels, recorded.append) as outbox:
            for number in range(count):
                outbox.send(alert().model_copy(update={"id": f"{number}"}))
            await outbox.settle_of("quick")

    asyncio.run(send())
    return recorded


def test_a_command_is_a_channel(tmp_path: Path) -> None:
    recorded: list[Delivery] = []
    script = "import sys; open(sys.argv[1], 'w').close()"
    command = Command(
        name="script",
        arguments=[sys.executable, "-c", script, str(tmp_path / "ran")],
        environ={},
    )

    async def send() -> None:
        async with Outbox([command], recorded.append) as outbox:
            outbox.send(alert())
            await outbox.settle_of("script")

    asyncio.run(send())
    assert (tmp_path / "ran").exists()
    assert [found.delivered for found in recorded] == [True]


def test_a_channel_that_hangs_delays_no_other() -> None:
    hangs = asyncio.Event()
    recorded = outbox_of([Scripted("slow", lambda _: hangs), Scripted("quick", lambda _: None)], 3)

    assert [found.channel for found in recorded[:3]] == ["quick"] * 3
    assert all(found.delivered for found in recorded[:3])
    assert recorded[3:] == []  # so that the slow channel gets them when the watch goes on


def test_an_alert_is_sent_once_and_again_only_if_its_channel_was_lost_before() -> None:
    recorded: list[Delivery] = []
    answers = iter([False, True])
    quick = Scripted("quick", lambda _: None)

    async def send() -> None:
        async with Outbox([quick], recorded.append, may_send=lambda _: next(answers)) as outbox:
            for deliveries in (0, 1, 1):
                outbox.send(alert(), to="quick")
                await outbox.settle_of("quick")
                assert len(recorded) == deliveries

    asyncio.run(send())


def test_an_alert_that_breaks_its_channel_stops_none_behind_it() -> None:
    turns = iter([True, False, False])

    def deliver(_: AnyAlert) -> None:
        if next(turns):
            raise RuntimeError("a bug")

    recorded = outbox_of([Scripted("quick", deliver)], 3)

    assert [found.delivered for found in recorded] == [False, True, True]
    assert recorded[0].problem == "an unexpected RuntimeError"


def test_a_queue_has_an_end() -> None:
    hangs = asyncio.Event()
    recorded = outbox_of(
        [Scripted("slow", lambda _: hangs), Scripted("quick", lambda _: None)], 1000
    )
    assert len(recorded) == 1000

    recorded = outbox_of([Scripted("quick", lambda _: None)], 1001)
    assert [found.problem for found in recorded if not found.delivered] == [
        "1000 others are waiting"
    ]
