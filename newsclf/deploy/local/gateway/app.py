"""Local API Gateway: turns HTTP requests into events (payload format 2.0) for Lambda runtimes.

It implements these features of an HTTP API: the event, request ids, CORS, throttling by a token
bucket, the limits of 6 MB (Lambda's) and 30 s, IAM authentication (SigV4), and an API key, which
needs an authorizer on AWS. At / it shows a page to try headlines on. Its log has a line for each
request:

    2026-01-31T23:59:59.123Z POST /classify 200 3.4 ms
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import os
import shutil
import signal
import socket
import sys
import time
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvloop
from aiohttp import web

from newsclf.common.files import PRIVATE, replacing
from newsclf.common.state_dir import OLD_GATEWAY_LOG
from newsclf.deploy.credentials import key_digest
from newsclf.deploy.local.credentials import API_SCOPE
from newsclf.deploy.local.gateway.lambda_runtime import FUNCTION_TIMEOUT_S, Function, FunctionError
from newsclf.deploy.local.gateway.settings import GatewaySettings
from newsclf.deploy.sigv4 import SignatureError, check_head, verify
from newsclf.serving.foreign_pages import check_host, check_same_site, media_type
from newsclf.serving.playground.document import playground
from newsclf.serving.refusal import RefusedError, error_response
from newsclf.serving.request_limits import Bodies, make_runner

_HEALTH_EVENT = {
    "version": "2.0",
    "rawPath": "/health",
    "requestContext": {"http": {"method": "GET"}, "requestId": "start"},
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET,POST,OPTIONS",
    "Access-Control-Allow-Headers": (
        "authorization,content-type,x-amz-date,x-amz-security-token,x-api-key"
    ),
    "Access-Control-Max-Age": "600",
}
_CLIENT_WENT_AWAY = 499
"""Status in the log, as in nginx's."""
_LOGGED_PATH_CHARACTERS = 200
_log = logging.getLogger(__name__)
_DRAIN_S = 25.0
"""Time for requests under way at the end; less than `process.stop` allows."""
_LOOK_AT_LOG_S, _MOST_LOG_BYTES = 30.0, 20_000_000
_CREDENTIAL_HEADERS = ("authorization", "x-api-key", "x-amz-security-token")


