"""`newsclf predict` from S3 to S3: the job that is started, and what is left of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from newsclf.core.deployment import AwsDeployment, AwsSpec, AwsStep, Deployments
from newsclf.core.errors import ConfigError, InterruptedRunError, TargetError
from newsclf.targets.aws.batch import BatchRequest, Place, parse_place, transform
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.names import Names
from tests.aws.test_extras import HastyClock
from tests.conftest import Cli

NAMES = Names("news", "123456789012", "us-east-1")
MODEL = NAMES.model("a" * 64)
REQUEST = BatchRequest(
    source=Place("theirs", "in/2026"), output=Place("theirs", "out/"), instance="ml.c5.xlarge"
)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def deployed(*journal: AwsStep) -> AwsDeployment:
    return AwsDeployment(
        name="news", target="aws", created="2026-11-22", region="us-east-1",
        account=NAMES.account, model=Path("model"), model_digest="0", spec=AwsSpec(image="x"),
        journal=journal, folder=Path("run/news"),
    )  # fmt: skip


WITH_MODEL = deployed(AwsStep(kind="model", name=MODEL, status="ready"))


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """An account with a bucket with headlines, a role and a model."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        clients = Clients("us-east-1", clock=HastyClock())
        clients.client("s3").create_bucket(Bucket="theirs")
        clients.client("s3").put_object(Bucket="theirs", Key="in/2026.jsonl", Body=b"{}")
        clients.client("iam").create_role(
            RoleName=NAMES.endpoint_role, AssumeRolePolicyDocument=TRUST
        )
        clients.client("sagemaker").create_model(
            ModelName=MODEL, ExecutionRoleArn=NAMES.role_arn(NAMES.endpoint_role)
        )
        yield clients


def policies(clients: Clients) -> list[str]:
    found: list[str] = clients.client("iam").list_role_policies(RoleName=NAMES.endpoint_role)[
        "PolicyNames"
    ]
    return found


def test_a_job_is_started_with_the_deployed_model_and_its_policy_goes_again(
    clients: Clients,
) -> None:
    during: list[dict[str, Any]] = []

    def say(_line: str) -> None:
        for name in policies(clients):
            role = {"RoleName": NAMES.endpoint_role, "PolicyName": name}
            during.append(clients.client("iam").get_role_policy(**role)["PolicyDocument"])

    done = transform(clients, WITH_MODEL, REQUEST, say=say)

    job = clients.client("sagemaker").describe_transform_job(TransformJobName=done.job)
    assert job["ModelName"] == MODEL
    assert job["TransformInput"]["SplitType"] == "Line"
    assert job["TransformOutput"]["S3OutputPath"] == "s3://theirs/out/" == done.output
    assert job["TransformResources"]["InstanceType"] == "ml.c5.xlarge"
    assert len(done.job) <= 63
    resources = {each["Resource"] for each in during[0]["Statement"]}
    assert {"arn:aws:s3:::theirs/in/2026*", "arn:aws:s3:::theirs/out/*"} <= resources
    assert "*" not in resources
    assert policies(clients) == []


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_fails_says_why_and_where_to_look(clients: Clients, status: str) -> None:
    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        for each in ("InProgress", "InProgress", status):
            stub.add_response("describe_transform_job", described(each))
        with pytest.raises(TargetError, match=rf"{status.lower()}: no memory") as raised:
            transform(clients, WITH_MODEL, REQUEST, say=lambda _: None)
    assert "TransformJobs" in (raised.value.hint or "")
    assert policies(clients) == []


def begins(stub: Stubber) -> None:
    """There is no endpoint that could serve another model, and the job is taken."""
    nothing = 'Could not find endpoint "arn:aws:sagemaker:x".'
    stub.add_client_error("describe_endpoint", "ValidationException", nothing)
    stub.add_response("create_transform_job", {"TransformJobArn": "arn:aws:sagemaker:x"})


def described(status: str) -> dict[str, Any]:
    return {
        "TransformJobName": "x", "TransformJobArn": "arn:aws:sagemaker:x", "ModelName": MODEL,
        "TransformJobStatus": status, "FailureReason": "no memory", "CreationTime": 0,
        "TransformInput": {"DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://theirs/in/2026"}}}, "TransformResources": {
            "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    }  # fmt: skip


def test_ctrl_c_stops_the_job(clients: Clients) -> None:
    def interrupt(line: str) -> None:
        if "after" in line:
            raise KeyboardInterrupt

    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        stub.add_response("describe_transform_job", described("InProgress"))
        stub.add_response("stop_transform_job", {})
        with pytest.raises(InterruptedRunError, match="told to stop"):
            transform(clients, WITH_MODEL, REQUEST, say=interrupt)
        stub.assert_no_pending_responses()
    assert policies(clients) == []


def test_a_job_that_can_not_be_looked_at_is_stopped_too(clients: Clients) -> None:
    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        stub.add_client_error("describe_transform_job", "AccessDeniedException", "no")
        stub.add_response("stop_transform_job", {})
        with pytest.raises(TargetError, match="not allowed"):
            transform(clients, WITH_MODEL, REQUEST, say=lambda _: None)
        stub.assert_no_pending_responses()
    assert policies(clients) == []


def test_nothing_to_score_starts_nothing(clients: Clients) -> None:
    nothing = BatchRequest(source=Place("theirs", "no"), output=Place("theirs", "out"),
                           instance="ml.c5.xlarge")  # fmt: skip
    with pytest.raises(ConfigError, match="there is nothing"):
        transform(clients, WITH_MODEL, nothing, say=lambda _: None)
    assert clients.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []


@pytest.mark.parametrize("text", ["s3://", "s3://b", "s3:/bucket/x", "s3://UPPER/x", "s3://b*c/x",
                                  "https://bucket/x", "s3://bucket/*"])  # fmt: skip
def test_what_is_no_place_in_s3(text: str) -> None:
    with pytest.raises(ConfigError, match="--input"):
        parse_place(text, "--input")


def test_the_command(clients: Clients, newsclf: Cli, tmp_path: Any) -> None:
    Deployments(tmp_path / ".newsclf").save(WITH_MODEL)
    result = newsclf("predict", "--input", "s3://theirs/in/", "--output", "s3://theirs/out/",
                     "--json")  # fmt: skip

    assert result.exit_code == 0, result.err
    assert json.loads(result.out)["output"] == "s3://theirs/out/"
    assert len(clients.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--input", "s3://theirs/in", "--output", "here.csv"), 2, "both on S3"),
        (("--input", "s3://theirs", "--output", "s3://theirs/out"), 2, "s3://BUCKET/PREFIX"),
        (("--input", "s3://theirs/in", "--output", "s3://theirs/out"), 3, "no deployment"),
    ],
)
def test_what_the_command_refuses(
    newsclf: Cli, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = newsclf("predict", *arguments)
    assert result.exit_code == code
    assert said in result.err
