"""`newsclf predict` from S3 to S3: the job that is started, and what is left of it."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.sagemaker.models import sagemaker_backends

from newsclf.common.errors import ConfigError, InterruptedRunError, ServiceError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.images import stock_image
from newsclf.deploy.aws.jobs.batch import BatchJob, BatchRequest, Place, parse_place, transform
from newsclf.deploy.records import AwsDeployment, AwsSpec, AwsStep
from tests.conftest import Cli
from tests.integration.deploy.aws.test_extras import HastyClock
from tests.support.fakeaws.server import FakeAws

NAMES = Names("news", "123456789012", "us-east-1")
MODEL = f"{NAMES.endpoint}-{'a' * 12}"
REQUEST = BatchRequest(
    source=Place("theirs", "in/2026"), output=Place("theirs", "out/"), instance="ml.c5.xlarge"
)
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def deployed(*journal: AwsStep) -> AwsDeployment:
    return AwsDeployment(
        name="news",
        target="aws",
        created="2026-11-22",
        region="us-east-1",
        account=NAMES.account,
        model=Path("model"),
        model_digest="0",
        spec=AwsSpec(image="x"),
        journal=journal,
        folder=Path("run/news"),
    )


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
            RoleName=NAMES.role("endpoint"), AssumeRolePolicyDocument=TRUST
        )
        clients.client("sagemaker").create_model(
            ModelName=MODEL, ExecutionRoleArn=NAMES.role_arn(NAMES.role("endpoint"))
        )
        with Stubber(clients.client("service-quotas")) as quotas:  # moto knows none of SageMaker's
            quotas.add_response("list_service_quotas", {"Quotas": []})
            yield clients


KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
OTHER_KEY = "87654321-1234-1234-1234-123456789012"


def encrypt(clients: Clients, key: str) -> None:
    """Have the bucket encrypt what is written to it with a key of KMS."""
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    clients.client("s3").put_bucket_encryption(
        Bucket="theirs",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )


@contextmanager
def logged(say: Callable[[str], None]) -> Iterator[None]:
    """Call a function with each line that is logged."""

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    log, handler = logging.getLogger("newsclf"), Told()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)


def transformed(
    clients: Clients, deployment: AwsDeployment, request: BatchRequest
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The job as SageMaker knows it; action of KMS → the statements that allow it meanwhile."""
    allowed: dict[str, list[dict[str, Any]]] = {}

    def say(line: str) -> None:
        if not line.startswith("batch job"):
            return
        (name,) = policies(clients)
        role = {"RoleName": NAMES.role("endpoint"), "PolicyName": name}
        for statement in clients.client("iam").get_role_policy(**role)["PolicyDocument"][
            "Statement"
        ]:
            for action in statement["Action"]:
                if action.startswith("kms:"):
                    allowed.setdefault(action, []).append(statement)

    with logged(say):
        done = transform(clients, deployment, request)
    return clients.client("sagemaker").describe_transform_job(TransformJobName=done.job), allowed


def resources(statements: list[dict[str, Any]]) -> set[str]:
    return {statement["Resource"] for statement in statements}


