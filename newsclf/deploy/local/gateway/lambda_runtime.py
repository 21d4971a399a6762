"""AWS Lambda's Runtime API on loopback, for processes that run the unmodified handler.

Each runtime is a process of AWS's own client, `awslambdaric`, with a port of its own. The protocol
has no credential, and any user of the machine can connect to a port of loopback; so a connection is
only served if, according to the operating system, its other end belongs to the runtime's process. A
runtime handles one event at a time, as on AWS; others wait in one queue. The API:
docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
import uuid
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
from aiohttp import web

from newsclf.common.interpreter import module_command

FUNCTION_TIMEOUT_S = 29
_READY_S = 60
"""Time that a runtime has to ask for its first or its next event."""
_RESTART_PAUSE_S = 0.5
_MOST_RESTART_PAUSES = 64
"""The pause doubles with each runtime that never asks for an event, up to this multiple."""
_CONNECTION_READS = 3
"""The table of connections changes while it is read, so one read may miss a connection."""
_FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:newsclf"
_PREFIX = "/2018-06-01/runtime"
_log = logging.getLogger(__name__)


class FunctionError(Exception):
    """The function raised, or its process died."""


@dataclass(frozen=True, slots=True)
class _Invocation:
    request_id: str
    event: dict[str, Any]
    answer: asyncio.Future[dict[str, Any]]

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(eq=False, kw_only=True)
class Function:
    """A Lambda function: N runtimes behind one queue."""

    runtimes: int
    environment: dict[str, str]
    """Environment variables of the handler, added to this process's."""
    timeout_s: float = FUNCTION_TIMEOUT_S
    """Time for one event; a runtime that takes longer is replaced."""
    restart_pause_s: float = _RESTART_PAUSE_S
    """First pause before a runtime that has ended is replaced."""
    _queue: asyncio.Queue[_Invocation] = field(init=False, default_factory=asyncio.Queue)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)

    def start(self) -> None:
        """Start the runtimes."""
        self._tasks = [asyncio.create_task(self._keep_alive(i)) for i in range(self.runtimes)]

    async def stop(self) -> None:
        """Kill the runtimes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Pass an event to a free runtime, and wait for its answer.

        Raises:
            TimeoutError: the function did not answer in time.
            FunctionError: the function raised, or its process died.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        queued = dict(event)
        self._queue.put_nowait(_Invocation(str(uuid.uuid4()), queued, answer))
        try:
            async with asyncio.timeout(self.timeout_s):
                return await answer
        finally:
            queued.clear()  # an abandoned one stays in the queue until a runtime is free

    async def _keep_alive(self, index: int) -> None:
        pauses = 1
        while True:
            runtime = _Runtime(index, self._queue, self.environment, self.timeout_s)
            try:
                await runtime.run()
            except OSError as error:  # such as no descriptor or process left for the moment
                _log.error("runtime %d cannot be started: %s", index, error.strerror)
            if runtime.was_ready:
                pauses = 1
            pause_s = pauses * self.restart_pause_s
            _log.error("runtime %d has ended; starting another in %g s", index, pause_s)
            await asyncio.sleep(pause_s)
            pauses = min(2 * pauses, _MOST_RESTART_PAUSES)


@dataclass(eq=False)
class _Runtime:
    """One process of AWS's client, with a Runtime API that serves only this process."""

    _index: int
    _queue: asyncio.Queue[_Invocation]
    _environment: dict[str, str]
    _timeout_s: float
    _process: asyncio.subprocess.Process | None = None
    _current: _Invocation | None = None
    _timer: asyncio.TimerHandle | None = None
    _has_refused: bool = False
    was_ready: bool = False
    """Whether it has ever asked for an event."""

    async def run(self) -> None:
        """Run the process until it ends; an event that it has then fails."""
        # handler_cancellation: a runtime that dies waiting must not be given the next event.
        runner = web.AppRunner(
            self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0
        )
        await runner.setup()
        accepting = None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)
            try:
                process = self._process = await self._start(listener.getsockname()[1])
                accepting = asyncio.create_task(self._accept(listener, runner, process.pid))
                self._allow(_READY_S)
                await process.wait()
            finally:
                self._allow(None)
                if accepting is not None:
                    accepting.cancel()
                    await asyncio.gather(accepting, return_exceptions=True)
                self._kill()
                if self._process is not None:
                    await self._process.wait()
                await runner.cleanup()
                if self._current is not None:
                    self._current.fail(FunctionError("the runtime died"))

    async def _start(self, port: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *module_command("awslambdaric", "lambda_src.handler.handle"),
            env=_bare_environment()
            | self._environment
            | {
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{self._index}",
            },
        )

    def _allow(self, seconds: float | None) -> None:
        """Set the time that the process has for its next request; None: no limit."""
        if self._timer is not None:
            self._timer.cancel()
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._time_is_up)

    def _time_is_up(self) -> None:
        _log.error("runtime %d does not answer; it is killed, as AWS does", self._index)
        if self._current is not None:
            self._current.fail(TimeoutError())
        self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _accept(self, listener: socket.socket, runner: web.AppRunner, pid: int) -> None:
        """Serve the connections of the process, and close all others before reading from them."""
        loop, process = asyncio.get_running_loop(), psutil.Process(pid)
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:  # such as no descriptor left for the moment
                _log.error("runtime %d can't be reached: %s", self._index, error.strerror)
                await asyncio.sleep(_RESTART_PAUSE_S)
                continue
            with ExitStack() as until_served:
                until_served.enter_context(connection)
                if not await asyncio.to_thread(is_of, process, connection):
                    if not self._has_refused:  # once, so that strangers cannot fill the log
                        _log.warning("runtime %d: closed a foreign connection", self._index)
                    self._has_refused = True
                elif runner.server is not None:
                    until_served.pop_all()
                    await loop.connect_accepted_socket(runner.server, connection)

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_get(f"{_PREFIX}/invocation/next", self._next)
        app.router.add_post(f"{_PREFIX}/invocation/{{id}}/response", self._response)
        app.router.add_post(f"{_PREFIX}/invocation/{{id}}/error", self._error)
        app.router.add_post(f"{_PREFIX}/init/error", self._init_error)
        return app

    async def _next(self, _: web.Request) -> web.Response:
        self._allow(None)
        self.was_ready = True
        if self._current is not None:
            self._current.fail(FunctionError("the runtime did not answer it"))
        while (invocation := await self._queue.get()).answer.done():
            pass  # its client has given up
        self._current = invocation
        self._allow(self._timeout_s)
        deadline_ms = int((time.time() + self._timeout_s) * 1000)
        # One write: without the trace id the client's native code crashes, and with head and
        # body in two packets each call waits for a delayed acknowledgement.
        return web.Response(
            body=json.dumps(invocation.event).encode(),
            headers={
                "Content-Type": "application/json",  # with a charset it is not decoded
                "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
                "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": _FUNCTION_ARN,
                "Lambda-Runtime-Trace-Id": f"Root=1-0-{invocation.request_id[:8]}",
            },
        )

    async def _response(self, request: web.Request) -> web.Response:
        document = await request.json()
        invocation = self._take(request)
        if invocation is not None and not invocation.answer.done():
            invocation.answer.set_result(document)
        return web.json_response({"status": "OK"}, status=202)

    async def _error(self, request: web.Request) -> web.Response:
        error_type = (await request.json()).get("errorType")
        _log.error("the function raised %s", error_type)
        invocation = self._take(request)
        if invocation is not None:
            invocation.fail(FunctionError(error_type))
        return web.json_response({"status": "OK"}, status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        message = (await request.json()).get("errorMessage")
        _log.error("the handler cannot be loaded: %s", message)
        return web.json_response({"status": "OK"}, status=202)

    def _take(self, request: web.Request) -> _Invocation | None:
        """Take the event of a request from the runtime; None if it has another."""
        invocation = self._current
        if invocation is None or invocation.request_id != request.match_info["id"]:
            return None
        self._current = None
        self._allow(_READY_S)
        return invocation


def is_of(process: psutil.Process, connection: socket.socket) -> bool:
    """Whether the other end of a loopback connection is open in a process.

    False if that can't be found out. Only established connections count, so that a port which the
    process got after somebody else does not make an older connection its own.
    """
    try:
        here, there = connection.getsockname(), connection.getpeername()
        return any(
            each.laddr == there and each.raddr == here and each.status == psutil.CONN_ESTABLISHED
            for _ in range(_CONNECTION_READS)
            if process.is_running()
            for each in process.net_connections("tcp4")
        )
    except (OSError, psutil.Error):
        return False


def _bare_environment() -> dict[str, str]:
    """This process's environment without AWS variables and proxies.

    The requests of a runtime must not leave this machine.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    return kept | {"NO_PROXY": "*", "no_proxy": "*"}
