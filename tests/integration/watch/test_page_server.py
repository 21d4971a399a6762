"""The page's server on a real port: headers, who may call it, limits, and the stream."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import aiohttp
import pytest

from newsclf.common.errors import ConfigError, ModelError
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.serving.local_page import MAX_BODY_BYTES
from newsclf.watch.page import hub as hubs
from newsclf.watch.page.hub import Hub
from newsclf.watch.page.server import MAX_CLASSIFYING, Explain, serving
from tests.support.watch_page import explain, headline, hub_with, morning

_T = TypeVar("_T")
Use = Callable[[aiohttp.ClientSession], Awaitable[_T]]
JSON = {"Content-Type": "application/json"}


def served(use: Use[_T], hub: Hub | None = None, classifier: Explain = explain) -> _T:
    """Serve the page, and use it with a client whose paths are relative to it."""

    async def run() -> _T:
        async with (
            serving(hub or hub_with(), classifier) as address,
            aiohttp.ClientSession(address) as client,
        ):
            return await use(client)

    return asyncio.run(run())


def answer(
    method: str, path: str, classifier: Explain = explain, **options: Any
) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and body of one request; `{port}` in headers becomes the server's."""

    async def use(client: aiohttp.ClientSession) -> tuple[int, Mapping[str, str], str]:
        base = str(client._base_url)  # noqa: SLF001 - has the port
        port = base.rstrip("/").rpartition(":")[2]
        headers = {
            name: value.replace("{port}", port)
            for name, value in options.pop("headers", {}).items()
        }
        async with client.request(method, path, headers=headers, **options) as got:
            return got.status, got.headers.copy(), await got.text()

    return served(use, classifier=classifier)


