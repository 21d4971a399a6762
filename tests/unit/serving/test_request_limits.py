"""Request limits: what a client owes a server."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self

import pytest
import uvloop
from aiohttp import web

from newsclf.contract.limits import MAX_BODY_BYTES
from newsclf.serving import refusal, request_limits

HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
GOOD = HEAD + b"Content-Length: 5\r\n\r\nhello"
BOUND = request_limits.MAX_HEAD_BYTES
SECRET = b"x-api-key: TOPSECRET"


class Service:
    """A server that answers with the length of a body, and what it holds."""

    def __init__(self, **limits: Any) -> None:
        self._options = {
            k: limits.pop(k) for k in ("head_within_s", "max_connections") if k in limits
        }
        self.bodies = request_limits.Bodies(**limits)
        self.cancelled = asyncio.Event()
        self.begun = asyncio.Event()
        app = web.Application()
        app.router.add_post("/", self._read)
        app.router.add_post("/hang", self._hang)
        self._runner = request_limits.make_runner(app, shutdown_timeout_s=0, **self._options)

    async def _read(self, request: web.Request) -> web.Response:
        try:
            async with self.bodies.reading(request) as body:
                return web.Response(text=str(10 // len(body)))
        except refusal.RefusedError as error:
            return refusal.error_response(error)

    async def _hang(self, _: web.Request) -> web.Response:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return web.Response()

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._runner.cleanup()

    async def holding(self, size: int) -> None:
        """Wait until so many bytes of bodies are held."""
        while self.bodies.held_bytes != size:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to it."""
        return await asyncio.open_connection(*self._runner.addresses[0][:2])

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to a request."""
        reader, writer = await self.connect()
        writer.write(request)
        try:
            return await read_answer(reader)
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(lines[0].split()[1]), headers, body


def run(use: Callable[[Service], Awaitable[None]], **limits: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(10), Service(**limits) as service:
            await use(service)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as both servers do
        runner.run(main())


def ask(request: bytes, **limits: Any) -> tuple[int, dict[str, str], str]:
    """Status, headers and the message of an error, which must be of the contract's form."""
    answers: list[tuple[int, dict[str, str], bytes]] = []

    async def use(service: Service) -> None:
        answers.append(await service.ask(request))

    run(use, **limits)
    status, headers, body = answers[0]
    if status < 400:
        return status, headers, body.decode()
    assert headers["content-type"].startswith("application/json")
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message"}
    return status, headers, error["message"]


def test_a_body_that_does_not_come_is_given_up() -> None:
    status, _, said = ask(HEAD + b"Content-Length: 9\r\n\r\nhalf", within_s=0.05)

    assert (status, said) == (408, "the body did not come within 0.05 s")


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes() -> None:
    status, _, said = ask(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))

    assert (status, said) == (413, f"the body is larger than {MAX_BODY_BYTES} bytes")


def test_a_body_in_chunks_is_too_large_when_it_is() -> None:
    chunk = b"%x\r\n" % (MAX_BODY_BYTES + 1) + b"x" * (MAX_BODY_BYTES + 1) + b"\r\n"

    assert ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)[0] == 413


def test_a_body_in_chunks_of_ordinary_sizes_is_taken() -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    body = chunk * (MAX_BODY_BYTES // 1024) + b"0\r\n\r\n"

    assert ask(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)[0] == 200


@pytest.mark.parametrize("framing", [b"1\r\nx\r\n" * BOUND, b"5;" + b"extension" * BOUND])
def test_what_is_around_chunks_is_bounded_and_the_connection_closed(
    framing: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + framing[: 2 * BOUND])
        status, _, body = await read_answer(reader)
        assert status == 400
        seen.append(json.loads(body)["error"]["message"])
        assert await reader.read() == b""
        writer.close()

    seen: list[str] = []
    with caplog.at_level(logging.INFO):
        run(use)

    assert seen == ["the body comes in too many chunks; send larger ones"]
    assert caplog.records == []


def test_bodies_are_bounded_in_sum_and_what_is_done_or_cut_off_no_longer_counts() -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        writer.write(HEAD + b"Content-Length: 80\r\n\r\n" + b"x" * 60)
        await service.holding(60)

        status, headers, body = await service.ask(HEAD + b"Content-Length: 41\r\n\r\n" + b"x" * 41)
        assert (status, headers["retry-after"]) == (503, "1")
        assert json.loads(body)["error"]["message"] == "too many large requests are being read"
        assert (await service.ask(GOOD))[0] == 200

        writer.write(b"x" * 20)
        assert (await read_answer(reader))[0] == 200
        writer.write(HEAD + b"Content-Length: 80\r\n\r\n" + b"x" * 60)
        await service.holding(60)
        writer.transport.abort()
        await service.holding(0)

    run(use, sum_bytes=100)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"identity"])
