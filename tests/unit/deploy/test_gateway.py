"""The gateway before a function that is not there: who may ask, and what its log says."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from newsclf.deploy.local.gateway.app import main, make_app
from newsclf.deploy.local.gateway.lambda_runtime import Function, FunctionError
from newsclf.deploy.local.gateway.settings import GatewaySettings
from newsclf.deploy.sigv4 import Credentials
from newsclf.serving.request_limits import make_runner

SIGNER = Credentials("AKIDEXAMPLE", "secret")
JSON = {"Content-Type": "application/json"}
ORIGIN = "https://a.example"
EXPIRED = (
    b"X-Amz-Date: 20200101T000000Z\r\n"
    b"Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20200101/us-east-1/execute-api/"
    b"aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n"
)


class Answering(Function):
    """Answers every event."""

    def __init__(self) -> None:
        super().__init__(runtimes=0, environment={})

    async def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Say that all is well."""
        return {"statusCode": 200, "headers": {}, "body": json.dumps(event["rawPath"])}


@asynccontextmanager
async def gateway(
    *,
    key_digest: str | None = None,
    signer: Credentials | None = None,
    cors_origins: Collection[str] = (),
) -> AsyncIterator[int]:
    """Run a gateway; its port."""
    settings = GatewaySettings(
        key_digest=key_digest,
        signer=signer,
        cors_origins=tuple(cors_origins),
        runtimes=0,
        rate_per_s=1e6,
        burst=1_000_000,
    )
    app = make_app(Answering(), settings)
    runner = make_runner(app, shutdown_timeout_s=0)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        from aiohttp.web import SockSite

        await SockSite(runner, listener).start()
        try:
            yield listener.getsockname()[1]
        finally:
            await runner.cleanup()


def ask(
    method: str = "POST",
    headers: dict[str, str] | None = None,
    *,
    cors_origins: Collection[str] = (),
    path: str = "/classify",
) -> httpx.Response:
    """What an open gateway answers."""

    async def run() -> httpx.Response:
        async with gateway(cors_origins=cors_origins) as port, httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{port}{path}"
            return await client.request(method, url, headers=headers, content=b"{}")

    return asyncio.run(run())


def said(raw: bytes, **options: Any) -> bytes:
    """What comes back for bytes after which the client waits."""

    async def run() -> bytes:
        async with gateway(**options) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(raw)
                async with asyncio.timeout(10):
                    head = await reader.readuntil(b"\r\n\r\n")
                    [length] = re.findall(rb"Content-Length: (\d+)", head)
                    return head + await reader.readexactly(int(length))
            finally:
                writer.close()
                await writer.wait_closed()

    return asyncio.run(run())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": ORIGIN},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_may_not_use_an_open_api(headers: dict[str, str]) -> None:
    for method in ("POST", "GET", "OPTIONS"):
        answer = ask(method, JSON | headers)

        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert "access-control-allow-origin" not in answer.headers
        assert answer.json()["request_id"] == answer.headers["apigw-requestid"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/json, text/plain", None],
)
def test_what_a_page_may_send_unasked_is_refused_by_an_open_api(content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert ask(headers=headers).status_code == 415
    assert ask(headers=JSON).status_code == 200
    assert ask("GET").status_code == 200


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "LocalHost"])
def test_names_of_loopback_are_the_gateway_s(host: str) -> None:
    assert ask(headers=JSON | {"Host": host}).status_code == 200


@pytest.mark.parametrize("origins", [[ORIGIN], ["https://b.example", ORIGIN], ["*"]])
def test_pages_of_the_origins_that_were_named_may_use_it(origins: list[str]) -> None:
    page = {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}
    preflight = ask(
        "OPTIONS", page | {"Access-Control-Request-Method": "POST"}, cors_origins=origins
    )
    answer = ask(headers=page | JSON, cors_origins=origins)

    assert (preflight.status_code, answer.status_code) == (204, 200)
    assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"]
    allowed = "*" if origins == ["*"] else ORIGIN
    for each in (preflight, answer):
        assert each.headers["Access-Control-Allow-Origin"] == allowed
    refused = ask(headers=page | JSON | {"Content-Type": "text/plain"}, cors_origins=origins)
    assert refused.headers["Access-Control-Allow-Origin"] == allowed  # the page may read why
    if allowed != "*":
        other = {"Origin": "https://c.example"} | JSON
        assert ask(headers=other, cors_origins=origins).status_code == 403
    rebound = page | JSON | {"Host": "evil.example"}
    assert ask(headers=rebound, cors_origins=origins).status_code == 403


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", b"missing_credentials"),
        (b"Authorization: Bearer x\r\n", b"malformed_credentials"),
        (EXPIRED, b"expired_signature"),
    ],
)
def test_without_a_signature_a_body_is_not_waited_for(head: bytes, code: bytes) -> None:
    begun = b"POST /classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 6000000\r\n" + head

    answer = said(begun + b"\r\n", signer=SIGNER)

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert code in answer


def test_a_request_that_is_no_http_is_not_quoted_in_the_answer() -> None:
    secret = b"POST /classify HTTP/1.1\nHost: 127.0.0.1\nx-api-key: TOP-SECRET\n\n{}"

    answer = said(secret, key_digest="0")

    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"application/json" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_request"
    assert b"TOP-SECRET" not in answer


def test_the_log_has_a_line_for_each_request_and_no_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "newsclf.deploy.local.gateway.app")

    ask(headers=JSON, path="/classify?key=SECRET")
    ask(path="/a%0Ab/" + "c" * 1000)

    first, second = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"POST /classify 200 \d+\.\d ms", first)
    assert re.fullmatch(r"POST /a%0Ab/c{,200} 415 \d+\.\d ms", second)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError(), "no answer within 29 s"),
        (FunctionError("the runtime died"), "the runtime died"),
    ],
)
def test_a_function_that_does_not_work_is_told_without_a_traceback(
    error: Exception,
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Function):
        async def invoke(self, _: dict[str, Any]) -> dict[str, Any]:
            raise error

    settings = GatewaySettings(runtimes=0, rate_per_s=1, burst=1).write(tmp_path)
    monkeypatch.setattr("newsclf.deploy.local.gateway.app.Function", Failing)
    monkeypatch.setattr(logging.Formatter, "converter", time.localtime)  # put back at the end
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr("sys.argv", ["gateway", str(listener.detach()), str(settings)])
        with pytest.raises(SystemExit) as ended:
            main()

    assert ended.value.code == 1
    assert caplog.messages == [f"giving up: the function does not work ({why})"]
    assert caplog.records[0].exc_info is None
