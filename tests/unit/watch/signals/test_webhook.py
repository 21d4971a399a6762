"""Tests of signed webhooks: what is sent, when again, and where to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from newsclf.common.errors import ConfigError
from newsclf.watch.record.rows import Delivery
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.webhook import (
    AddressForbiddenError,
    Answer,
    UnansweredError,
    Webhook,
    check_webhook_url,
)
from tests.support.watch_builders import alert

SECRET = b"correct horse"
URL = "https://hooks.example/T0/B0/very-secret-path"
NOW_S = 1_790_000_123.9


class Sent(NamedTuple):
    """A request that a webhook got."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """A webhook that answers with the given statuses in turn; the waits between are kept."""

    def __init__(self, *answers: int | Exception, headers: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.headers = headers or {}
        self.requests: list[Sent] = []
        self.waits_s: list[float] = []

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        self.requests.append(Sent(url, headers, body))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, self.headers)

    async def sleep(self, wait_s: float) -> None:
        """Keep how long the webhook would have waited."""
        self.waits_s.append(wait_s)

    def webhook(self) -> Webhook:
        """The channel that leads here."""
        return Webhook(
            name="desk",
            url=URL,
            secret=SECRET,
            post=self.post,
            now_s=lambda: NOW_S + len(self.requests),
            sleep=self.sleep,
            jitter=lambda: 0.5,
        )

    def deliver(self, sent: Alert) -> Delivery:
        """Deliver an alert here."""
        return asyncio.run(self.webhook().deliver(sent))


def test_a_receiver_can_check_who_sent_what_and_when() -> None:
    receiver = Receiver(204)
    sent = alert()

    assert receiver.deliver(sent) == Delivery(
        alert=sent.id, channel="desk", delivered=True, attempts=1
    )
    (request,) = receiver.requests
    timestamp = request.headers["Newsclf-Timestamp"]
    expected = hmac.new(SECRET, f"{timestamp}.".encode() + request.body, hashlib.sha256)
    assert timestamp == "1790000123"
    assert request.headers["Newsclf-Signature"] == f"v1={expected.hexdigest()}"
    assert request.headers["Idempotency-Key"] == sent.id
    assert Alert.model_validate_json(request.body) == sent


def test_it_tries_again_later_and_signs_anew_under_the_same_key() -> None:
    receiver = Receiver(503, UnansweredError("no answer within 10 s"), 200)

    found = receiver.deliver(alert())

    assert (found.delivered, found.attempts) == (True, 3)
    assert receiver.waits_s == [1.0, 2.0]
    assert len({request.headers["Idempotency-Key"] for request in receiver.requests}) == 1
    assert len({request.headers["Newsclf-Signature"] for request in receiver.requests}) == 3


@pytest.mark.parametrize(("asked", "wait_s"), [("7", 7.0), ("86400", 60.0), ("soon", 1.0)])
def test_it_waits_as_long_as_it_is_asked_to_within_reason(asked: str, wait_s: float) -> None:
    receiver = Receiver(429, 200, headers={"retry-after": asked})
    receiver.deliver(alert())

    assert receiver.waits_s == [wait_s]


def test_it_gives_up_after_five_attempts() -> None:
    found = Receiver(*[500] * 9).deliver(alert())

    assert (found.delivered, found.attempts, found.problem) == (False, 5, "it answered 500")


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410])
def test_redirects_and_refusals_are_final(status: int) -> None:
    receiver = Receiver(status, 200, headers={"location": "https://elsewhere.example/"})
    found = receiver.deliver(alert())

    assert (found.delivered, found.attempts) == (False, 1)
    assert len(receiver.requests) == 1
    assert found.problem == f"it answered {status}"


def test_a_forbidden_address_is_final() -> None:
    found = Receiver(AddressForbiddenError("the address 10.0.0.5 is private")).deliver(alert())

    assert (found.attempts, found.problem) == (1, "the address 10.0.0.5 is private")


def test_neither_secret_nor_address_is_in_what_is_recorded() -> None:
    receiver = Receiver(*[UnansweredError("the connection failed (ConnectError)")] * 5)
    found = receiver.deliver(alert())
    shown = f"{found} {receiver.webhook()}"

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
