"""Accounts that demand tags, permissions boundaries, or roles that somebody else has made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends

from newsclf.common.account_rules import AccountRules
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.iam.policy import COMMANDS, statements
from newsclf.deploy.aws.jobs.training import remove_training, training_resources
from newsclf.deploy.aws.walk.apply import ensure
from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli, Result
from tests.support.fakeaws.fixtures import REGION, Deploy
from tests.support.fakeaws.server import FakeAws

BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/theirs"
RULES = ("--permissions-boundary", BOUNDARY, "--tag", "team=news", "--tag", "env=test")
MORE = ("--max", 2, "--ttl", "2h", "--budget", 20, "--budget-email", "who@example.com")


def ran(result: Result) -> Result:
    assert result.exit_code == 0, result.err
    return result


def recorded() -> AwsDeployment:
    return Deployments(Path(".newsclf")).get_of(AwsDeployment, "news")


def bounded_by(role: Any) -> str:
    found: str = role.permissions_boundary["PermissionsBoundaryArn"]
    return found


def roles() -> list[Any]:
    return list(iam_backends[ACCOUNT]["aws"].roles.values())


@pytest.fixture
def strict(aws: FakeAws) -> FakeAws:
    """An organisation that lets nothing be made without a tag, and no role without a boundary."""
    aws.services.demanded_tag = "team"
    aws.services.demanded_boundary = BOUNDARY
    return aws


@pytest.fixture
def theirs(aws: FakeAws) -> Iterator[FakeAws]:
    """A role that somebody has made, and no right to do anything about roles but to pass it on."""
    iam = boto3.Session("admin", "admin", region_name=REGION).client("iam")
    services = [f"{each}.amazonaws.com" for each in ("sagemaker", "lambda", "scheduler")]
    iam.create_role(
        RoleName="theirs",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": services},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )
    allowed = ["logs:CreateLogGroup", "cloudwatch:DescribeAlarms", "sagemaker:InvokeEndpoint"]
    iam.put_role_policy(
        RoleName="theirs",
        PolicyName="all",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}],
            }
        ),
    )
    aws.fault = lambda _, call: "denied" if call.service == "iam" else None
    yield aws
    asked = {record.call.operation for record in aws.records if record.call.service == "iam"}
    assert asked <= {"ListRoles"}


def test_everything_is_made_with_the_tags_and_the_boundary_that_are_demanded(
    strict: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    refused = deploy()
    assert refused.exit_code == 4
    assert "service control policy" in refused.err
    assert strict.world.left() == []

    ran(deploy(*MORE, *RULES))
    ran(newsclf("wire-api", "--auth", "api-key"))
    ran(deploy(*MORE, "--image", f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/other:1"))

    assert {bounded_by(role) for role in roles()} == {BOUNDARY}
    assert len(roles()) == 4
    tagged = boto3.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "newsclf:managed"}], ResourcesPerPage=100
    )["ResourceTagMappingList"]
    assert len(tagged) > 8
    for each in tagged:
        tags = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
        assert (tags["team"], tags["env"]) == ("news", "test"), each["ResourceARN"]
    assert recorded().spec.rules.tags == {"team": "news", "env": "test"}
    ran(newsclf("teardown"))
    assert strict.world.left() == []


def test_a_role_that_was_made_without_a_boundary_gets_it(aws: FakeAws, deploy: Deploy) -> None:
    ran(deploy())
    again = ran(deploy(*RULES))

    assert "its permissions boundary" in again.out
    assert {bounded_by(role) for role in roles()} == {BOUNDARY}
    assert aws.sagemaker.changes == {}


def test_a_role_of_ones_own_serves_all_and_none_is_made(
    theirs: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    ran(deploy(*MORE, "--role", ROLE))
    ran(deploy(*MORE))  # it is recorded
    ran(newsclf("wire-api", "--auth", "api-key"))
    ran(newsclf("wire-api", "--auth", "iam"))
    ran(newsclf("predict", "Profit rose"))
    ran(newsclf("status"))
    boto3.Session("admin", "admin").client("s3").create_bucket(Bucket="theirs")
    boto3.Session("admin", "admin").client("s3").put_object(
        Bucket="theirs", Key="in.jsonl", Body=b"{}"
    )
    ran(newsclf("predict", "--input", "s3://theirs/in", "--output", "s3://theirs/out/"))

    used = {
        value
        for record in theirs.records
        for name in ("ExecutionRoleArn", "Role", "RoleArn")
        if (value := record.call.params.get(name))
    }
    assert used == {ROLE}
    assert [role.name for role in roles()] == ["theirs"]
    torn = ran(newsclf("teardown"))
    assert "deleted endpoint log" in torn.err
    assert torn.err.count("deleted endpoint log") == 2  # a last line had brought it back
    assert [line for line in theirs.world.left() if "theirs" not in line] == []


def test_a_role_of_another_account_is_refused_before_anything_is_made(
    aws: FakeAws, deploy: Deploy
) -> None:
    result = deploy("--role", "arn:aws:iam::999999999999:role/theirs")

    assert result.exit_code == 2
    assert "--role: it belongs to the account 999999999999" in result.err
    assert aws.world.left() == []


def test_a_training_with_a_role_of_ones_own_makes_and_deletes_none(theirs: FakeAws) -> None:
    names = Names("train-0123456789ab", ACCOUNT, REGION, AccountRules(role=ROLE))
    scope = Scope(Clients(REGION), names)
    ensure(training_resources(scope, f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/i:1"))
    assert [role.name for role in roles()] == ["theirs"]
    assert names.role_arn(names.role("training")) == ROLE

    remove_training(scope)
    assert theirs.world.left() == ["role theirs"]


def test_with_a_role_of_ones_own_the_policy_only_passes_it_on(newsclf: Cli) -> None:
    document = json.loads(newsclf("policy", "--role", ROLE).out)

    actions = {a: s for s in document["Statement"] for a in s["Action"] if a.startswith("iam:")}
    assert set(actions) == {"iam:CreateServiceLinkedRole", "iam:PassRole"}
    assert actions["iam:PassRole"]["Resource"] == ROLE
    assert "iam:ListRoles" in str(statements(COMMANDS))