def test_a_job_that_aws_does_not_see_yet_is_waited_for(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, unseen = BatchJob.find, [None, None]
    monkeypatch.setattr(BatchJob, "find", lambda job: unseen.pop() if unseen else really(job))

    done = transform(clients, WITH_MODEL, REQUEST)

    assert unseen == []
    assert done.job.startswith("newsclf-news-")
    assert policies(clients) == []


def test_a_job_may_use_the_key_of_its_buckets(clients: Clients) -> None:
    encrypt(clients, KEY)

    job, allowed = transformed(clients, WITH_MODEL, REQUEST)

    assert job["TransformOutput"]["KmsKeyId"] == KEY
    assert resources(allowed["kms:Decrypt"]) == {KEY}
    assert resources(allowed["kms:GenerateDataKey"]) == {KEY}


def test_a_key_that_is_given_encrypts_the_answers_and_the_deployment_s_the_volumes(
    clients: Clients,
) -> None:
    encrypt(clients, KEY)
    spec = WITH_MODEL.spec.model_copy(update={"kms_key": OTHER_KEY})

    job, allowed = transformed(
        clients,
        WITH_MODEL.model_copy(update={"spec": spec}),
        replace(REQUEST, kms_key=OTHER_KEY),
    )

    assert job["TransformOutput"]["KmsKeyId"] == OTHER_KEY
    assert job["TransformResources"]["VolumeKmsKeyId"] == OTHER_KEY
    other = f"arn:aws:kms:us-east-1:123456789012:key/{OTHER_KEY}"
    assert resources(allowed["kms:Decrypt"]) == {KEY, other}
    assert resources(allowed["kms:GenerateDataKey"]) == {other}


def test_a_key_that_a_bucket_names_by_an_alias_is_allowed_by_that(clients: Clients) -> None:
    encrypt(clients, "arn:aws:kms:us-east-1:210987654321:alias/theirs")

    _, allowed = transformed(clients, WITH_MODEL, REQUEST)

    (statement,) = allowed["kms:GenerateDataKey"]
    assert statement["Resource"] == "arn:aws:kms:us-east-1:210987654321:key/*"
    assert statement["Condition"] == {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/theirs"}
    }


def test_aws_s_own_key_needs_nothing(clients: Clients) -> None:
    encrypt(clients, "alias/aws/s3")

    job, allowed = transformed(clients, WITH_MODEL, REQUEST)

    assert allowed == {}
    assert "KmsKeyId" not in job["TransformOutput"]


def test_an_encryption_that_may_not_be_looked_at_is_said_with_the_way_out(
    clients: Clients,
) -> None:
    said: list[str] = []
    with Stubber(clients.client("s3")) as stub, logged(said.append):
        stub.add_response("list_objects_v2", {"Contents": [{"Key": "in/2026.jsonl"}]})
        stub.add_client_error("get_bucket_encryption", "AccessDenied", "no")
        transform(clients, WITH_MODEL, REQUEST)

    assert [line for line in said if "the job needs --kms-key" in line]


def test_a_new_policy_gets_time_to_be_seen_before_the_job_begins(clients: Clients) -> None:
    began_s: list[float] = []

    def say(line: str) -> None:
        if line.startswith("batch job"):
            began_s.append(clients.clock.now_s())

    with logged(say):
        transform(clients, WITH_MODEL, REQUEST)

    assert began_s == [15.0]


@pytest.mark.parametrize("instance", ["ml.g5.xlarge", "ml.p3.2xlarge", "ml.c7g.large"])
def test_an_instance_that_the_stock_image_is_not_for_is_refused(
    clients: Clients, instance: str
) -> None:
    spec = AwsSpec(image=stock_image("us-east-1", None))
    stock = WITH_MODEL.model_copy(update={"spec": spec})

    with pytest.raises(ConfigError, match=r"no CUDA|ARM processor"):
        transform(clients, stock, replace(REQUEST, instance=instance))
    assert clients.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []


def test_a_job_on_a_gpu_has_the_driver_for_its_image(clients: Clients) -> None:
    spec = AwsSpec(image=stock_image("us-east-1", "ml.g5.xlarge"), instance="ml.g5.xlarge")
    deployment = WITH_MODEL.model_copy(update={"spec": spec})

    job, _ = transformed(clients, deployment, replace(REQUEST, instance="ml.g5.xlarge"))

    assert job["TransformResources"]["TransformAmiVersion"] == "al2-ami-sagemaker-batch-gpu-535"
    with pytest.raises(ConfigError, match="has no GPU"):
        transform(clients, deployment, replace(REQUEST, instance="ml.c5.xlarge"))


def policies(clients: Clients) -> list[str]:
    found: list[str] = clients.client("iam").list_role_policies(RoleName=NAMES.role("endpoint"))[
        "PolicyNames"
    ]
    return found


def test_a_job_is_started_with_the_deployed_model_and_its_policy_goes_again(
    clients: Clients,
) -> None:
    during: list[dict[str, Any]] = []

    def say(_line: str) -> None:
        for name in policies(clients):
            role = {"RoleName": NAMES.role("endpoint"), "PolicyName": name}
            during.append(clients.client("iam").get_role_policy(**role)["PolicyDocument"])

    with logged(say):
        done = transform(clients, WITH_MODEL, REQUEST)

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
            transform(clients, WITH_MODEL, REQUEST)
    assert "TransformJobs" in (raised.value.hint or "")
    assert policies(clients) == []


def test_a_job_outlives_looks_at_it_that_fail(clients: Clients) -> None:
    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        for each in ("InProgress", None, None, "Completed"):
            if each is None:
                stub.add_client_error("describe_transform_job", "ThrottlingException")
            else:
                stub.add_response("describe_transform_job", described(each))
        done = transform(clients, WITH_MODEL, REQUEST)

    assert done.output == REQUEST.output.uri
    assert policies(clients) == []


def test_a_job_that_can_not_be_looked_at_for_ten_minutes_is_told_to_stop(clients: Clients) -> None:
    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        for _ in range(46):  # from a second apart to a quarter of a minute
            stub.add_client_error("describe_transform_job", "ThrottlingException")
        stub.add_response("stop_transform_job", {})
        with pytest.raises(ServiceError, match="throttling"):
            transform(clients, WITH_MODEL, REQUEST)
        stub.assert_no_pending_responses()
    assert policies(clients) == []


def begins(stub: Stubber) -> None:
    """There is no endpoint that could serve another model, and the job is taken."""
    nothing = 'Could not find endpoint "arn:aws:sagemaker:x".'
    stub.add_client_error("describe_endpoint", "ValidationException", nothing)
    stub.add_response("create_transform_job", {"TransformJobArn": "arn:aws:sagemaker:x"})


def described(status: str) -> dict[str, Any]:
    return {
        "TransformJobName": "x",
        "TransformJobArn": "arn:aws:sagemaker:x",
        "ModelName": MODEL,
        "TransformJobStatus": status,
        "FailureReason": "no memory",
        "CreationTime": 0,
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://theirs/in/2026"}
            }
        },
        "TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    }


