"""`newsclf doctor`: each thing there, absent and wrong; without boto3, and without a network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.support.fakeaws.fixtures import ROOT
from tests.support.fakeaws.server import FakeAws


def checks(newsclf: Cli, *arguments: object, exit_code: int = 0) -> dict[str, dict[str, str]]:
    result = newsclf("doctor", "--json", *arguments)
    assert result.exit_code == exit_code, result.err
    return {check["what"]: check for check in json.loads(result.out)}


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing listen where AWS is, and nobody look for an instance's credentials."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_with_everything_allowed_it_says_so(aws: FakeAws, newsclf: Cli, trained: Path) -> None:
    found = checks(newsclf, "--model", trained / "model")

    for what in (
        "Python",
        "extra train",
        "extra local",
        "extra aws",
        "extra watch",
        "extra postgres",
        "model",
        "AWS",
        "credentials",
        "prices in us-east-1",
        "may deploy",
        "may teardown",
    ):
        assert found[what]["state"] == "ok", found[what]
    assert aws.records != []


def test_what_is_not_allowed_is_named_with_the_command_that_needs_it(
    aws: FakeAws, newsclf: Cli
) -> None:
    aws.services.forbidden = frozenset({"sagemaker:CreateEndpoint", "tag:GetResources"})
    found = checks(newsclf)

    assert found["may deploy"]["detail"] == "not sagemaker:CreateEndpoint"
    assert found["may deploy"]["todo"] == "newsclf policy deploy"
    assert found["may status"]["detail"] == "not tag:GetResources"
    assert found["may predict"]["state"] == "ok"
    assert "→ newsclf policy deploy" in newsclf("doctor").out


def test_with_a_role_of_ones_own_no_right_to_make_roles_is_missed(
    aws: FakeAws, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSCLF_AWS_ROLE", "arn:aws:iam::123456789012:role/theirs")
    aws.services.forbidden = frozenset({"iam:CreateRole", "iam:ListRoles", "iam:PassRole"})
    found = checks(newsclf)

    assert found["may deploy"]["detail"] == "not iam:PassRole"
    assert (
        "policy deploy --role arn:aws:iam::123456789012:role/theirs"
        in (found["may deploy"]["todo"])
    )
    assert found["may status"]["state"] == "ok"


def test_without_the_right_to_ask_it_says_that_it_does_not_know(aws: FakeAws, newsclf: Cli) -> None:
    aws.fault = lambda _, call: "denied" if call.operation == "SimulatePrincipalPolicy" else None
    found = checks(newsclf)

    assert found["permissions"]["state"] == "unknown"
    assert "iam:SimulatePrincipalPolicy" in found["permissions"]["todo"]


def test_credentials_that_aws_does_not_take_are_wrong(aws: FakeAws, newsclf: Cli) -> None:
    aws.fault = lambda _, call: "denied" if call.operation == "GetCallerIdentity" else None

    assert checks(newsclf, exit_code=1)["credentials"]["state"] == "wrong"


@pytest.mark.usefixtures("aws")
def test_without_credentials_it_says_how_to_get_some(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    found = checks(newsclf)

    assert found["credentials"]["state"] == "absent"
    assert "aws configure" in found["credentials"]["todo"]


def test_without_a_network_everything_else_is_still_told(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(monkeypatch)
    found = checks(newsclf, "--region", "us-east-1")

    assert found["AWS"]["state"] == "absent"
    assert found["prices in us-east-1"]["state"] == "ok"
    assert "credentials" not in found


def test_a_region_without_prices_and_no_region(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(monkeypatch)
    elsewhere = checks(newsclf, "--region", "mars-north-1")["prices in mars-north-1"]

    assert elsewhere["state"] == "absent"
    assert elsewhere["todo"] == "newsclf prices refresh --region mars-north-1"
    assert "no AWS region is named" in checks(newsclf)["AWS"]["detail"]


def test_a_damaged_model_is_wrong(newsclf: Cli, trained: Path) -> None:
    shutil.copytree(trained / "model", "model")
    Path("model/model.onnx").write_bytes(b"")
    found = checks(newsclf, exit_code=1)

    assert found["model"]["state"] == "wrong"
    assert "newsclf optimize" in found["model"]["todo"]


def test_without_boto3_it_says_what_to_install(tmp_path: Path) -> None:
    code = """
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "boto3" else real(name, *rest)
sys.modules["boto3"] = None
sys.argv = ["newsclf", "doctor"]
from newsclf.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "pip install '.[aws]'" in done.stdout
