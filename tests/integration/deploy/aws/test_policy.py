"""`newsclf policy` prints what the commands ask for: no more, no less."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends
from moto.sagemaker.models import sagemaker_backends
from moto.scheduler.models import scheduler_backends

from newsclf.deploy.aws.iam.policy import (
    COMMANDS,
    MANAGED_POLICY_CHARS,
    Command,
    Statement,
    document,
    size,
    statements,
)
from tests.conftest import Cli
from tests.support.fakeaws.components import Component
from tests.support.fakeaws.fixtures import REGION
from tests.support.fakeaws.permissions import Permission
from tests.support.fakeaws.server import FakeAws
from tests.support.fakeaws.services import functions

ANY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
RULES = ("--permissions-boundary", BOUNDARY, "--tag", "team=news")
Steps = list[tuple[object, ...] | Callable[[], object]]


def attach_policy() -> None:
    """As somebody else would do by hand."""
    client = boto3.Session("admin", "admin", region_name=REGION).client("iam")
    roles = list(iam_backends[ACCOUNT]["aws"].roles.values())
    name = f"theirs-{'-'.join(role.name for role in roles)}"
    policy = client.create_policy(PolicyName=name[:100], PolicyDocument=ANY)
    for role in roles:
        client.attach_role_policy(RoleName=role.name, PolicyArn=policy["Policy"]["Arn"])


def be_scheduled_otherwise() -> None:
    """As a resume that was cut off earlier left it."""
    groups = scheduler_backends[ACCOUNT][REGION].schedule_groups.values()
    for schedule in (each for group in groups for each in group.schedules.values()):
        schedule.schedule_expression = "at(2030-01-01T00:00:00)"


def training_steps(aws: FakeAws, trained: Path) -> tuple[Steps, Steps]:
    """A training that is cut off and one that is stopped; and one that is left alone."""
    train = (
        "train",
        "--on",
        "sagemaker",
        "--instance",
        "ml.m5.xlarge",
        "--yes",
        "--config",
        trained / "tiny.toml",
        *RULES,
    )
    training = aws.sagemaker.training
    training.model, training.lines = trained / "model", ("one",)

    def deny(*operations: str) -> None:
        aws.fault = lambda _, call: "denied" if call.operation in operations else None

    def lose_job() -> None:
        """From now on jobs take long, and can't be looked at once they are there."""
        training.stuck = True
        aws.fault = lambda _, call: (
            "denied" if call.params.get("TrainingJobName") in training.jobs else None
        )

    def press_ctrl_c() -> None:
        """When a job has been created."""
        training.stuck = True
        aws.done = lambda _, call: (
            os.kill(os.getpid(), signal.SIGINT) if call.operation == "CreateTrainingJob" else None
        )

    def let_go() -> None:
        training.stuck = False
        aws.done = lambda _, __: None
        deny()

    ended: Steps = [
        lambda: deny("PutRolePolicy", "DeleteRole"),
        train,
        deny,
        attach_policy,
        ("train", "--resume"),
        press_ctrl_c,
        (*train, "--out", "stopped"),
        let_go,
    ]
    return ended, [lose_job, (*train, "--out", "lost"), let_go]


