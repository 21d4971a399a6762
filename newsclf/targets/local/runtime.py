"""AWS Lambda's Runtime API, on loopback, for processes that run the unmodified handler.

Each runtime is a process of AWS's own client, `awslambdaric`, with a port of its own, so that what
it asks for and answers is known to be its. It has one event at a time, as in AWS; more wait in one
queue. The API: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

FUNCTION_TIMEOUT_S = 29
_RESTART_PAUSE_S = 0.5
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


class Function:
    """N runtimes behind one queue."""

    def __init__(self, *, runtimes: int, environment: dict[str, str]) -> None:
        self._environment = environment
        self._runtimes = runtimes
        self._queue: asyncio.Queue[_Invocation] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the runtimes."""
        self._tasks = [asyncio.create_task(self._keep_alive(i)) for i in range(self._runtimes)]

    async def stop(self) -> None:
        """End them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        """Hand an event to a runtime that is free, and wait for its answer.

        Raises:
            TimeoutError: none came within FUNCTION_TIMEOUT_S.
            FunctionError: the function raised, or its process died.
        """
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Invocation(str(uuid.uuid4()), event, answer))
        async with asyncio.timeout(FUNCTION_TIMEOUT_S):
            return await answer

    async def _keep_alive(self, index: int) -> None:
        while True:
            await self._run(index)
            _log.error("runtime %d died; starting another", index)
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _run(self, index: int) -> None:
        current: dict[str, _Invocation] = {}
        # A runtime that dies while it waits for an event must not be given the next one.
        runner = web.AppRunner(
            self._app(current), access_log=None, handler_cancellation=True, shutdown_timeout=0
        )
        await runner.setup()
        process = None
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "awslambdaric", "lambda_src.handler.handle",
                env=_bare_environment() | self._environment
                | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
                   "AWS_LAMBDA_LOG_STREAM_NAME": f"local/{index}"},
            )  # fmt: skip
            await process.wait()
        finally:
            if process is not None and process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await runner.cleanup()
            for invocation in current.values():
                if not invocation.answer.done():
                    invocation.answer.set_exception(FunctionError("the runtime died"))

    def _app(self, current: dict[str, _Invocation]) -> web.Application:
        async def next_invocation(_: web.Request) -> web.Response:
            while (invocation := await self._queue.get()).answer.done():
                pass  # whoever asked has given up
            current[invocation.request_id] = invocation
            deadline_ms = int((time.time() + FUNCTION_TIMEOUT_S) * 1000)
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

        async def response(request: web.Request) -> web.Response:
            document = json.loads(await request.read())
            invocation = current.pop(request.match_info["id"], None)
            if invocation is not None and not invocation.answer.done():
                invocation.answer.set_result(document)
            return web.json_response({"status": "OK"}, status=202)

        async def error(request: web.Request) -> web.Response:
            document = json.loads(await request.read())
            _log.error("the function raised %s", document.get("errorType"))
            invocation = current.pop(request.match_info["id"], None)
            if invocation is not None and not invocation.answer.done():
                invocation.answer.set_exception(FunctionError(document.get("errorType")))
            return web.json_response({"status": "OK"}, status=202)

        async def init_error(request: web.Request) -> web.Response:
            document = json.loads(await request.read())
            _log.error("the handler cannot be loaded: %s", document.get("errorMessage"))
            return web.json_response({"status": "OK"}, status=202)

        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_get(f"{_PREFIX}/invocation/next", next_invocation)
        app.router.add_post(f"{_PREFIX}/invocation/{{id}}/response", response)
        app.router.add_post(f"{_PREFIX}/invocation/{{id}}/error", error)
        app.router.add_post(f"{_PREFIX}/init/error", init_error)
        return app


def _bare_environment() -> dict[str, str]:
    """This process's environment without anything of AWS: the function gets its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
