"""Server of the review's page on a real port: who may call it, and what comes of decisions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from newsclf.label.review.journal import read_votes
from newsclf.label.review.page.server import serving_review
from newsclf.label.review.session import Session
from newsclf.serving.local_page import MAX_BODY_BYTES
from tests.support.review import items

Use = Callable[[aiohttp.ClientSession], Awaitable[None]]
FIRST = "Profit at Nimbus Air falls short as fuel costs bite"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "review"


def served(path: Path, use: Use, **options: Any) -> None:
    """Serve the page of a session, and use it with a client whose paths are relative to it."""

    async def run() -> None:
        with Session(items(), path, "ana", **options) as session:
            async with (
                serving_review(session) as address,
                aiohttp.ClientSession(address) as client,
            ):
                await use(client)

    asyncio.run(run())


async def state(client: aiohttp.ClientSession) -> dict[str, Any]:
    async with client.get("state") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def post(
    client: aiohttp.ClientSession, path: str, body: object, **headers: str
) -> tuple[int, dict[str, Any]]:
    async with client.post(path, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def test_decisions_go_to_the_journal_and_the_next_headline_comes(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        first = await state(client)
        assert first["item"]["text"] == FIRST
        assert first["item"]["opinions"] == []
        assert first["last"] is None
        status, second = await post(
            client, "decide", {"id": first["item"]["id"], "label": "negative"}
        )
        assert status == 200
        assert second["labelled"] == 1
        assert [each["by"] for each in second["last"]["opinions"]] == ["gpt-4.1-mini", "model"]
        _, third = await post(client, "decide", {"id": second["item"]["id"], "label": None})
        assert (third["labelled"], third["skipped"]) == (1, 1)
        _, back = await post(client, "undo", {})
        assert back["item"] == second["item"]

    served(path, use)
    assert [vote.label for vote in read_votes(path)[FIRST]] == ["negative"]


def test_with_show_others_are_there_first(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        assert len((await state(client))["item"]["opinions"]) == 2

    served(path, use, show=True)


def test_a_window_that_is_behind_decides_nothing(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        decision = {"id": (await state(client))["item"]["id"], "label": "negative"}
        assert (await post(client, "decide", decision))[0] == 200
        status, body = await post(client, "decide", decision)
        assert (status, body["error"]["code"]) == (409, "conflict")
        assert (await state(client))["labelled"] == 1

    served(path, use)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"id": "x"},
        {"id": 1, "label": None},
        {"id": "x", "label": "good"},
        {"id": "x", "label": ["negative"]},
        {"id": "x", "label": "negative", "more": 1},
    ],
)
def test_what_is_no_decision_is_refused(path: Path, body: object) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        status, answer = await post(client, "decide", body)
        assert (status, answer["error"]["code"]) == (400, "bad_request")
        assert (await post(client, "undo", [body]))[0] == 400

    served(path, use)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_other_pages_can_decide_and_read_nothing(
    path: Path, headers: dict[str, str], status: int
) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        name = (await state(client))["item"]["id"]
        data = json.dumps({"id": name, "label": "negative"})
        sent = {"Content-Type": "application/json"} | headers
        for where, body in (("decide", data), ("undo", "{}")):
            async with client.post(where, data=body, headers=sent) as answer:
                assert answer.status == status
        if status == 403:
            async with client.get("state", headers=headers) as answer:
                assert answer.status == 403
                assert "Nimbus" not in await answer.text()

    served(path, use)
    assert path.read_bytes() == b""


def test_the_page_has_a_strict_policy_and_everything_else_is_not_found(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        async with client.get("") as answer:
            policy = answer.headers["Content-Security-Policy"]
            html = await answer.text()
            assert "unsafe" not in policy
            assert "script-src 'sha256-" in policy
            assert answer.headers["Cache-Control"] == "no-store"
            assert "{{" not in html
            assert "Nimbus" not in html
        for method, where in (("GET", "page.js"), ("GET", "decide"), ("POST", "state")):
            async with client.request(method, where) as answer:
                assert answer.status == 404
        big = {"id": "x" * MAX_BODY_BYTES, "label": None}
        assert (await post(client, "decide", big))[0] == 413

    served(path, use)


def test_a_journal_that_is_gone_is_told_and_the_headline_stays(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        first = await state(client)
        await asyncio.to_thread(path.unlink)
        status, body = await post(
            client, "decide", {"id": first["item"]["id"], "label": "negative"}
        )
        assert (status, body["error"]["code"]) == (503, "unavailable")
        assert str(path) in body["error"]["message"]
        assert (await state(client))["item"] == first["item"]

    served(path, use)


def test_another_user_of_the_machine_finds_nothing(path: Path) -> None:
    async def use(client: aiohttp.ClientSession) -> None:
        decision = {"id": (await state(client))["item"]["id"], "label": "negative"}
        for where in ("/", "/state", "/x/", "/x/state", "/%2e%2e/state"):
            async with client.get(where) as answer:
                assert answer.status == 404
                assert "Nimbus" not in await answer.text()
        for where in ("/decide", "/undo", "/x/decide", "/x/undo"):
            assert (await post(client, where, decision))[0] == 404

    served(path, use)
    assert path.read_bytes() == b""
