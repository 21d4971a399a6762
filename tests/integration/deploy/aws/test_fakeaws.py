"""The proxy before moto: it must notice what real AWS would refuse, or it proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.exceptions
import httpx
import pytest
from botocore.config import Config

from newsclf.deploy.credentials import Signature
from newsclf.deploy.sigv4 import Credentials, Scope
from tests.support.fakeaws.data_plane import USER, USER_SECRET
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import LOST, FakeAws

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
CONFIG = {
    "ProductionVariants": [
        {
            "VariantName": "v",
            "ModelName": "m",
            "InstanceType": "ml.c7i.large",
            "InitialInstanceCount": 1,
        }
    ]
}


def client(service: str) -> Any:
    return boto3.client(service, config=Config(parameter_validation=False))


def sign(secret: str) -> Signature:
    return Signature(Credentials(USER, secret), Scope("us-east-1", "sagemaker"))


@pytest.fixture
def sagemaker(aws: FakeAws) -> Iterator[Any]:
    """SageMaker with a role, a model and a configuration."""
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    s3 = client("s3")
    s3.create_bucket(Bucket="some-bucket")
    s3.put_object(Bucket="some-bucket", Key="model.tar.gz", Body=b"x")
    found = client("sagemaker")
    found.create_model(
        ModelName="m",
        ExecutionRoleArn=role["Role"]["Arn"],
        PrimaryContainer={"Image": "i", "ModelDataUrl": "s3://some-bucket/model.tar.gz"},
    )
    found.create_endpoint_config(EndpointConfigName="c", **CONFIG)
    aws.forget()
    yield found
    aws.forget()


def refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call(**arguments)
    return str(raised.value)


def first_attempts(fault: str) -> Callable[[int, Call], str | None]:
    """Answers first attempts with a fault."""
    return lambda _, call: fault if call.attempt == 1 else None


def statuses(sagemaker: Any, count: int) -> list[str]:
    return [sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] for _ in range(count)]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"EndpointName": "under_score", "EndpointConfigName": "c"}, "does not match"),
        ({"EndpointName": "e" * 64, "EndpointConfigName": "c"}, "not 0 to 63"),
        ({"EndpointName": "e", "EndpointConfigName": "c", "Colour": "red"}, "Colour is unknown"),
        ({"EndpointName": "e"}, "EndpointConfigName is missing"),
    ],
)
def test_what_a_model_does_not_allow_is_noticed(
    aws: FakeAws, arguments: dict[str, Any], problem: str
) -> None:
    """Sent by hand, since boto3 leaves out what it does not know."""
    httpx.post(
        aws.url,
        content=json.dumps(arguments),
        headers={
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": "SageMaker.CreateEndpoint",
        },
        auth=sign(USER_SECRET),
    )

    assert problem in " ".join(aws.problems)
    aws.forget()


def test_ranges_and_names_of_values_are_noticed(aws: FakeAws) -> None:
    variant = CONFIG["ProductionVariants"][0]
    with pytest.raises(botocore.exceptions.ClientError):
        client("sagemaker").create_endpoint_config(
            EndpointConfigName="c",
            ProductionVariants=[
                variant
                | {
                    "InstanceType": "ml.m7g.large",
                    "ContainerStartupHealthCheckTimeoutInSeconds": 30,
                }
            ],
        )

    assert [problem.partition("]")[2].split(" ")[0] for problem in sorted(aws.problems)] == [
        ".ContainerStartupHealthCheckTimeoutInSeconds",
        ".InstanceType",
    ]
    aws.forget()


def test_an_endpoint_takes_its_time(sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    again = refused(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="c")
    assert "already existing endpoint" in again
    assert "in-progress" in refused(sagemaker.delete_endpoint, EndpointName="e")
    assert statuses(sagemaker, 3) == ["Creating", "Creating", "InService"]
    assert "in use" in refused(sagemaker.delete_endpoint_config, EndpointConfigName="c")

    sagemaker.delete_endpoint(EndpointName="e")
    assert statuses(sagemaker, 2) == ["Deleting", "Deleting"]
    assert "Could not find endpoint" in refused(sagemaker.describe_endpoint, EndpointName="e")


def watched(config: str | None) -> dict[str, Any]:
    """What ends an update: errors of one configuration's fleet, or of any."""
    only = [{"Name": "EndpointConfigName", "Value": config}] if config else []
    dimensions = [{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "v"}]
    client("cloudwatch").put_metric_alarm(
        AlarmName=f"errors-{config}",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=dimensions + only,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.05,
        ComparisonOperator="GreaterThanThreshold",
    )
    policy = {
        "Statement": [{"Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms"], "Resource": "*"}]
    }
    client("iam").put_role_policy(
        RoleName="r", PolicyName="p", PolicyDocument=json.dumps(policy | {"Version": "2012-10-17"})
    )
    alarms = {"Alarms": [{"AlarmName": f"errors-{config}"}]}
    traffic = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    return {
        "DeploymentConfig": {
            "AutoRollbackConfiguration": alarms,
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": traffic},
        }
    }


