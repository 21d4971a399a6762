"""Who may call the API: each kind of credential, absent, wrong, expired and right."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from newsclf.common.files import write_private
from newsclf.deploy.auth import Auth
from newsclf.deploy.local import credentials
from newsclf.deploy.local.credentials import API_SCOPE, auth_of
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import ApiRequest, LocalDeployment
from newsclf.deploy.sigv4 import MAX_SKEW_S, Credentials, sign
from newsclf.deploy.store import Deployments
from tests.conftest import Cli

BODY = b'{"headline": "Profit rose"}'


@pytest.fixture(scope="module")
def state(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory with the deployments `api-key`, `iam` and `none`, named for their API."""
    folder = tmp_path_factory.mktemp("state")
    target = LocalTarget(folder)
    kinds: tuple[Auth, ...] = ("api-key", "iam", "none")
    try:
        for auth in kinds:
            target.deploy(auth, trained / "model", port=0, workers=1)
            request = ApiRequest(auth=auth, runtimes=1, rate_per_s=1000, burst=1000)
            target.wire_api(auth, request)
        yield folder
    finally:
        for name in Deployments(folder).names():
            target.teardown(name)


@pytest.fixture(params=["api-key", "iam"])
def closed(state: Path, request: pytest.FixtureRequest) -> LocalDeployment:
    """Each deployment whose API asks for something."""
    return LocalTarget(state).get(request.param)


@pytest.fixture
def iam(state: Path) -> LocalDeployment:
    return LocalTarget(state).get("iam")


def url_of(deployment: LocalDeployment) -> str:
    assert deployment.api is not None
    return f"{deployment.api.url}/classify"


def signer_of(deployment: LocalDeployment) -> Credentials:
    signer = credentials.read(deployment)
    assert isinstance(signer, Credentials)
    return signer


def handled(deployment: LocalDeployment) -> int:
    """How many events the handler has logged."""
    return deployment.gateway_log.read_text(encoding="utf-8").count('"request_id"')


def wrong_credentials(deployment: LocalDeployment) -> list[tuple[dict[str, str], int, str]]:
    """Headers, and the status and the code that they must be refused with."""
    assert deployment.api is not None
    if deployment.api.auth == "api-key":
        key = credentials.read(deployment)
        assert isinstance(key, str)
        return [
            (headers, 401, "unauthorized")
            for headers in (
                {},
                {"x-api-key": ""},
                {"x-api-key": "wrong"},
                {"x-api-key": key[:-1]},
                {"Authorization": f"Bearer {key}"},
            )
        ]
    signer, now_s = signer_of(deployment), time.time()

    def signed(by: Credentials, time_s: float, body: bytes = BODY) -> dict[str, str]:
        return sign("POST", url_of(deployment), {}, body, by, scope=API_SCOPE, time_s=time_s)

    return [
        ({}, 403, "missing_credentials"),
        ({"Authorization": "Bearer x"}, 403, "malformed_credentials"),
        (signed(signer._replace(access_key="AKID"), now_s), 403, "unknown_access_key"),
        (signed(signer._replace(secret_key="wrong"), now_s), 403, "wrong_signature"),
        (signed(signer, now_s, b"{}"), 403, "wrong_signature"),
        (signed(signer, now_s - MAX_SKEW_S - 2), 403, "expired_signature"),
        (signed(signer, now_s + MAX_SKEW_S + 60), 403, "expired_signature"),
    ]


def test_without_a_good_credential_nothing_reaches_the_handler(closed: LocalDeployment) -> None:
    before = handled(closed)

    for headers, status, code in wrong_credentials(closed):
        answer = httpx.post(url_of(closed), content=BODY, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), headers
        assert answer.json()["request_id"] == answer.headers["apigw-requestid"]
        for path in ("/health", "/openapi.json", "/nothing"):
            url = url_of(closed).replace("/classify", path)
            assert httpx.get(url, headers=headers).status_code == status

    assert handled(closed) == before
    assert httpx.post(url_of(closed), content=BODY, auth=auth_of(closed)).status_code == 200
    assert handled(closed) == before + 1