def code(body: str) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/nothing"), ("POST", "/")])
def test_every_answer_has_the_headers(method: str, path: str) -> None:
    _, headers, _ = answer(method, path)

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_the_page_is_one_document_whose_policy_allows_nothing_unknown() -> None:
    status, headers, html = answer("GET", "/")

    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'sha256-" in policy
    assert "{{" not in html
    assert html.count("<script") == html.count("</script>") == 1
    assert "Not investment advice" in html


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/index.html"),
        ("GET", "/classify"),
        ("POST", "/events"),
        ("PUT", "/"),
        ("OPTIONS", "/classify"),
        ("GET", "/assets/page.js"),
        ("GET", "/..%2f..%2fetc/passwd"),
    ],
)
def test_everything_else_is_not_found(method: str, path: str) -> None:
    status, headers, body = answer(method, path)

    assert (status, code(body)) == (404, "not_found")
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_loopback_names_with_the_port_are_served(host: str) -> None:
    assert answer("GET", "/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost",
        "127.0.0.1:1",
        "localhost.evil.example:{port}",
        "127.0.0.1:{port}.evil.example",
        "",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/events"), ("GET", "/x")])
def test_another_host_is_refused(host: str, method: str, path: str) -> None:
    status, _, body = answer(method, path, headers={"Host": host})

    assert (status, code(body)) == (403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/classify"), ("GET", "/events")])
def test_other_web_pages_are_refused(headers: dict[str, str], method: str, path: str) -> None:
    status, _, body = answer(method, path, headers=JSON | headers, data=b'{"headline": "x"}')

    assert (status, code(body)) == (403, "forbidden")


def test_a_headline_is_classified_and_explained() -> None:
    headers = {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}

    status, _, body = answer(
        "POST", "/classify", headers=headers, json={"headline": "Profit 😀 up"}
    )

    assert status == 200
    assert json.loads(body) == {
        "label": "positive",
        "probabilities": [0.1, 0.2, 0.7],
        "words": [
            {"start": 0, "end": 6, "weight": 0.4},
            {"start": 7, "end": 8, "weight": 0.0},
            {"start": 9, "end": 11, "weight": 0.0},
        ],
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"headline": 3}', 400),
        (b'{"headline": ["x"]}', 400),
        (b'{"headline": " "}', 400),
        (b'{"headline": "\\ud800"}', 400),
        (b'{"headline": "x", "more": 1}', 400),
        (b'{"headline": NaN}', 400),
        (b"\xff", 400),
        (json.dumps({"headline": "x" * 1001}).encode(), 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_a_bad_body_is_refused(body: bytes, status: int) -> None:
    assert answer("POST", "/classify", headers=JSON, data=body)[0] == status


def test_a_large_body_without_a_length_is_refused() -> None:
    async def use(client: aiohttp.ClientSession) -> int:
        async def chunks() -> Any:
            for _ in range(40):
                yield b" " * 1024

        async with client.post("/classify", headers=JSON, data=chunks()) as got:
            return got.status

    assert served(use) == 413


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(media: str) -> None:
    status, _, _ = answer(
        "POST", "/classify", headers={"Content-Type": media}, data=b'{"headline": "x"}'
    )

    assert status == 415


def test_a_classifier_that_fails_is_reported() -> None:
    async def failing(_: str) -> tuple[Prediction, list[WordWeight]]:
        raise ModelError("the deployment does not answer", hint="newsclf status")

    status, headers, body = answer("POST", "/classify", failing, json={"headline": "x"})

    assert status == 503
    assert headers["Retry-After"]
    assert json.loads(body)["error"]["message"] == "the deployment does not answer"


def test_headlines_beyond_a_few_at_a_time_are_refused() -> None:
    gate = asyncio.Event()

    async def slow(text: str) -> tuple[Prediction, list[WordWeight]]:
        await gate.wait()
        return await explain(text)

    async def use(client: aiohttp.ClientSession) -> list[int]:
        async def status() -> int:
            async with client.post("/classify", json={"headline": "x"}) as got:
                return got.status

        calls = [asyncio.create_task(status()) for _ in range(MAX_CLASSIFYING + 1)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        gate.set()
        return sorted(await asyncio.gather(*calls))

    assert served(use, classifier=slow) == [200] * MAX_CLASSIFYING + [503]


async def next_event(stream: aiohttp.StreamReader, name: str) -> dict[str, Any]:
    """Data of the next message of a name."""
    async with asyncio.timeout(20):
        while True:
            block = (await stream.readuntil(b"\n\n")).decode()
            if f"event: {name}\n" in block:
                data: dict[str, Any] = json.loads(block.split("data: ", 1)[1])
                return data


def test_the_stream_gives_the_state_then_changes_and_ends_with_the_server() -> None:
    hub = hub_with(morning())

    async def use() -> tuple[dict[str, Any], dict[str, Any], bytes]:
        async with aiohttp.ClientSession(read_bufsize=1 << 22) as client:
            async with serving(hub, explain) as address:
                got = await client.get(f"{address}events")
                assert got.headers["Content-Type"] == "text/event-stream; charset=utf-8"
                assert got.headers["Cache-Control"] == "no-store"
                state = await next_event(got.content, "state")
                hub.publish(headline(500))
                change = await next_event(got.content, "headline")
            return state, change, await got.content.read()

    state, change, rest = asyncio.run(use())

    assert len(state["headlines"]) == 77
    assert change["id"] == "item-500"
    assert rest == b""
    assert hub.pages == 0


def test_a_page_that_goes_away_is_forgotten() -> None:
    hub = hub_with()

    async def use(client: aiohttp.ClientSession) -> None:
        got = await client.get("/events")
        await next_event(got.content, "state")
        assert hub.pages == 1
        got.close()
        async with asyncio.timeout(20):
            while hub.pages:  # noqa: ASYNC110 - the server notices by itself
                await asyncio.sleep(0.01)

    served(use, hub)


def test_too_many_pages_are_refused() -> None:
    hub = hub_with()

    async def use(client: aiohttp.ClientSession) -> int:
        for _ in range(hubs.MAX_PAGES):
            hub.subscribe()
        async with client.get("/events") as got:
            return got.status

    assert served(use, hub) == 503


def test_a_port_in_use_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def use() -> None:
            async with serving(hub_with(), explain, port=port):
                pass

        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}: the port cannot be opened"):
            asyncio.run(use())
