"""Tests of alerts on their way to a terminal, a webhook and a command."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from newsclf.common.errors import ConfigError
from newsclf.watch.signals.aggregate import Evidence, EvidenceItem, utc
from newsclf.watch.signals.alerts import Alert, alerts_at
from newsclf.watch.signals.delivery import (
    Command,
    Delivery,
    Outbox,
    Webhook,
    alert_line,
    check_webhook_url,
    read_secret,
)
from newsclf.watch.signals.settings import AlertSettings
from tests.support.watch_builders import MORNING_S, signal

SECRET = b"correct horse"
URL = "https://hooks.example/T0/B0/very-secret-path"
NOW_S = 1_790_000_123.9


def alert(title: str = "Korvath Bank warns", entity: str | None = "Apple") -> Alert:
    item = EvidenceItem(
        item=7,
        version=1,
        version_id=701,
        event=7,
        sources=("wire",),
        title=title,
        url=None,
        first_seen=utc(MORNING_S),
        score=-0.9,
        weight=1.0,
        model=None,
    )
    _, (found,) = alerts_at(
        {}, [signal(-0.6, entity=entity)], AlertSettings(), lambda _: Evidence((item,), 0)
    )
    return found


class Receiver:
    """A webhook that answers with the given statuses in turn; the waits between are kept."""

    def __init__(self, *answers: int | Exception, headers: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.headers = headers or {}
        self.requests: list[httpx.Request] = []
        self.waits_s: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, headers=self.headers)

    async def sleep(self, wait_s: float) -> None:
        """Keep how long the webhook would have waited."""
        self.waits_s.append(wait_s)

    def deliver(self, sent: Alert) -> Delivery:
        """Deliver an alert here."""

        async def deliver() -> Delivery:
            async with httpx.AsyncClient(
                transport=httpx.MockTransport(self.answer), follow_redirects=True
            ) as client:
                return await self.webhook(client).deliver(sent)

        return asyncio.run(deliver())

    def webhook(self, client: httpx.AsyncClient) -> Webhook:
        """The channel that leads here."""
        return Webhook(
            name="desk",
            url=URL,
            secret=SECRET,
            client=client,
            now_s=lambda: NOW_S + len(self.requests),
            sleep=self.sleep,
            jitter=lambda: 0.5,
        )


def test_a_receiver_can_check_who_sent_what_and_when() -> None:
    receiver = Receiver(204)
    sent = alert()

    assert receiver.deliver(sent) == Delivery(
        alert=sent.id, channel="desk", delivered=True, attempts=1
    )
    (request,) = receiver.requests
    timestamp = request.headers["Newsclf-Timestamp"]
    expected = hmac.new(SECRET, f"{timestamp}.".encode() + request.content, hashlib.sha256)
    assert timestamp == "1790000123"
    assert request.headers["Newsclf-Signature"] == f"v1={expected.hexdigest()}"
    assert request.headers["Idempotency-Key"] == sent.id
    assert Alert.model_validate_json(request.content) == sent


def test_it_tries_again_later_and_signs_anew_under_the_same_key() -> None:
    receiver = Receiver(503, httpx.ConnectError("no"), 200)

    found = receiver.deliver(alert())

    assert (found.delivered, found.attempts) == (True, 3)
    assert receiver.waits_s == [1.0, 2.0]
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1
    assert len({request.headers["Newsclf-Signature"] for request in receiver.requests}) == 3


@pytest.mark.parametrize(("asked", "wait_s"), [("7", 7.0), ("86400", 60.0), ("soon", 1.0)])
def test_it_waits_as_long_as_it_is_asked_to_within_reason(asked: str, wait_s: float) -> None:
    receiver = Receiver(429, 200, headers={"Retry-After": asked})
    receiver.deliver(alert())

    assert receiver.waits_s == [wait_s]


def test_it_gives_up_after_five_attempts() -> None:
    found = Receiver(*[500] * 9).deliver(alert())

    assert (found.delivered, found.attempts, found.problem) == (False, 5, "it answered 500")


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
def test_redirects_and_refusals_are_final(status: int) -> None:
    receiver = Receiver(status, 200, headers={"Location": "https://elsewhere.example/"})
    found = receiver.deliver(alert())

    assert (found.delivered, found.attempts) == (False, 1)
    assert len(receiver.requests) == 1
    assert found.problem == f"it answered {status}"


def test_neither_secret_nor_address_is_in_what_is_recorded() -> None:
    receiver = Receiver(*[httpx.ConnectError(f"failed to connect to {URL}")] * 5)
    found = receiver.deliver(alert())
    client = httpx.AsyncClient(transport=httpx.MockTransport(receiver.answer))
    shown = found.model_dump_json() + repr(receiver.webhook(client))

    assert "very-secret-path" not in shown
    assert SECRET.decode() not in shown
    assert found.problem == "the connection failed (ConnectError)"


@pytest.mark.parametrize(
    ("url", "allow_private"),
    [
        ("https://hooks.example/x", False),
        ("http://127.0.0.1:8080/x", False),
        ("http://[::1]/x", False),
        ("http://localhost/x", False),
        ("http://10.0.0.5/x", True),
    ],
)
def test_addresses_that_alerts_may_be_sent_to(url: str, *, allow_private: bool) -> None:
    check_webhook_url(url, allow_private=allow_private)


@pytest.mark.parametrize(
    "url", ["http://hooks.example/x", "ftp://hooks.example/", "hooks.example", "http://[", ""]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="webhook"):
        check_webhook_url(url, allow_private=False)


def test_the_secret_is_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("correct horse\n", encoding="utf-8")

    assert read_secret({"HOOK": "correct horse"}, variable="HOOK") == SECRET
    assert read_secret({}, file=file) == SECRET
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="the environment variable HOOK is empty"):
        read_secret({}, variable="HOOK")
    with pytest.raises(ConfigError, match="needs a secret"):
        read_secret({})
    with pytest.raises(ConfigError, match="is empty"):
        read_secret({}, file=file)
    with pytest.raises(ConfigError, match="no such file"):
        read_secret({}, file=tmp_path / "missing")


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

    def __init__(self, name: str, deliver: Callable[[Alert], object]) -> None:
        self.name = name
        self._deliver = deliver

    async def deliver(self, sent: Alert) -> Delivery:
        """Deliver once the event that the function returns is set, if it is one."""
        answer = self._deliver(sent)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        return Delivery(alert=sent.id, channel=self.name, delivered=True, attempts=1)


def outbox_of(channels: Sequence[Scripted], count: int) -> list[Delivery]:
    recorded: list[Delivery] = []

    async def send() -> None:
        async with Outbox(channels, recorded.append) as outbox:
            for _ in range(count):
                outbox.send(alert())
            await outbox.settle_of("quick")

    asyncio.run(send())
    return recorded


def test_a_channel_that_hangs_delays_no_other() -> None:
    hangs = asyncio.Event()
    recorded = outbox_of([Scripted("slow", lambda _: hangs), Scripted("quick", lambda _: None)], 3)

    assert [found.channel for found in recorded[:3]] == ["quick"] * 3
    assert all(found.delivered for found in recorded[:3])
    assert [found.problem for found in recorded[3:]] == [
        "the watch ended while it was sent",
        *["the watch ended before its turn"] * 2,
    ]


def test_an_alert_that_breaks_its_channel_stops_none_behind_it() -> None:
    turns = iter([True, False, False])

    def deliver(_: Alert) -> None:
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
    assert len(recorded) == 2000

    recorded = outbox_of([Scripted("quick", lambda _: None)], 1001)
    assert [found.problem for found in recorded if not found.delivered] == [
        "1000 others are waiting"
    ]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            alert(),
            "negative alert raised on Apple, -0.60 (5 events, 2 sources): Korvath Bank warns",
        ),
        (
            alert("\x1b[2J\ngone", entity=None),
            r"negative alert raised on all headlines, -0.60 (5 events, 2 sources): \x1b[2J\ngone",
        ),
    ],
)
def test_a_line_for_the_terminal(sent: Alert, expected: str) -> None:
    assert alert_line(sent) == f"2026-09-21 14:13:20 UTC {expected}"
