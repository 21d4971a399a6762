"""Lambda's Runtime API: it serves its own runtime alone, and replaces one that hangs."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from newsclf.deploy.local.gateway.lambda_runtime import Function, is_of
from tests.support.processes import running_children

EVENT = {
    "version": "2.0",
    "rawPath": "/health",
    "requestContext": {"http": {"method": "GET"}, "requestId": "1"},
}
ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "ENDPOINT_NAME": "news",
    "MODEL_DIGEST": "0",
}
WITHIN_S = 60
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n"


class Body(str):
    """A text that can be watched."""

    __slots__ = ("__weakref__",)


@asynccontextmanager
async def started(timeout_s: float) -> AsyncIterator[Function]:
    """One runtime that has answered."""
    function = Function(runtimes=1, environment=ENVIRONMENT, timeout_s=timeout_s)
    function.start()
    try:
        await answered(function)
        yield function
    finally:
        await function.stop()


async def answered(function: Function) -> None:
    """Wait until it answers: the start of a runtime may take longer than one event may."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with suppress(TimeoutError):
                assert (await function.invoke(EVENT))["statusCode"] == 200
                return


async def connection_of_the_runtime() -> Any:
    """Its one connection; a single look may miss it."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = runtime_of_this_process().net_connections("tcp4")
            if found:
                [connection] = found
                return connection
            await asyncio.sleep(0)


def runtime_of_this_process() -> psutil.Process:
    [found] = running_children(psutil.Process(), "awslambdaric")
    return found


async def said_to_a_stranger(port: int, request: bytes) -> bytes:
    """What comes back to this process, which is not the runtime's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_nobody_else_gets_an_event_or_answers_one() -> None:
    forged = b'{"statusCode": 200, "body": "forged"}'

    async def steal() -> None:
        async with started(timeout_s=30) as function:
            connection = await connection_of_the_runtime()
            port = connection.raddr.port
            answers = [
                await said_to_a_stranger(port, NEXT % b"127.0.0.1"),
                await said_to_a_stranger(port, NEXT % b"rebound.example"),
                await said_to_a_stranger(
                    port,
                    b"POST /2018-06-01/runtime/invocation/1/response HTTP/1.1\r\nHost: x\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(forged), forged),
                ),
            ]
            assert answers == [b""] * 3
            # A thief that waits for the next event does not get it, however many there are.
            thieves = [
                asyncio.create_task(said_to_a_stranger(port, NEXT % b"127.0.0.1"))
                for _ in range(10)
            ]
            for _ in range(5):
                assert "forged" not in (await function.invoke(EVENT))["body"]
            assert await asyncio.gather(*thieves) == [b""] * 10
            assert await connection_of_the_runtime() == connection  # kept alive

    asyncio.run(steal())


def test_a_runtime_that_hangs_is_killed_at_its_time_out_and_replaced() -> None:
    async def hang() -> None:
        async with started(timeout_s=2) as function:
            hung = runtime_of_this_process()
            hung.send_signal(signal.SIGSTOP)
            with pytest.raises(TimeoutError):
                await function.invoke(EVENT)
            await answered(function)
            assert runtime_of_this_process() != hung

    asyncio.run(hang())


def test_a_runtime_that_cannot_be_started_for_the_moment_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = asyncio.create_subprocess_exec
    refusals = iter([BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))])

    async def forked(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        for refusal in refusals:
            raise refusal
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", forked)

    async def recover() -> None:
        async with started(timeout_s=30) as function:
            assert (await function.invoke(EVENT))["statusCode"] == 200

    asyncio.run(recover())


def test_an_event_that_nobody_waits_for_is_not_kept() -> None:
    async def abandon() -> None:
        async with started(timeout_s=30) as function:
            runtime_of_this_process().suspend()
            bodies = [Body("x") for _ in range(3)]
            kept = [weakref.ref(body) for body in bodies]
            tasks = [asyncio.create_task(function.invoke(EVENT | {"body": b})) for b in bodies]
            await asyncio.sleep(0)
            while tasks:
                tasks[-1].cancel()
                await asyncio.wait([tasks.pop()])
            bodies.clear()
            async with asyncio.timeout(WITHIN_S):
                while any(ref() for ref in kept[1:]):  # the runtime was given the first
                    gc.collect()
                    await asyncio.sleep(0.005)

    asyncio.run(abandon())


def test_runtimes_that_cannot_start_are_replaced_after_ever_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "awslambdaric.py").write_text("raise SystemExit(1)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def fail() -> None:
        function = Function(runtimes=1, environment=ENVIRONMENT, restart_pause_s=0.001)
        function.start()
        async with asyncio.timeout(WITHIN_S):
            while len(caplog.records) < 4:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.005)
        await function.stop()

    asyncio.run(fail())

    assert [record.getMessage() for record in caplog.records[:4]] == [
        f"runtime 0 has ended; starting another in {pause_s} s"
        for pause_s in (0.001, 0.002, 0.004, 0.008)
    ]


def test_the_proxy_of_the_user_is_not_that_of_the_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def ask() -> None:
        async with started(timeout_s=30):
            found = runtime_of_this_process().environ()
            proxies = {k: v for k, v in found.items() if k.lower().endswith("_proxy")}
            assert proxies == {"NO_PROXY": "*", "no_proxy": "*"}

    asyncio.run(ask())


def test_a_connection_is_known_to_be_a_process_s_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            assert is_of(psutil.Process(), accepted)
            assert not is_of(psutil.Process(os.getppid()), accepted)
            client.close()
            assert not is_of(psutil.Process(), accepted)