class TokenBucket:
    """Token bucket that admits `burst` requests at once and `rate_per_s` in the long run."""

    def __init__(self, rate_per_s: float, burst: int, *, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._then_s = now_s

    def take(self, now_s: float) -> bool:
        """Take a token; False if the bucket is empty."""
        grown = self._tokens + (now_s - self._then_s) * self._rate_per_s
        self._tokens = min(self._burst, grown)
        self._then_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def make_app(function: Function, settings: GatewaySettings) -> web.Application:
    """Make the gateway's application; with neither a key nor a signer it admits every client.

    Requests of web pages are refused unless their origin is one of `cors_origins`. Without a key or
    a signer, bodies other than JSON are refused too: a page may send them without a preflight.
    """
    gateway = _Gateway(function, settings)
    app = web.Application()
    app.router.add_route("*", r"/{path:[\s\S]*}", gateway.handle)  # line breaks too
    return app


class _Gateway:
    def __init__(self, function: Function, settings: GatewaySettings) -> None:
        self._function = function
        self._settings = settings
        self._bucket = TokenBucket(settings.rate_per_s, settings.burst, now_s=time.monotonic())
        self._bodies = Bodies()
        self._page = None if settings.subject is None else playground(settings.subject)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request, and log it."""
        started_s, status = time.perf_counter(), _CLIENT_WENT_AWAY
        try:
            response = await self._answer(request)
            status = response.status
        except Exception:
            status = 500
            raise
        finally:
            took_ms = 1000 * (time.perf_counter() - started_s)
            _log.info("%s %s %d %.1f ms", request.method, _shown_path(request), status, took_ms)
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        request_id = str(uuid.uuid4())
        cors = _cors(request, self._settings.cors_origins)
        try:
            check_host(request, frozenset())
            if self._page is not None and request.path == "/" and request.method == "GET":
                # Other sites may link to it, and it needs no key: it asks its reader for that.
                return self._page.response()
            if not cors:
                check_same_site(request)
            if cors and request.method == "OPTIONS":
                response = web.Response(status=204, headers=_PREFLIGHT)
            else:
                response = await self._invoke(request, request_id)
        except RefusedError as error:
            response = error_response(error, request_id=request_id)
        except SignatureError as error:
            refused = RefusedError(403, error.code, error.message)
            response = error_response(refused, request_id=request_id)
        response.headers.update(cors | {"apigw-requestid": request_id})
        return response

    async def _invoke(self, request: web.Request, request_id: str) -> web.Response:
        self._admit(request)
        async with self._bodies.reading(request) as body:
            if self._settings.signer is not None:  # the body is signed too
                verify(
                    request.method,
                    request.raw_path,
                    request.headers.items(),
                    body,
                    self._settings.signer,
                    scope=API_SCOPE,
                    time_s=time.time(),
                )
                self._take_token()
            event = make_event(request, body, request_id)
            try:
                return _as_response(await self._function.invoke(event))
            except TimeoutError:
                raise RefusedError(504, "timeout", "the function did not answer in time") from None
            except FunctionError:
                raise RefusedError(502, "function_failed", "the function failed") from None

    def _admit(self, request: web.Request) -> None:
        """Check the head of a request before its body is read."""
        if self._settings.key_digest is not None:
            digest = key_digest(request.headers.get("x-api-key", ""))
            if not hmac.compare_digest(digest, self._settings.key_digest):
                raise RefusedError(401, "unauthorized", "a valid x-api-key is needed")
        elif self._settings.signer is not None:
            items = request.headers.items()
            check_head(items, self._settings.signer, scope=API_SCOPE, time_s=time.time())
            return  # a token is taken once the signature has been verified
        elif request.method == "POST" and media_type(request) != "application/json":
            raise RefusedError(415, "unsupported_media_type", "send application/json")
        self._take_token()

    def _take_token(self) -> None:
        if not self._bucket.take(time.monotonic()):
            raise RefusedError(429, "throttled", "too many requests; try again later")


def _cors(request: web.Request, origins: Collection[str]) -> dict[str, str]:
    """Headers that let the web page of a request read the answer; empty if it may not."""
    origin = request.headers.get("Origin")
    if origin is None or not origins:
        return {}
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*"}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin in origins else {}


def _shown_path(request: web.Request) -> str:
    """The path in printable ASCII, without its query, which may hold secrets."""
    path = request.raw_path.partition("?")[0][:_LOGGED_PATH_CHARACTERS]
    return quote(path, safe="/%:@!$&'()*+,;=~", errors="replace")


def make_event(request: web.Request, body: bytes, request_id: str) -> dict[str, Any]:
    """Make an event of payload format 2.0.

    Source: docs.aws.amazon.com/apigateway/latest/developerguide/
    http-api-develop-integrations-lambda.html.
    """
    try:
        text, is_base64 = body.decode("utf-8"), False
    except UnicodeDecodeError:
        text, is_base64 = base64.b64encode(body).decode("ascii"), True
    headers = {
        name.lower(): value
        for name, value in request.headers.items()
        if name.lower() not in _CREDENTIAL_HEADERS  # keeps them out of the function's logs
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query_string,
        "headers": headers,
        "requestContext": {
            "apiId": "local",
            "domainName": request.host,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.remote or "",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "body": text,
        "isBase64Encoded": is_base64,
    }


def _as_response(result: Mapping[str, Any]) -> web.Response:
    body = str(result.get("body", ""))
    return web.Response(
        status=int(result.get("statusCode", 502)),
        body=base64.b64decode(body) if result.get("isBase64Encoded") else body.encode(),
        headers=result.get("headers"),
    )


def main() -> None:
    """Run the gateway; `sys.argv` holds a listening socket's descriptor and the settings file."""
    descriptor, settings = sys.argv[1:]
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s.%(msecs)03dZ %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            listener = socket.socket(fileno=int(descriptor))
            listener.set_inheritable(inheritable=False)  # or runtimes would hold its port open
            runner.run(_serve(listener, GatewaySettings.read(Path(settings))))
        except (TimeoutError, FunctionError) as error:
            why = str(error) or f"no answer within {FUNCTION_TIMEOUT_S} s"
            _log.error("giving up: the function does not work (%s)", why)
            sys.exit(1)


async def _serve(listener: socket.socket, settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    function = Function(runtimes=settings.runtimes, environment=settings.environment)
    runner = make_runner(make_app(function, settings), shutdown_timeout_s=_DRAIN_S)
    await runner.setup()
    function.start()
    rotation = asyncio.create_task(_rotate_when_long(settings.log)) if settings.log else None
    try:
        # The port opens once the handler has answered; this invocation takes no token.
        await function.invoke(_HEALTH_EVENT)
        await web.SockSite(runner, listener).start()
        _log.info("listening on port %s", listener.getsockname()[1])
        await stop.wait()
    finally:
        if rotation is not None:
            rotation.cancel()
        await runner.cleanup()
        await function.stop()


async def _rotate_when_long(log: Path) -> None:
    """Rotate the log whenever it has become long, so that it cannot fill the disk."""
    while True:
        await asyncio.sleep(_LOOK_AT_LOG_S)
        try:
            await asyncio.to_thread(rotate, log, at_most_bytes=_MOST_LOG_BYTES)
        except OSError as error:
            _log.error("the log cannot be shortened: %s", error.strerror)


def rotate(log: Path, *, at_most_bytes: int) -> None:
    """Move the contents of a log to `gateway.log.1`, replacing that file, if it is too long.

    The log itself is emptied in place: the gateway and its runtimes have it open, and append.

    Raises:
        OSError: A file cannot be read or written.
    """
    if log.stat().st_size <= at_most_bytes:
        return
    with log.open("rb") as full, replacing(log.with_name(OLD_GATEWAY_LOG), mode=PRIVATE) as old:
        shutil.copyfileobj(full, old)
    os.truncate(log, 0)


if __name__ == "__main__":
    main()
