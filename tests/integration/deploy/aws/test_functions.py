"""The functions' archives, the authorizer, and what Lambda says of a function, scripted."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from lambda_src import authorizer
from newsclf.common.errors import NewsclfError, ServiceError, TargetError
from newsclf.deploy.aws.api.function import Function, FunctionSpec
from newsclf.deploy.aws.api.function_code import (
    API_MODULES,
    AUTHORIZER_MODULES,
    code_sha256,
    zipped,
)
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope

NAMES = Names("news", "123456789012", "us-east-1")
SPEC = FunctionSpec(
    handler="a.b",
    code=b"zip",
    environment={"A": "b"},
    memory_mb=256,
    timeout_s=29,
    reserved_concurrency=None,
)
_IMPORTED = """
import importlib, sys
sys.path[:0] = [sys.argv[1]]
before = set(sys.modules)
importlib.import_module(sys.argv[2])
for name in sorted(set(sys.modules) - before):
    if name.startswith(("newsclf", "lambda_src")):
        print(sys.modules[name].__file__)
"""


@pytest.mark.parametrize(
    ("modules", "handler"),
    [(API_MODULES, "lambda_src.handler"), (AUTHORIZER_MODULES, "lambda_src.authorizer")],
)
def test_an_archive_has_what_its_handler_imports_and_no_more(
    modules: tuple[str, ...], handler: str, tmp_path: Path
) -> None:
    archive = tmp_path / "function.zip"
    archive.write_bytes(zipped(modules))

    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED, archive, handler],
        env={"AWS_DEFAULT_REGION": "us-east-1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert sorted(done.stdout.split()) == sorted(f"{archive}/{name}" for name in modules)


def test_an_archive_is_the_same_wherever_and_whenever() -> None:
    archive = zipped(API_MODULES)

    assert archive == zipped(tuple(reversed(API_MODULES)))
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        infos = file.infolist()
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {0o100644}
    assert len(archive) < 100_000


@given(key=st.text(), other=st.text())
def test_the_authorizer_takes_the_key_and_nothing_else(key: str, other: str) -> None:
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEY_SHA256", digest)

        def allowed(event: dict[str, Any]) -> bool:
            return authorizer.handle(event, None)["isAuthorized"]

        assert allowed({"headers": {"x-api-key": key}})
        assert allowed({"headers": {"x-api-key": other}}) == (key == other)
        assert not allowed({"headers": {"x-api-key": digest}}) or digest == key
        without: list[dict[str, Any]] = [{}, {"headers": None}, {"headers": {}}]
        assert [allowed(event) for event in without] == [key == ""] * 3


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of nobody, whose clock runs without waiting."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    class Fast(Clock):
        now = 0.0

        def now_s(self) -> float:
            return self.now

        def sleep(self, pause_s: float) -> None:
            self.now += pause_s

    return Clients("us-east-1", clock=Fast())


def answer(state: str, **more: str) -> dict[str, Any]:
    """What GetFunction says of the function as it is wanted."""
    return {
        "Configuration": {
            "State": state,
            "CodeSha256": code_sha256(SPEC.code),
            "Runtime": "python3.13",
            "Role": NAMES.role_arn("role"),
            "Handler": "a.b",
            "Timeout": 29,
            "MemorySize": 256,
            "Environment": {"Variables": {"A": "b"}},
            **more,
        }
    }


Step = Callable[[Stubber], object]


def says(operation: str, document: dict[str, Any]) -> Step:
    return lambda stubber: stubber.add_response(operation, document)


def refuses(operation: str, code: str, message: str = "") -> Step:
    return lambda stubber: stubber.add_client_error(operation, code, message)


ABSENT = refuses("get_function", "ResourceNotFoundException")
UNASSUMABLE = refuses(
    "create_function",
    "InvalidParameterValueException",
    "The role defined for the function cannot be assumed by Lambda.",
)
MADE = says("create_function", {})


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (
            [
                ABSENT,
                *[UNASSUMABLE] * 3,
                MADE,
                says("get_function", answer("Pending")),
                says("get_function", answer("Active", LastUpdateStatus="InProgress")),
                says("get_function", answer("Active", LastUpdateStatus="Successful")),
            ],
            None,
            "",
        ),
        ([ABSENT, *[UNASSUMABLE] * 99], TargetError, "cannot be assumed by Lambda"),
        (
            [
                ABSENT,
                refuses(
                    "create_function", "ResourceConflictException", "Function already exist: x"
                ),
                says("get_function", answer("Active")),
            ],
            None,
            "",
        ),
        (
            [ABSENT, MADE, says("get_function", answer("Failed", StateReason="no room"))],
            TargetError,
            "no room",
        ),
        (
            [ABSENT, MADE, *[says("get_function", answer("Pending"))] * 99],
            ServiceError,
            "not ready",
        ),
        (
            [
                says("get_function", answer("Failed")),
                says("delete_function", {}),
                ABSENT,
                MADE,
                says("get_function", answer("Active")),
            ],
            None,
            "",
        ),
    ],
    ids=["in time", "role", "made before", "failed", "stuck", "made again"],
)
def test_what_lambda_says_while_a_function_is_made(
    clients: Clients, script: Sequence[Step], error: type[NewsclfError] | None, said: str
) -> None:
    function = Function(Scope(clients, NAMES), "newsclf-news", "function", "role", SPEC)
    with Stubber(clients.client("lambda")) as stubber:
        for step in script:
            step(stubber)
        if error is None:
            function.ensure()
            stubber.assert_no_pending_responses()
        else:
            with pytest.raises(error, match=said):
                function.ensure()


def test_no_room_for_a_reserved_concurrency_names_the_way_out(clients: Clients) -> None:
    spec = FunctionSpec(
        handler="a.b",
        code=b"zip",
        environment={"A": "b"},
        memory_mb=256,
        timeout_s=29,
        reserved_concurrency=50,
    )
    function = Function(Scope(clients, NAMES), "newsclf-news", "function", "role", spec)
    with Stubber(clients.client("lambda")) as stubber:
        for _ in range(2):
            says("get_function", answer("Active"))(stubber)
        refuses(
            "put_function_concurrency",
            "InvalidParameterValueException",
            "Specified ReservedConcurrentExecutions for function decreases account's"
            " UnreservedConcurrentExecution below its minimum value of [10].",
        )(stubber)
        with pytest.raises(TargetError) as raised:
            function.ensure()

    assert "--unreserved" in (raised.value.hint or "")