def press_ctrl_c_once_it_runs(line: str) -> None:
    if line.endswith("InProgress"):
        raise KeyboardInterrupt


def test_ctrl_c_stops_the_job(clients: Clients) -> None:
    with Stubber(clients.client("sagemaker")) as stub, logged(press_ctrl_c_once_it_runs):
        begins(stub)
        stub.add_response("describe_transform_job", described("InProgress"))
        stub.add_response("stop_transform_job", {})
        with pytest.raises(InterruptedRunError, match="told to stop"):
            transform(clients, WITH_MODEL, REQUEST)
        stub.assert_no_pending_responses()
    assert policies(clients) == []


def test_a_job_that_cannot_be_told_to_stop_is_named_with_what_stops_it(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    with Stubber(clients.client("sagemaker")) as stub, logged(press_ctrl_c_once_it_runs):
        begins(stub)
        stub.add_response("describe_transform_job", described("InProgress"))
        stub.add_client_error("stop_transform_job", "ExpiredToken", "expired")
        with pytest.raises(InterruptedRunError, match="could not be told to stop") as stopped:
            transform(clients, WITH_MODEL, REQUEST)
    (policy,) = policies(clients)
    assert policy in stopped.value.message
    stops = f"aws sagemaker stop-transform-job --transform-job-name {policy} --region us-east-1"
    assert f"may still run and be billed: {stops}" in caplog.text


def test_a_policy_that_cannot_be_taken_back_hides_no_other_error(
    clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Stubber(clients.client("sagemaker")) as stub,
        Stubber(clients.client("iam")) as iam,
    ):
        begins(stub)
        iam.add_response("put_role_policy", {})
        stub.add_client_error("describe_transform_job", "AccessDeniedException", "no")
        stub.add_response("stop_transform_job", {})
        iam.add_client_error("delete_role_policy", "AccessDenied", "not this one")
        with pytest.raises(TargetError, match="looking"):
            transform(clients, WITH_MODEL, REQUEST)
    assert "until the teardown: " in caplog.text
    assert "not allowed: not this one" in caplog.text


def test_a_job_that_can_not_be_looked_at_is_stopped_too(clients: Clients) -> None:
    with Stubber(clients.client("sagemaker")) as stub:
        begins(stub)
        stub.add_client_error("describe_transform_job", "AccessDeniedException", "no")
        stub.add_response("stop_transform_job", {})
        with pytest.raises(TargetError, match="not allowed"):
            transform(clients, WITH_MODEL, REQUEST)
        stub.assert_no_pending_responses()
    assert policies(clients) == []


def test_nothing_to_score_starts_nothing(clients: Clients) -> None:
    nothing = BatchRequest(
        source=Place("theirs", "no"), output=Place("theirs", "out"), instance="ml.c5.xlarge"
    )
    with pytest.raises(ConfigError, match="no object begins with that"):
        transform(clients, WITH_MODEL, nothing)
    assert clients.client("sagemaker").list_transform_jobs()["TransformJobSummaries"] == []


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3://b",
        "s3:/bucket/x",
        "s3://UPPER/x",
        "s3://b*c/x",
        "https://bucket/x",
        "s3://bucket/*",
    ],
)
def test_what_is_no_place_in_s3(text: str) -> None:
    with pytest.raises(ConfigError, match="--input"):
        parse_place(text, "--input")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--input", "s3://theirs/in", "--output", "here.csv"), 2, "both be on S3"),
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


def test_a_teardown_stops_what_a_killed_command_has_left_running(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    admin = boto3.Session("admin", "admin", region_name=NAMES.region)
    admin.client("s3").create_bucket(Bucket="theirs")
    admin.client("s3").put_object(Bucket="theirs", Key="in.jsonl", Body=b"{}")
    assert (
        newsclf("deploy", "--archive", archive, "--instance", "ml.c5.large", "--yes").exit_code == 0
    )
    places = ("--input", "s3://theirs/in", "--output", "s3://theirs/out/")
    assert newsclf("predict", "--deployment", "news", *places).exit_code == 0
    (job,) = (jobs := sagemaker_backends[ACCOUNT][NAMES.region].transform_jobs).values()
    other = copy.copy(job)
    other.transform_job_name = f"newsclf-news-other-{'1' * 14}"
    jobs[other.transform_job_name] = other
    job.transform_job_status = other.transform_job_status = "InProgress"
    aws.forget()

    result = newsclf("teardown", "--yes")

    assert result.exit_code == 0, result.err
    assert (job.transform_job_status, other.transform_job_status) == ("Stopped", "InProgress")
    called = [record.call.operation for record in aws.records]
    assert called.index("StopTransformJob") < called.index("DeleteModel")
    assert called.index("StopTransformJob") < called.index("DeleteRole")
