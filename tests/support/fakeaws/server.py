"""A proxy in front of moto's server: it checks, records and disturbs calls, and adds features.

The command line reaches it through AWS_ENDPOINT_URL. It runs in a thread of the tests, so that they
see what AWS holds, save it, and put it back.
"""

from __future__ import annotations

import copy
import socket
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from tests.support.fakeaws.answers import Answer, RefusedError, refusal
from tests.support.fakeaws.data_plane import API_PREFIX, USER, DataPlane, check_signature
from tests.support.fakeaws.permissions import Permission, permissions_of
from tests.support.fakeaws.requests import Call, read_call
from tests.support.fakeaws.sagemaker import SageMaker
from tests.support.fakeaws.services import Services
from tests.support.fakeaws.world import World, WorldSnapshot

FAULTS = {
    "throttling": RefusedError("ThrottlingException", "Rate exceeded", 400),
    "denied": RefusedError("AccessDeniedException", "not authorized by a test", 403),
    "failure": RefusedError("InternalFailure", "We encountered an internal error", 500),
    "starting": RefusedError("ServiceUnavailable", "The service is unavailable", 503),
}
"""Answers instead of the real one; `lost` is one more fault: the answer after the work."""
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call and its status."""

    call: Call
    status: int
    fault: str | None

    @property
    def permissions(self) -> list[Permission]:
        """Permissions that its caller needed."""
        return permissions_of(self.call)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of the fake AWS at one moment."""

    world: WorldSnapshot
    going_on: tuple[SageMaker, Services]


class _Moto(DomainDispatcherApplication):
    """Moto's server; it looks for the service of a host once, not at each call."""

    def __init__(self, create_app: Callable[[Any], Any]) -> None:
        super().__init__(create_app)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Find the service that answers for a host."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