def steps(aws: FakeAws, archive: Path, trained: Path) -> Steps:
    """Commands that together make every kind of call, and what others do in between."""
    trainings, lost_training = training_steps(aws, trained)
    c5 = ("deploy", "--archive", archive, "--instance", "ml.c5.large", "--yes")
    more = ("--max", 2, "--ttl", "2h", "--budget", 20, "--budget-email", "who@example.com")
    image = ("--image", "763104351884.dkr.ecr.us-east-1.amazonaws.com/other:1")
    load = ("--concurrency", 1, "--duration", 1, "--warmup", 0)
    jwt = ("--jwt-issuer", "https://issuer.example", "--jwt-audience", "news")
    batch = (
        "predict",
        "--deployment",
        "news",
        "--input",
        "s3://theirs/in",
        "--output",
        "s3://theirs/out/",
    )
    as_admin = boto3.Session("admin", "admin", region_name=REGION)

    def put_headlines() -> None:
        as_admin.client("s3").create_bucket(Bucket="theirs")
        as_admin.client("s3").put_object(Bucket="theirs", Key="in.jsonl", Body=b"{}")

    def be_of_another_version() -> None:
        """What an older newsclf, or someone by hand, has made of it."""
        for role in iam_backends[ACCOUNT]["aws"].roles.values():
            role.assume_role_policy_document = json.dumps({"Statement": []})
        for function in functions(REGION).values():
            function.code_sha_256 = "another"
            function.environment_vars["MODEL_DIGEST"] = "another"
            function.policy.statements[0]["Condition"]["ArnLike"]["AWS:SourceArn"] = "another"

    def deny(*operations: str, times: int = 10**9) -> None:
        left = iter(range(times))
        aws.fault = lambda _, call: (
            "denied" if call.operation in operations and next(left, None) is not None else None
        )

    return [
        *trainings,
        (*c5, *more, "--tag", "team=news"),
        (*c5, *more),
        (*c5, *more, *RULES),
        ("pause",),
        lambda: deny("RegisterScalableTarget"),
        ("resume",),
        deny,
        be_scheduled_otherwise,
        ("resume",),
        (*c5, "--ttl", "3h", "--budget", 30, "--budget-email", "who@example.com"),
        (*c5, *image),
        ("logs",),
        ("predict", "Profit rose"),
        ("wire-api", "--cors", "https://example.com"),
        ("wire-api", "--cors", "https://example.org"),
        ("wire-api", "--auth", "jwt", *jwt, "--unreserved"),
        ("wire-api", "--auth", "api-key", "--rate", 5),
        attach_policy,
        ("wire-api", "--auth", "iam"),
        be_of_another_version,
        (*c5, *image),
        be_of_another_version,
        ("wire-api",),
        ("predict", "Profit rose"),
        ("logs", "--api"),
        ("loadtest", *load),
        lambda: deny("DescribeInferenceRecommendationsJob", times=1),
        ("loadtest", "--direct", "--recommender", "--yes", *load),
        deny,
        lambda: leave_a_job_running(aws),
        put_headlines,
        batch,
        lambda: deny("DescribeTransformJob"),
        batch,
        deny,
        leave_a_batch_job_running,
        *lost_training,
        ("status", "--region", REGION),
        lambda: setattr(aws.sagemaker, "failure", "broken"),
        ("deploy", "--archive", archive, "--serverless", "--yes"),
        lambda: setattr(aws.sagemaker, "failure", None),
        (*c5, *more),
        ("loadtest", "--direct", *load),
        lambda: add_components(aws),
        ("teardown", "--all", "--region", REGION, "--yes"),
        ("status", "--region", REGION),  # the tagging API still lists what is gone
    ]


def add_components(aws: FakeAws) -> None:
    """Two inference components that others made: one on the endpoint, one with the tag."""
    components = aws.sagemaker.components.found
    components["theirs"] = Component("newsclf-news")
    components["tagged"] = Component("another")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:inference-component/tagged"
    aws.services.ghosts[arn] = [{"Key": "newsclf:deployment", "Value": "news"}]


def leave_a_batch_job_running() -> None:
    """As a kill does."""
    for job in sagemaker_backends[ACCOUNT][REGION].transform_jobs.values():
        job.transform_job_status = "InProgress"


def leave_a_job_running(aws: FakeAws) -> None:
    """As a kill does."""
    jobs = aws.sagemaker.recommender.jobs
    (name,) = jobs
    left = f"newsclf-news-{'1' * 15}"
    jobs[left] = replace(jobs[name], asked=jobs[name].asked | {"JobName": left}, status="PENDING")


@pytest.fixture
def recorded(
    aws: FakeAws, newsclf: Cli, archive: Path, trained: Path
) -> dict[Command, set[Permission]]:
    """What each command was recorded to need."""
    found: dict[Command, set[Permission]] = {}
    for step in steps(aws, archive, trained):
        if not isinstance(step, tuple):
            step()
            continue
        aws.forget()
        result = newsclf(*step)
        denied = [record for record in aws.records if record.fault is not None]
        expected = {0}
        if denied or aws.sagemaker.failure:
            expected = {4}
        elif step[-1] == "stopped":  # by Ctrl-C
            expected = {130}
        elif step[0] == "loadtest":  # a busy machine decides its verdict
            expected = {0, 6}
        assert result.exit_code in expected, f"{step}: {result.err}"
        needed = {each for record in aws.records for each in record.permissions}
        found.setdefault(command_of(step), set()).update(needed | aws.invoked)
    return found


def command_of(arguments: tuple[object, ...]) -> Command:
    return next(command for command in COMMANDS if command == arguments[0])


