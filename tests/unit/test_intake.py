"""What a client owes a server: its body, in time."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from newsclf.core.contract import ContractError
from newsclf.serving import intake

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def answer_to(request: bytes) -> bytes:
    """The first line of what a server answers that only reads the body, or fails."""

    async def read(request: web.Request) -> web.Response:
        try:
            body = await intake.read_body(request)
        except ContractError:
            return web.Response(status=400)
        return web.Response(text=str(1 // len(body)))

    app = web.Application()
    app.router.add_post("/", read)
    runner = intake.make_runner(app, shutdown_timeout_s=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        writer.write(request)
        line = await reader.readline()
        writer.close()
    finally:
        await runner.cleanup()
    return line


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BODY_WITHIN_S", 0.05)

    line = asyncio.run(answer_to(HEAD + b"Content-Length: 9\r\n\r\nhalf"))

    assert line == b"HTTP/1.1 408 Request Timeout\r\n"


def test_the_log_holds_our_faults_and_not_the_clients_(caplog: pytest.LogCaptureFixture) -> None:
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    with caplog.at_level(logging.INFO):
        refused = [asyncio.run(answer_to(request)) for request in (chunked, b"no HTTP\r\n\r\n")]
        assert {line.split()[1] for line in refused} == {b"400"}
        assert caplog.records == []

        failed = asyncio.run(answer_to(HEAD + b"Content-Length: 0\r\n\r\n"))

    assert failed.split()[1] == b"500"
    assert "ZeroDivisionError" in caplog.text