def test_a_transfer_coding_that_is_not_undone_is_refused_and_the_connection_closed(
    coding: bytes,
) -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        head = HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n"
        writer.write(head + b"5\r\nhello\r\n0\r\n\r\n" + GOOD)
        assert (await read_answer(reader))[0] == 400
        assert await reader.read() == b""  # the second request is not answered
        writer.close()

    run(use)


def test_a_head_must_be_whole_in_time_whatever_comes_of_it_meanwhile() -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        writer.write(HEAD + b"X-Slow: ")

        async def drip() -> None:
            while True:
                writer.write(b"a")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        with suppress(ConnectionResetError):  # if a byte arrives once it is closed
            assert await reader.read() == b""
        dripping.cancel()
        writer.close()

    run(use, head_within_s=0.2)


def test_a_connection_that_was_used_is_closed_when_no_next_head_comes() -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        writer.write(GOOD)
        assert (await read_answer(reader))[0] == 200
        writer.write(GOOD[:20])
        assert await reader.read() == b""
        writer.close()

    run(use, head_within_s=0.2)


def test_an_unfinished_head_is_bounded_and_many_requests_on_a_connection_are_not() -> None:
    async def use(service: Service) -> None:
        reader, writer = await service.connect()
        line = b"X-Long: " + b"a" * 8000 + b"\r\n"
        writer.write(HEAD + line * (request_limits.MAX_HEAD_BYTES // len(line) + 1))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1)
        writer.close()

        reader, writer = await service.connect()
        for _ in range(request_limits.MAX_HEAD_BYTES // len(GOOD) // 8):
            writer.write(GOOD * 8)
            for _ in range(8):
                assert (await read_answer(reader))[0] == 200
        writer.write(GOOD)
        assert (await read_answer(reader))[0] == 200
        writer.close()

    run(use)


def test_connections_are_bounded_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use(service: Service) -> None:
        held = [await service.connect() for _ in range(4)]
        for reader, writer in held:
            writer.write(GOOD)
            await read_answer(reader)
        for _ in range(3):
            reader, writer = await service.connect()
            status, headers, body = await read_answer(reader)
            assert (status, headers["retry-after"]) == (503, "1")
            assert json.loads(body)["error"]["message"] == "too many connections are open"
            writer.close()
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        while True:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                if (await service.ask(GOOD))[0] == 200:
                    break

    with caplog.at_level(logging.INFO):
        run(use, max_connections=4)

    assert len([r for r in caplog.records if "connections are open" in r.getMessage()]) == 1


def test_where_no_limit_is_set_as_many_files_are_asked_for_as_macos_grants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, unlimited))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))

    request_limits.make_runner(web.Application(), shutdown_timeout_s=1)

    assert asked == [(10_240, unlimited)]


def test_a_request_ends_with_its_client() -> None:
    async def use(service: Service) -> None:
        _, writer = await service.connect()
        writer.write(b"POST /hang HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n")
        await service.begun.wait()
        writer.close()
        await service.cancelled.wait()

    run(use)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"no HTTP\r\n" + SECRET + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\nHost: x\n" + SECRET + b"\n\n{TOPSECRET}", 400),
        (HEAD + SECRET + b"\r\nTransfer-Encoding: chunked\r\n\r\nTOPSECRET\r\n", 400),
        (HEAD + b"TOPSECRET\r\n\r\n", 400),
        (HEAD + b"X: " + b"TOPSECRET" * 1000 + b"\r\n\r\n", 400),
        (b"POST /TOPSECRET HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + SECRET + b"\r\n\r\n", 405),
        (HEAD + b"Expect: TOPSECRET\r\nContent-Length: 0\r\n\r\n", 417),
    ],
)
def test_what_no_handler_sees_is_refused_in_the_contract_s_form_and_not_quoted(
    request_: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answered, _, said = ask(request_)

    assert answered == status
    assert "SECRET" not in said
    assert caplog.records == []


def test_a_method_that_is_not_allowed_is_told_which_are() -> None:
    assert ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")[1]["allow"] == "post"


def test_the_log_holds_our_faults(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        status, _, said = ask(HEAD + b"Content-Length: 0\r\n\r\n")

    assert (status, said) == (500, "this server failed")
    assert "ZeroDivisionError" in caplog.text