def allows(statement: Statement, permission: Permission) -> bool:
    patterns = (re.escape(each).replace(r"\*", ".*") for each in statement.resources)
    return permission.action in statement.actions and any(
        re.fullmatch(pattern, permission.resource) for pattern in patterns
    )


def lines(permissions: Iterable[tuple[str, object]]) -> str:
    return "\n".join(sorted(f"{command} {what}" for command, what in permissions))


def test_it_is_what_was_recorded_no_more_no_less(
    recorded: dict[Command, set[Permission]],
) -> None:
    lacking, superfluous = [], []
    for command, needed in recorded.items():
        policy = statements([command], region=REGION, account=ACCOUNT)
        lacking += [(command, each) for each in needed if not any(allows(s, each) for s in policy)]
        superfluous += [
            (command, f"{action} on {statement.kind}")
            for statement in policy
            for action in statement.actions
            if not any(
                allows(Statement(statement.kind, (action,), statement.resources), each)
                for each in needed
            )
        ]
    assert lines(lacking) == ""
    assert lines(superfluous) == ""
    assert set(recorded) == set(COMMANDS)


def test_all_its_actions_and_their_resources_exist() -> None:
    """By the authorization reference that cfn-lint ships."""
    reference = json.loads(
        files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text("utf-8")
    )
    wrong = []
    for statement in statements(COMMANDS):
        for action in statement.actions:
            service, _, name = action.partition(":")
            known = reference[service]["Actions"].get(name.lower())
            if known is None or (statement.resources != ("*",) and "Resources" not in known):
                wrong.append(action)
    assert wrong == []


def test_the_command_prints_what_iam_takes(newsclf: Cli) -> None:
    everything = newsclf("policy")
    one = newsclf("policy", "logs", "--region", "eu-west-1", "--account", "123456789012")

    assert everything.exit_code == one.exit_code == 0
    printed = json.loads(everything.out)
    assert printed["Version"] == "2012-10-17"
    assert {statement["Effect"] for statement in printed["Statement"]} == {"Allow"}
    assert not [s for s in printed["Statement"] if "*" in s["Action"]]
    passing = next(s for s in printed["Statement"] if s["Action"] == ["iam:PassRole"])
    assert len(passing["Condition"]["StringEquals"]["iam:PassedToService"]) == 3
    (statement,) = json.loads(one.out)["Statement"]
    assert statement["Action"] == ["logs:DescribeLogStreams", "logs:GetLogEvents"]
    assert statement["Resource"][0] == (
        "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/sagemaker/Endpoints/newsclf-*"
    )


@pytest.mark.parametrize("region", ["*", *boto3.Session().get_available_regions("ec2")])
def test_all_of_it_is_one_managed_policy_in_every_region(region: str) -> None:
    everything = document(region=region, account="123456789012")

    assert size(everything) <= MANAGED_POLICY_CHARS


def test_bedrock_is_in_it_when_asked_for_and_for_these_models_alone(newsclf: Cli) -> None:
    assert "bedrock" not in newsclf("policy").out
    models = ("amazon.nova-lite-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1:0")
    own = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    given = [word for model in (*models, own) for word in ("--bedrock", model)]

    result = newsclf(
        "policy", "label", *given, "--region", "us-east-1", "--account", "123456789012"
    )

    (statement,) = json.loads(result.out)["Statement"]
    assert statement["Action"] == ["bedrock:InvokeModel"]
    assert statement["Resource"] == [
        "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
        f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{models[1]}",
        "arn:aws:bedrock:*::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
        own,
    ]
    both = json.loads(newsclf("policy", "logs", "--bedrock", models[0]).out)["Statement"]
    assert [each["Action"][0].partition(":")[0] for each in both] == ["logs", "bedrock"]


def test_the_command_says_how_much_of_iam_s_room_it_takes(newsclf: Cli) -> None:
    result = newsclf("policy", "--region", "ap-northeast-1", "--account", "123456789012")

    used = size(json.loads(result.out))
    assert f"{used:,} of the 6,144 characters" in result.err
    assert "aws iam create-policy" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve"], "serve needs no permissions on AWS"),
        (["label"], "newsclf policy label --bedrock amazon.nova-lite-v1:0"),
        (["label", "--bedrock", "a model"], "expected a model such as"),
        (["--account", "12"], "expected twelve digits"),
        (["--region", "Paris"], "expected a region"),
    ],
)
def test_what_it_cannot_print_is_an_error(newsclf: Cli, arguments: list[str], said: str) -> None:
    result = newsclf("policy", *arguments)

    assert result.exit_code == 2
    assert said in result.err
