"""AWS on loopback: an empty account before each test, nothing broken after it.

Every test session loads this module, so it imports what is heavy where that is used.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Cli, Result
from tests.support.builders import build_archive

if TYPE_CHECKING:
    from tests.support.fakeaws.server import FakeAws

ROOT = Path(__file__).parents[3]
REGION = "us-east-1"
# The command line as it is, but it does not wait between two looks at AWS.
IMPATIENT = """
from newsclf.cli.main import main
from tests.support.fakeaws.fake_clock import patch
patch(setattr)
main()
"""
RealCli = Callable[..., Result]
Deploy = Callable[..., Result]


def started(aws: FakeAws, *arguments: object) -> subprocess.Popen[str]:
    """Start the real command line in its own process."""
    return subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *(str(a) for a in arguments)],
        env=os.environ | environment(aws) | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def _serving(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeAws]:
    """The fake AWS of all tests, whose endpoints are answered by a real model server."""
    from newsclf.deploy.local.target import LocalTarget
    from tests.support.fakeaws.server import running

    target = LocalTarget(tmp_path_factory.mktemp("endpoint"))
    deployment, _ = target.deploy("model", trained / "model", port=0, workers=1)
    try:
        with running() as aws:
            aws.data_plane.model_url = deployment.server.url
            yield aws
    finally:
        _client.cache_clear()
        target.teardown("model")


@pytest.fixture(scope="session")
def archive(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model as a `model.tar.gz`."""
    return build_archive(tmp_path_factory.mktemp("archive"), trained / "model")


@pytest.fixture
def aws(_serving: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """An empty account, reached by its owner's credentials, with a clock that does not wait."""
    import boto3

    from newsclf.deploy.aws.call.clients import Clients
    from tests.support.fakeaws.fake_clock import patch

    _serving.reset()
    _client.cache_clear()  # a client that has often tried again does so no more
    _session.cache_clear()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # the handler's, with other credentials
    for name, value in environment(_serving).items():
        monkeypatch.setenv(name, value)
    patch(monkeypatch.setattr)
    monkeypatch.setattr("botocore.session.create_loader", _loader)
    # Making boto3's clients anew for each command takes longer than all its calls.
    monkeypatch.setattr(Clients, "_new_client", lambda self, service: _client(service, self.region))
    yield _serving
    _serving.data_plane.stop()
    _serving.data_plane.model_fails = False
    assert not _serving.broken, _serving.broken[0]
    assert _serving.problems == []


@cache
def _session() -> Any:
    import boto3

    return boto3.Session()


@cache
def _loader(path: str | None) -> Any:
    """Loader of the models of AWS's services for all sessions: it reads each file once."""
    import botocore.loaders

    return botocore.loaders.create_loader(path)


@cache
def _client(service: str, region: str) -> Any:
    from newsclf.deploy.aws.call.clients import _CONFIG

    return _session().client(service, region_name=region, config=_CONFIG)


def environment(aws: FakeAws) -> Mapping[str, str]:
    """Environment variables that point the command line at the fake AWS."""
    from tests.support.fakeaws.data_plane import USER, USER_SECRET

    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": USER_SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@pytest.fixture
def deploy(aws: FakeAws, newsclf: Cli, archive: Path) -> Deploy:  # noqa: ARG001 - it deploys there
    """Deploy without a question, on ml.c5.large unless something else is named."""

    def run(*options: object, packed: Path = archive) -> Result:
        where = (
            [] if {"--serverless", "--instance"} & set(options) else ["--instance", "ml.c5.large"]
        )
        return newsclf("deploy", "--archive", packed, "--yes", *where, *options)

    return run


@pytest.fixture
def real_cli(aws: FakeAws) -> RealCli:
    """Run the real command line in its own process."""

    def run(*arguments: object) -> Result:
        with started(aws, *arguments) as process:
            out, err = process.communicate()
        return Result(process.returncode, out, err)

    return run