def test_an_open_api_needs_none(state: Path) -> None:
    deployment = LocalTarget(state).get("none")

    headers = {"Content-Type": "application/json"}
    assert httpx.post(url_of(deployment), content=BODY, headers=headers).status_code == 200
    assert not deployment.key_file.exists()


def test_predict_brings_the_credential_by_itself(
    state: Path, closed: LocalDeployment, newsclf: Cli
) -> None:
    result = newsclf(
        "predict", "--json", "--state-dir", state, "--deployment", closed.name, "Größe & Co. +7 %"
    )

    assert result.exit_code == 0, result.err
    assert f"at {url_of(closed)}" in result.err
    assert json.loads(result.out)["predictions"][0]["headline"] == "Größe & Co. +7 %"


def test_the_printed_curl_line_works(state: Path, closed: LocalDeployment, newsclf: Cli) -> None:
    assert closed.api is not None
    printed = newsclf(
        "wire-api", "--deployment", closed.name, "--state-dir", state, "--auth", closed.api.auth
    )
    line = next(line for line in printed.err.splitlines() if line.startswith("curl "))

    done = subprocess.run(shlex.split(line), capture_output=True, text=True, check=True)

    assert len(json.loads(done.stdout)["predictions"]) == 1
    secrets = re.findall(r"[\w-]{20,}", closed.key_file.read_text(encoding="utf-8"))
    assert secrets
    assert not [secret for secret in secrets if secret in printed.err + printed.out]


def test_the_secret_is_the_user_s_alone_and_stands_nowhere_else(
    state: Path, closed: LocalDeployment
) -> None:
    credential = credentials.read(closed)
    secret = credential.secret_key if isinstance(credential, Credentials) else credential
    assert secret
    httpx.post(url_of(closed), content=BODY, auth=auth_of(closed))
    httpx.post(url_of(closed), content=BODY, headers={"x-api-key": secret + "x"})

    holding = {path for path in state.rglob("*") if path.is_file() and secret in path.read_text()}
    # To check a signature takes the secret; to check a key, its digest.
    also = {closed.folder / "gateway.json"} if isinstance(credential, Credentials) else set()
    assert holding == {closed.key_file} | also
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}
    commands = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True)  # noqa: S607 - procps
    assert "awslambdaric" in commands.stdout
    assert secret not in commands.stdout


def test_botocore_s_signature_is_accepted_and_again_while_it_is_fresh(iam: LocalDeployment) -> None:
    signer = signer_of(iam)
    request = AWSRequest(
        "POST", url_of(iam) + "?a=%20b&a=", data=BODY, headers={"Content-Type": "application/json"}
    )
    SigV4Auth(BotoCredentials(*signer), API_SCOPE.service, API_SCOPE.region).add_auth(request)

    for _ in range(2):
        answer = httpx.post(request.url, content=BODY, headers=dict(request.headers.items()))
        assert answer.status_code == 200, answer.text


def test_botocore_s_expired_signature_is_refused(
    iam: LocalDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = datetime.now(UTC) - timedelta(seconds=MAX_SKEW_S + 2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: then)
    signer = signer_of(iam)
    request = AWSRequest("POST", url_of(iam), data=BODY)
    SigV4Auth(BotoCredentials(*signer), API_SCOPE.service, API_SCOPE.region).add_auth(request)

    answer = httpx.post(request.url, content=BODY, headers=dict(request.headers.items()))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "expired_signature")


@pytest.mark.parametrize("contents", [None, "", "a key of an earlier version\n", 'user = "x"\n'])
def test_a_credential_that_is_gone_or_damaged_is_an_error(
    state: Path, closed: LocalDeployment, newsclf: Cli, contents: str | None
) -> None:
    kept = closed.key_file.read_text(encoding="utf-8")
    closed.key_file.unlink()
    if contents is not None:
        closed.key_file.write_text(contents, encoding="utf-8")
    try:
        result = newsclf("predict", "--state-dir", state, "--deployment", closed.name, "Up")
    finally:
        write_private(closed.key_file, kept)

    assert result.exit_code == 3
    assert str(closed.key_file) in result.err.replace("\n", "")
    assert "newsclf wire-api" in result.err
