"""Tests of webhooks over connections on loopback."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from newsclf.watch.record.rows import Delivery
from newsclf.watch.signals.webhook import CheckedPost, Webhook, post_to
from tests.support.recorder import recorder
from tests.support.watch_builders import MORNING_S, alert


async def no_resolver(host: str, port: int) -> list[str]:
    raise OSError(host, port)


async def resolve_to_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def no_wait(_wait_s: float) -> None:
    return


def deliver(url: str, post: CheckedPost) -> Delivery:
    webhook = Webhook(
        name="desk",
        url=url,
        secret=b"correct horse",
        post=post,
        now_s=lambda: MORNING_S,
        sleep=no_wait,
        jitter=random.random,
    )
    return asyncio.run(webhook.deliver(alert()))


@pytest.mark.parametrize(("status", "attempts"), [(204, 1), (302, 1), (503, 5)])
def test_a_receiver_on_this_machine_gets_the_alert(status: int, attempts: int) -> None:
    with recorder(status=status, body=b"") as server:
        url = f"{server.url}/hook?token=t"
        found = deliver(url, post_to(url, no_resolver, allow_private=False))

    assert found.delivered == (status == 204)
    assert found.attempts == len(server.requests) == attempts
    assert server.requests[0].startswith("POST /hook?token=t HTTP/1.1\n")
    assert f"Host: 127.0.0.1:{server.port}" in server.requests[0]
    assert f"Idempotency-Key: {alert().id}" in server.requests[0]


def test_a_public_name_that_leads_to_this_machine_is_refused() -> None:
    with recorder() as server:
        url = f"https://hooks.example:{server.port}/hook"
        found = deliver(url, post_to(url, resolve_to_loopback, allow_private=False))

    assert server.requests == []
    assert (found.attempts, found.problem) == (1, "the address 127.0.0.1 is loopback")


def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hook"
        found = deliver(url, post_to(url, no_resolver, allow_private=False))

    assert (found.attempts, found.problem) == (5, "the connection failed (ConnectError)")
