"""The model server: the HTTP interface of a SageMaker container, on one port.

    GET  /ping                          200 when every worker has made a real prediction, else 503
                                        with "problems", if there are any
    POST /invocations                   {"inputs": str | [str]} → scores as a pipeline gives them
    POST /endpoints/{name}/invocations  the same in the form of SageMaker's runtime, for boto3:
                                        errors come as ModelError, with their own status inside
    GET  /metrics                       Prometheus text

and, unless `page` is off, as in a container it must be:

    GET  /                              a page to try headlines on
    POST /classify                      the call that the page makes, in the form of the public API

Errors are {"error": {"code", "message"}}: 400 and what is wrong, 403 for web pages, 408, 413, 415,
500 when the model fails, and 503 with Retry-After when too much is waiting, no worker is ready or
a request was not answered in time. No headline is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from newsclf.common.errors import ConfigError, ModelError
from newsclf.contract.explanation import encode_answer, texts_of
from newsclf.contract.limits import MAX_READ_CHARACTERS
from newsclf.contract.requests import (
    ClassifyRequest,
    ContractError,
    parse_classify,
    parse_inputs,
    parse_json,
)
from newsclf.model.directory import (
    ENGINE_FILES,
    check_files,
    digest_of,
    find_model,
    read_digests,
)
from newsclf.serving.foreign_pages import check_host, check_same_site, host_names, media_type
from newsclf.serving.local_page import Document
from newsclf.serving.playground.document import of_model, playground
from newsclf.serving.pool import Pool, PoolOptions
from newsclf.serving.refusal import RefusedError, error_response
from newsclf.serving.request_limits import Bodies, make_runner

_DRAIN_S = 25.0
"""SageMaker kills a container 30 s after SIGTERM."""
_CUT_OFF = 499
"""Status under which metrics count a request whose client went away, as nginx does."""
_MEDIA_TYPES = ("application/json", "application/octet-stream")
_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class ServerOptions(PoolOptions):
    """Options of the model server."""

    model: Path
    host: str = "127.0.0.1"
    port: int = 8080
    descriptor: int | None = None
    """A listening socket to use instead of host and port."""
    page: bool = True
    """Whether to serve the playground, and the call that it makes."""


class _Metrics:
    def __init__(self, pool: Pool, digest: str) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"newsclf_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, *buckets: float) -> Histogram:
            return Histogram(f"newsclf_{name}", text, buckets=buckets, registry=self.registry)

        self.requests = Counter("newsclf_requests", "Requests", ["status"], registry=self.registry)
        times_s = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
        self.seconds = histogram("request_seconds", "From a request's head to its answer", *times_s)
        sizes = (2**i for i in range(10))
        self.batch = histogram("request_headlines", "Headlines in a request", *sizes)
        waiting = gauge("waiting_headlines", "Headlines without an answer yet")
        waiting.set_function(lambda: pool.waiting_headlines)
        ready = gauge("workers_ready", "Workers that can answer")
        ready.set_function(lambda: sum(pool.workers_ready))
        gauge("model_info", "The model", "digest").labels(digest).set(1)


def serve(options: ServerOptions, *, on_listening: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then finish the requests under way.

    Args:
        options: The model, the address and the workers.
        on_listening: Called with the address once the port is open.

    Raises:
        ModelError: the model can't be used.
        ConfigError: the port is in use or may not be opened.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, on_listening))


async def _serve(options: ServerOptions, on_listening: Callable[[str], None]) -> None:
    folder = find_model(options.model)
    digests = read_digests(folder)
    check_files(folder, digests, ENGINE_FILES)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:  # nohup
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pool = Pool(folder, {name: digests[name] for name in ENGINE_FILES}, options)
    page = playground(of_model(options.model)) if options.page else None
    app = make_app(pool, digest_of(digests), host_names(options.host), page)
    runner = make_runner(app, shutdown_timeout_s=_DRAIN_S)
    await runner.setup()
    try:
        try:
            site: web.BaseSite = (
                web.TCPSite(runner, options.host, options.port)
                if options.descriptor is None
                else web.SockSite(runner, _socket_of(options.descriptor))
            )
            await site.start()
        except socket.gaierror as error:
            raise ConfigError(f"--host {options.host}: unknown host ({error.strerror})") from None
        except OSError as error:
            raise ConfigError(
                f"{options.host}:{options.port}: the port cannot be opened"
                f" ({os.strerror(error.errno or 0)})",
                hint="newsclf serve --port 0 takes a free one",
            ) from None
        pool.start()
        host, port = runner.addresses[0][:2]
        on_listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        waiting = [asyncio.create_task(event.wait()) for event in (stop, pool.failed)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if pool.failed.is_set() and not stop.is_set():
            raise ModelError(
                f"{folder}: the model cannot be served: {'; '.join(pool.problems)}",
                hint=f"newsclf predict --model {folder} TEXT tries it without a server",
            )
    finally:
        await runner.cleanup()  # closes the port, then waits for the requests under way
        await pool.stop()


def _socket_of(descriptor: int) -> socket.socket:
    """The socket of a descriptor, kept from the workers, which would hold its port open."""
    listener = socket.socket(fileno=descriptor)
    listener.set_inheritable(inheritable=False)
    return listener


def make_app(
    pool: Pool, digest: str, names: frozenset[str] | None, page: Document | None = None
) -> web.Application:
    """Make the HTTP application of a pool of workers.

    Args:
        pool: The workers.
        digest: Digest of their model.
        names: Host names by which it may be called; see `host_names`.
        page: The playground; None: neither it nor its call is served.
    """
    bodies = Bodies()
    metrics = _Metrics(pool, digest)

    async def ping(_: web.Request) -> web.Response:
        ready, workers = sum(pool.workers_ready), len(pool.workers_ready)
        document = {"workers_ready": ready, "workers": workers, "model": digest}
        if pool.problems:
            document["problems"] = pool.problems
        return web.json_response(document, status=200 if ready == workers else 503)

    async def invocations(request: web.Request) -> web.Response:
        pool.check_admits()  # before the body is read: a refusal costs the least here
        texts, is_list = await _read_inputs(request, bodies)
        metrics.batch.observe(len(texts))
        predictions = [prediction.as_pipeline() for prediction in await pool.classify(texts)]
        return web.json_response(predictions if is_list else predictions[0])

    async def prometheus(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), content_type="text/plain")

    async def invoke_endpoint(request: web.Request) -> web.StreamResponse:
        answer = await _guarded(request, invocations, names)
        return answer if answer.status == HTTPStatus.OK else _as_model_error(answer)

    app = web.Application(middlewares=[_measuring(metrics, names)])
    app.router.add_get("/ping", ping)
    app.router.add_post("/invocations", invocations)
    app.router.add_post("/endpoints/{name}/invocations", invoke_endpoint)
    app.router.add_get("/metrics", prometheus)
    if page is not None:
        app.router.add_get("/", page.show)
        app.router.add_post("/classify", _classifying(pool, digest, bodies, metrics))
    return app


def _measuring(metrics: _Metrics, names: frozenset[str] | None) -> Middleware:
    """Make the middleware that guards all handlers, and counts and times what is posted."""

    @web.middleware
    async def measured(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method != "POST":
            return await _guarded(request, handler, names)
        started = time.perf_counter()
        status = _CUT_OFF
        try:
            response = await _guarded(request, handler, names)
            status = response.status
        except web.HTTPException as error:  # aiohttp's own, such as for a path that is not there
            status = error.status
            raise
        except Exception:
            status = 500
            raise
        finally:
            metrics.requests.labels(str(status)).inc()
            metrics.seconds.observe(time.perf_counter() - started)
        return response

    return measured


def _classifying(pool: Pool, digest: str, bodies: Bodies, metrics: _Metrics) -> _Handler:
    """Make the handler of requests in the form of the public API."""

    async def classify(request: web.Request) -> web.Response:
        pool.check_admits()
        if media_type(request) != "application/json":
            raise RefusedError(415, "unsupported_media_type", "send application/json")
        asked, texts = await _read_classify(request, bodies)
        metrics.batch.observe(len(texts))
        predictions = await pool.classify(texts)
        answers = encode_answer(asked, predictions)
        return web.json_response({"predictions": answers, "model": digest})

    return classify


async def _read_classify(request: web.Request, bodies: Bodies) -> tuple[ClassifyRequest, list[str]]:
    """Read a request in the form of the public API, and the texts to classify for it.

    Raises:
        RefusedError: the body exceeds a limit.
        ContractError: the body is not of the contract.
    """
    async with bodies.reading(request) as body:
        asked = parse_classify(parse_json(body))
    # As `_read_inputs`; headlines that are explained are short, and needed as they are.
    texts = [text[:MAX_READ_CHARACTERS] for text in texts_of(asked)]
    return asked if asked.explain else asked._replace(headlines=texts), texts


async def _read_inputs(request: web.Request, bodies: Bodies) -> tuple[list[str], bool]:
    """Read the headlines of a request, and whether they came as a list.

    Raises:
        RefusedError: the media type is unsupported, or the body exceeds a limit.
        ContractError: the body is not of the contract.
    """
    if media_type(request) not in _MEDIA_TYPES:  # SageMaker and boto3 always name one
        raise RefusedError(415, "unsupported_media_type", "send application/json")
    async with bodies.reading(request) as body:
        texts, is_list = parse_inputs(parse_json(body))
    # The engine reads no more of them, so no more is kept in the queue.
    return [text[:MAX_READ_CHARACTERS] for text in texts], is_list


async def _guarded(
    request: web.Request, handler: _Handler, names: frozenset[str] | None
) -> web.StreamResponse:
    """Run a handler, and turn its exceptions into answers of the contract."""
    try:
        check_host(request, names)
        if request.path != "/":  # other sites may link to the page
            check_same_site(request)
        return await handler(request)
    except ContractError as error:
        return error_response(RefusedError(400, "bad_request", str(error)))
    except RefusedError as error:
        return error_response(error)


def _as_model_error(answer: web.StreamResponse) -> web.Response:
    """Turn a container's error into InvokeEndpoint's (botocore's shape ModelError, 424)."""
    text = answer.text or "" if isinstance(answer, web.Response) else ""
    document = {
        "Message": f"Received client error ({answer.status}) from primary with message {text}",
        "OriginalStatusCode": answer.status,
        "OriginalMessage": text,
        "LogStreamArn": "",
    }
    return web.json_response(document, status=424, headers={"x-amzn-ErrorType": "ModelError"})