@dataclass
class FakeAws:
    """AWS on loopback."""

    fault: Callable[[int, Call], str | None] = lambda _index, _call: None
    """Asked before each call of the user with its index: the name of a fault, or None."""
    refuse: Mapping[str, str] = field(default_factory=dict)
    """Operation → in which words it is denied."""
    done: Callable[[int, Call], None] = lambda _index, _call: None
    """Told after the work of each call of the user is done, before the answer goes out."""
    records: list[Recorded] = field(default_factory=list)
    others: list[Recorded] = field(default_factory=list)
    """Calls of anyone but the user, such as the Lambda function."""
    broken: list[str] = field(default_factory=list)
    """Tracebacks of the proxy or of moto: such a run shows nothing."""
    sagemaker: SageMaker = field(default_factory=SageMaker)
    services: Services = field(default_factory=Services)
    url: str = ""
    invoked: set[Permission] = field(default_factory=set)
    """Calls of the user to an API that asks for a signature."""

    def __post_init__(self) -> None:
        """Start with an empty account."""
        self.world = World()
        self.data_plane = DataPlane(self)
        self._moto = _Moto(create_backend_app)
        self._lock = threading.RLock()
        self._answered: dict[str, Answer] = {}

    def reset(self) -> None:
        """Empty the account and clear all faults and records."""
        self.world.reset()
        self.fault = lambda _index, _call: None
        self.refuse = {}
        self.done = lambda _index, _call: None
        self.forget()
        self.sagemaker.training.close()
        self.services = Services()
        self.sagemaker = SageMaker(quotas=self.services.quotas)

    @property
    def going_on(self) -> tuple[SageMaker, Services]:
        """Operations in progress; describing them moves them on."""
        return self.sagemaker, self.services

    def save(self) -> Snapshot:
        """Take a snapshot of resources and operations in progress."""
        return Snapshot(self.world.save(), copy.deepcopy(self.going_on))

    def restore(self, snapshot: Snapshot) -> None:
        """Restore a snapshot; it can be restored many times."""
        self.world.restore(snapshot.world)
        self.sagemaker, self.services = copy.deepcopy(snapshot.going_on)

    def forget(self) -> None:
        """Clear the records of calls; resources stay."""
        self.records, self.others, self.broken = [], [], []
        self.invoked = set()

    @property
    def problems(self) -> list[str]:
        """Violations of the services' models by any call so far."""
        calls = [record.call for record in [*self.records, *self.others]]
        return [f"{call}: {problem}" for call in calls for problem in call.problems]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, as WSGI wants it."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        try:
            answer = self._answer(environ, body)
        except Exception:  # noqa: BLE001 - a test fails on it later
            self.broken.append(
                f"{environ['REQUEST_METHOD']} {environ['RAW_URI']}\n{traceback.format_exc()}"
            )
            answer = Answer(501, b"the proxy failed")
        if answer is None:
            start_response("200 OK", [])
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return [b"lost"]
        headers = [*answer.headers.items()]
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(f"{answer.status} {_REASONS.get(answer.status, 'Answer')}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: dict[str, Any], body: bytes) -> Answer | None:
        if environ["PATH_INFO"].startswith(API_PREFIX):
            return self.data_plane.call_api(environ, body)
        call = read_call(Request(environ))
        environ["wsgi.input"] = BytesIO(body)
        with self._lock:
            mine = call.access_key == USER
            index = len(self.records)
            fault = self.fault(index, call) if mine else None
            answer = (
                refusal(call, _as_of(call, FAULTS[fault]))
                if fault in FAULTS
                else self._do(call, environ, body)
            )
            (self.records if mine else self.others).append(Recorded(call, answer.status, fault))
            if mine:
                self.done(index, call)
        return None if fault == LOST else answer

    def _do(self, call: Call, environ: dict[str, Any], body: bytes) -> Answer:
        if call.problems:
            return refusal(call, RefusedError("ValidationException", "; ".join(call.problems)))
        try:
            if call.operation in self.refuse:
                message = self.refuse[call.operation]
                raise RefusedError("AccessDeniedException", message)  # noqa: TRY301 - as others
            self.services.check_organisation(call)
            if call.service == "sagemaker-runtime":
                check_signature(environ, body, "sagemaker", call.region)
                return self.data_plane.invoke_endpoint(call, body)
            if call.operation.startswith("Delete") and self.services.tags_lag:
                self.services.remember(call.region)
            gap = self.sagemaker if call.service == "sagemaker" else self.services
            answer = gap.before(call)
            if answer is None:
                answer = self._once(call, environ)
                if answer.status == 200 and call.service == "sagemaker":
                    self.sagemaker.after(call)
                if answer.status < 300:
                    answer = self.services.after(call, answer, self.url)
                    self.sagemaker.log_late(call)
        except RefusedError as error:
            return refusal(call, error)
        if answer.status >= 500:
            self.broken.append(f"{call}: moto said {answer.status} {answer.body[:2000]!r}")
        return answer

    def _once(self, call: Call, environ: dict[str, Any]) -> Answer:
        """Answer a call once per client token, where the service has one."""
        token = call.params.get("ClientToken")
        key = f"{call} {token}"
        if token is None:
            return self._ask_moto(environ)
        if key not in self._answered:
            self._answered[key] = self._ask_moto(environ)
        return self._answered[key]

    def _ask_moto(self, environ: dict[str, Any]) -> Answer:
        chunks, status, headers = run_wsgi_app(self._moto, environ)
        return Answer(int(status.split()[0]), b"".join(chunks), dict(headers.items()))


_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}


def _as_of(call: Call, error: RefusedError) -> RefusedError:
    """A fault under the name that the service has for it."""
    names = {
        ("s3", "ThrottlingException"): ("SlowDown", 503),
        ("s3", "AccessDeniedException"): ("AccessDenied", 403),
        ("s3", "InternalFailure"): ("InternalError", 500),
        ("iam", "ThrottlingException"): ("Throttling", 400),
        ("iam", "AccessDeniedException"): ("AccessDenied", 403),
        ("iam", "InternalFailure"): ("ServiceFailure", 500),
        ("lambda", "ThrottlingException"): ("TooManyRequestsException", 429),
        ("apigatewayv2", "ThrottlingException"): ("TooManyRequestsException", 429),
        ("cloudwatch", "ThrottlingException"): ("Throttling", 400),
    }
    code, status = names.get((call.service, error.code), (error.code, error.status))
    return RefusedError(code, error.message, status)


class _Silent(WSGIRequestHandler):
    disable_nagle_algorithm = True  # head and body are two packets

    def log(self, *_: object) -> None:
        pass


@contextmanager
def running() -> Iterator[FakeAws]:
    """Serve an empty account."""
    aws = FakeAws()
    aws.reset()
    server = make_server("127.0.0.1", 0, aws, threaded=True, request_handler=_Silent)
    aws.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        aws.data_plane.close()