@pytest.mark.parametrize(("of", "ends"), [(None, "c"), ("c", "c"), ("d", "d")])
def test_an_alarm_that_sees_the_old_fleet_fail_ends_the_update(
    aws: FakeAws, sagemaker: Any, of: str | None, ends: str
) -> None:
    sagemaker.create_endpoint_config(EndpointConfigName="d", **CONFIG)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    statuses(sagemaker, 3)
    aws.sagemaker.failing = {"c": "5XX"}
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="d", **watched(of))
    statuses(sagemaker, 3)

    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointConfigName"] == ends


def test_an_update_ends_with_the_new_configuration_or_the_old_one(
    aws: FakeAws, sagemaker: Any
) -> None:
    sagemaker.create_endpoint_config(EndpointConfigName="d", **CONFIG)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    statuses(sagemaker, 3)
    for rolls_back, status, config in ((False, "Updating", "d"), (True, "RollingBack", "d")):
        aws.sagemaker.rolls_back = rolls_back
        wanted, watch = ("c", watched("c")) if rolls_back else ("d", watched("d"))
        sagemaker.update_endpoint(EndpointName="e", EndpointConfigName=wanted, **watch)
        assert statuses(sagemaker, 3) == [status, status, "InService"]
        shown = sagemaker.describe_endpoint(EndpointName="e")
        assert shown["EndpointConfigName"] == config


def test_a_call_can_be_disturbed_in_each_way(aws: FakeAws, sagemaker: Any) -> None:
    for fault in ("throttling", "failure", LOST):
        aws.fault = first_attempts(fault)
        assert sagemaker.list_models()["Models"] != []
        assert [record.fault for record in aws.records] == [fault, None]
        aws.forget()
    aws.fault = lambda _index, _call: "denied"
    assert "AccessDeniedException" in refused(sagemaker.list_models)


def test_a_lost_answer_means_that_the_work_was_done(aws: FakeAws, sagemaker: Any) -> None:
    aws.fault = first_attempts(LOST)
    again = refused(sagemaker.create_endpoint, EndpointName="e", EndpointConfigName="c")

    assert "already existing" in again


def test_what_is_there_can_be_saved_and_put_back(aws: FakeAws, sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    before = aws.save()
    left = aws.world.left()
    assert "us-east-1 endpoint e" in left

    for _ in range(2):
        statuses(sagemaker, 3)
        sagemaker.delete_endpoint(EndpointName="e")
        client("s3").delete_object(Bucket="some-bucket", Key="model.tar.gz")
        aws.restore(before)
        assert aws.world.left() == left
        assert statuses(sagemaker, 3) == ["Creating", "Creating", "InService"]


@pytest.mark.parametrize(
    ("variant", "size", "said"),
    [
        ({"InstanceType": "ml.c5.large", "InitialInstanceCount": 1}, 6_300_000, "(413)"),
        (
            {"ServerlessConfig": {"MemorySizeInMB": 3072, "MaxConcurrency": 5}},
            4_200_000,
            "has oversize body",
        ),
    ],
)
def test_a_request_to_an_endpoint_has_a_limit(
    sagemaker: Any, variant: dict[str, Any], size: int, said: str
) -> None:
    variant |= {"VariantName": "v", "ModelName": "m"}
    sagemaker.create_endpoint_config(EndpointConfigName="d", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="d")
    statuses(sagemaker, 3)
    invoke = client("sagemaker-runtime").invoke_endpoint

    assert said in refused(invoke, EndpointName="e", Body=b" " * size)


def test_only_its_own_credentials_reach_an_endpoint(aws: FakeAws, sagemaker: Any) -> None:
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
    statuses(sagemaker, 3)
    url = f"{aws.url}/endpoints/e/invocations"
    codes = [
        httpx.post(url, json={"inputs": "Profit rose"}, auth=sign(secret)).status_code
        for secret in (USER_SECRET, "another")
    ]

    assert codes == [200, 403]
