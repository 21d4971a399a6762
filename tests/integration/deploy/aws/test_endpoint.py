"""`newsclf deploy`, `status`, `logs` and `teardown` on AWS, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT

from newsclf.common.errors import StateError
from newsclf.common.files import file_digest
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.endpoint import Endpoint
from newsclf.deploy.aws.endpoint.model import model_in_use
from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments
from tests.conftest import Cli, Result
from tests.support.builders import build_archive
from tests.support.fakeaws.fixtures import Deploy
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.server import FakeAws

NAMES = Names("news", "123456789012", "us-east-1")
BUCKET = "newsclf-123456789012-us-east-1"


@pytest.fixture(scope="session")
def other_archive(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with another version of ONNX Runtime."""
    return build_archive(tmp_path_factory.mktemp("archive"), trained / "model", "1.2.4")


def actions(result: Result) -> dict[str, str]:
    """What the shown plan does to each kind of resource."""
    rows = [line for line in result.out.splitlines() if line[:8].strip() in _ACTIONS]
    return {line[8:31].strip(): line[:8].strip() for line in rows}


_ACTIONS = ("create", "keep", "update", "replace", "delete")


def called(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [r.call.params for r in aws.records if r.call.operation == operation]


def changes(aws: FakeAws) -> list[str]:
    """Every call that is not a mere look."""
    looks = ("Describe", "List", "Get", "Head", "InvokeEndpoint")
    return [str(r.call) for r in aws.records if not r.call.operation.startswith(looks)]


# --- the life of a deployment


def test_a_deployment_comes_up_stays_and_goes_without_a_trace(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    looked = deploy("--dry-run")
    assert looked.exit_code == 0, looked.err
    assert set(actions(looked).values()) == {"create"}
    assert "$0.102 an hour" in looked.out
    assert aws.world.left() == []
    assert changes(aws) == []
    assert not Path(".newsclf/deployments").exists()

    first = deploy()
    assert first.exit_code == 0, first.err
    assert "endpoint: Creating" in first.err
    assert aws.records[-1].call.operation == "InvokeEndpoint"

    aws.forget()
    again = deploy()
    assert again.exit_code == 0, again.err
    assert set(actions(again).values()) == {"keep"}
    assert changes(aws) == []

    shown = newsclf("status")
    assert [line.split()[:6] for line in shown.out.splitlines()][2] == [
        "news",
        "us-east-1",
        "ml.c5.large",
        "×",
        "1",
        "InService",
    ]
    assert newsclf("logs").out.splitlines() == ["serving on port 8080", "ready"]

    removed = newsclf("teardown")
    assert removed.exit_code == 0, removed.err
    assert aws.world.left() == []
    assert "nothing is deployed" in newsclf("status").err


def test_what_is_made_is_closed_encrypted_tagged_and_small(
    aws: FakeAws, deploy: Deploy, archive: Path
) -> None:
    assert deploy("--min", 2).exit_code == 0

    s3, iam, sagemaker = (boto3.client(name) for name in ("s3", "iam", "sagemaker"))
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    key = f"news/{file_digest(archive)}/model.tar.gz"
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == archive.read_bytes()

    role = iam.get_role(RoleName="newsclf-news-use1-ep")["Role"]
    trust = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName="newsclf")["PolicyDocument"]
    for statement in policy["Statement"]:
        broad = {"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"}
        assert statement["Resource"] != "*" or set(statement["Action"]) <= broad
        assert "*" not in statement["Action"]

    (variant,) = called(aws, "CreateEndpointConfig")[0]["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 2
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 300
    (model,) = called(aws, "CreateModel")
    assert model["EnableNetworkIsolation"] is True
    tags = {"newsclf:deployment": "news", "newsclf:managed": "true"}
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "PutMetricAlarm"):
        assert {t["Key"]: t["Value"] for t in called(aws, operation)[0]["Tags"]} == tags
    assert sagemaker.list_tags(ResourceArn=model_arn(sagemaker))["Tags"]
    state = Path(".newsclf/deployments/news.json").read_text(encoding="utf-8")
    assert "secret" not in state.lower()
    assert {step["status"] for step in json.loads(state)["journal"]} == {"ready"}


def model_arn(sagemaker: Any) -> str:
    arn: str = sagemaker.list_models()["Models"][0]["ModelArn"]
    return arn


def test_a_new_model_comes_blue_green_and_ends_when_errors_rise(
    aws: FakeAws, deploy: Deploy, other_archive: Path, newsclf: Cli
) -> None:
    deploy()
    before = boto3.client("sagemaker").describe_endpoint(EndpointName="newsclf-news")

    updated = deploy(packed=other_archive)

    assert updated.exit_code == 0, updated.err
    made = {kind for kind, action in actions(updated).items() if action != "keep"}
    assert made == {"archive", "model", "endpoint configuration", "error alarm", "endpoint"}
    assert actions(updated)["endpoint"] == "update"
    (update,) = called(aws, "UpdateEndpoint")
    alarms = update["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]
    assert alarms == [{"AlarmName": f"{update['EndpointConfigName']}-errors"}]
    assert update["EndpointConfigName"] != before["EndpointConfigName"]
    assert called(aws, "DeleteEndpoint") == []
    newsclf("teardown")
    assert aws.world.left() == []


def test_serverless_is_billed_by_use_and_is_no_update_of_instances(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    up = deploy("--serverless", "--memory", 2048, "--concurrency", 5)

    assert up.exit_code == 0, up.err
    assert "free while idle" in up.out
    (variant,) = called(aws, "CreateEndpointConfig")[0]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert "InstanceType" not in variant
    assert "by use" in newsclf("status").out
    other = deploy("--instance", "ml.c5.large")
    assert other.exit_code == 0, other.err
    assert actions(other)["endpoint"] == "replace"
    assert "down for minutes" in other.out
    newsclf("teardown")
    assert aws.world.left() == []


def test_scaling_end_of_life_and_budget_come_and_go(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    options = ("--max", 3, "--ttl", "2h", "--budget", 50, "--budget-email", "a@b.example")
    up = deploy(*options)
    assert up.exit_code == 0, up.err
    assert {"autoscaling", "end of life", "end-of-life role", "budget alarm"} <= set(actions(up))
    assert "$0.306 an hour" in up.out

    plain = deploy()
    assert plain.exit_code == 0, plain.err
    assert actions(plain)["autoscaling"] == "delete"
    assert actions(plain)["endpoint"] == "keep"
    assert any("schedule" in line for line in aws.world.left())  # it can only save money

    newsclf("teardown")
    assert aws.world.left() == []


# --- what goes wrong


def test_a_container_that_fails_tells_why_and_can_be_replaced(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    aws.sagemaker.failure = "The primary container did not pass the ping health check."
    aws.sagemaker.container_log = tuple(f"line {i}\x1b[2J" for i in range(60))

    failed = deploy()

    assert failed.exit_code == 4
    assert "did not pass the ping health check" in failed.err
    shown = [line.strip() for line in failed.err.splitlines() if line.startswith("  ")]
    assert [line for line in shown if line.startswith("line ")] == [
        f"line {i}\\x1b[2J" for i in range(10, 60)
    ]
    assert "it is billed ($0.102 an hour), then only storage is" in failed.err
    assert "newsclf teardown --deployment news" in failed.err
    assert "Failed" in newsclf("status").out

    aws.sagemaker.failure = None
    mended = deploy()
    assert mended.exit_code == 0, mended.err
    assert actions(mended)["endpoint"] == "replace"


def test_an_endpoint_that_stays_creating_ends_the_wait_and_can_still_be_removed(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(Clock, "now_s", lambda _: seconds[0])
    monkeypatch.setattr(Clock, "sleep", lambda _, s: seconds.append(seconds.pop() + s))
    aws.sagemaker.stuck = True

    stuck = deploy()

    assert stuck.exit_code == 4
    assert "Creating for 45 minutes" in stuck.err
    assert "it is billed" in stuck.err
    assert "$0.102 an hour" in stuck.err
    aws.sagemaker.changes["newsclf-news"].polls_left = 3
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []


def test_a_model_that_answers_badly_is_never_reported_as_up(
    aws: FakeAws, deploy: Deploy, other_archive: Path
) -> None:
    aws.data_plane.model_fails = True
    broken = deploy()
    assert broken.exit_code == 4
    assert "internal: the model cannot be loaded" in broken.err

    aws.data_plane.model_fails = False
    assert deploy().exit_code == 0  # the endpoint is there, and now it answers
    before = boto3.client("sagemaker").describe_endpoint(EndpointName="newsclf-news")
    aws.data_plane.model_fails = True
    worse = deploy(packed=other_archive)

    assert worse.exit_code == 4
    assert "back on the old one" in worse.err
    after = boto3.client("sagemaker").describe_endpoint(EndpointName="newsclf-news")
    assert after["EndpointConfigName"] == before["EndpointConfigName"]


def test_an_update_that_aws_rolls_back_is_an_error(
    aws: FakeAws, deploy: Deploy, other_archive: Path
) -> None:
    deploy()
    aws.sagemaker.rolls_back = True

    rolled = deploy(packed=other_archive)

    assert rolled.exit_code == 4
    assert "rolled the update" in rolled.err
    assert "alarm(s) in alarm state" in rolled.err


def test_a_job_runs_the_model_that_serves_not_the_last_that_was_made(
    aws: FakeAws, deploy: Deploy, other_archive: Path
) -> None:
    deploy()
    (first,) = (each["ModelName"] for each in called(aws, "CreateModel"))
    scope = Scope(Clients(NAMES.region), NAMES)
    found = Deployments(Path(".newsclf")).get_of(AwsDeployment, "news")
    aws.sagemaker.rolls_back = True
    deploy(packed=other_archive)
    rolled_back = Deployments(Path(".newsclf")).get_of(AwsDeployment, "news")

    assert model_in_use(scope, rolled_back) == first
    boto3.client("sagemaker").delete_endpoint(EndpointName=NAMES.endpoint)
    while Endpoint(scope).find():
        pass
    assert model_in_use(scope, found) == first
    assert model_in_use(scope, rolled_back) != first
    with pytest.raises(StateError, match="no model on AWS"):
        model_in_use(scope, found.model_copy(update={"journal": ()}))


def test_a_role_that_is_too_new_is_waited_for(aws: FakeAws, deploy: Deploy) -> None:
    aws.sagemaker.unassumable = 3

    assert deploy().exit_code == 0
    assert len(called(aws, "CreateModel")) == 4


def test_a_quota_of_zero_stops_before_anything_is_made(aws: FakeAws, deploy: Deploy) -> None:
    aws.services.quotas["ml.c5.large for endpoint usage"] = 0

    refused = deploy()

    assert refused.exit_code == 4
    assert "'ml.c5.large for endpoint usage' is 0" in refused.err
    assert "request-service-quota-increase" in refused.err
    assert aws.world.left() == []


def test_access_denied_names_the_action_and_the_statement_that_would_allow_it(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    aws.fault = lambda _, call: "denied" if call.operation == "CreateEndpointConfig" else None

    refused = deploy()

    assert refused.exit_code == 4
    assert "Traceback" not in refused.err
    statement = refused.err.split("allow sagemaker:CreateEndpointConfig: ")[1].splitlines()[0]
    assert json.loads(statement)["Action"] == "sagemaker:CreateEndpointConfig"
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []


def test_what_others_have_made_under_our_names_is_left_alone(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    boto3.client("iam").create_role(
        RoleName="newsclf-news-use1-ep", AssumeRolePolicyDocument='{"Version": "2012-10-17"}'
    )

    assert "was not made for this deployment" in deploy().err
    removed = newsclf("teardown", "--deployment", "news", "--region", "us-east-1")

    assert removed.exit_code == 1
    assert "execution role newsclf-news-use1-ep" in removed.err
    assert aws.world.left() == ["role newsclf-news-use1-ep"]


def test_a_refusal_in_teardown_does_not_keep_the_rest_billing(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    deploy("--ttl", "2h", "--max", 2)
    aws.fault = lambda _, call: "denied" if call.operation == "DeleteScalingPolicy" else None

    partly = newsclf("teardown")

    assert partly.exit_code == 1
    assert "autoscaling" in partly.err
    assert "deleting the autoscaling endpoint" in partly.err
    assert not [line for line in aws.world.left() if " endpoint " in line]
    aws.fault = lambda _index, _call: None
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []


def test_without_the_endpoint_gone_nothing_that_it_needs_is_touched(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    deploy()
    before = aws.world.left()
    aws.fault = lambda _, call: "denied" if call.operation == "DeleteEndpoint" else None

    assert newsclf("teardown").exit_code == 1
    assert aws.world.left() == before


# --- deployments beside each other, and lost ones


@pytest.mark.parametrize("other", ["news-2", "news-auth"])
def test_deployments_share_a_bucket_and_nothing_else(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, other: str
) -> None:
    def make(name: str, auth: str) -> list[str]:
        deploy("--deployment", name)
        wired = newsclf("wire-api", "--deployment", name, "--auth", auth)
        assert wired.exit_code == 0, wired.err
        return [line for line in aws.world.left() if other in line]

    assert make("news", "api-key") == []
    alone = aws.world.left()
    of_other = make(other, "iam")
    assert of_other
    assert make("news", "iam") == make("news", "api-key") == of_other

    assert newsclf("teardown", "--deployment", other).exit_code == 0
    assert aws.world.left() == alone
    make(other, "iam")
    assert newsclf("teardown", "--deployment", "news").exit_code == 0
    assert sorted(aws.world.left()) == sorted([*of_other, f"bucket {BUCKET}"])
    assert newsclf("teardown", "--all").exit_code == 0
    assert aws.world.left() == []


def test_with_the_state_lost_all_is_found_by_tag_and_removed_twice_in_a_row(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    deploy()
    deploy("--deployment", "other", "--serverless")
    shutil.rmtree(".newsclf")

    shown = newsclf("status", "--region", "us-east-1")
    assert "nothing here has recorded news in us-east-1" in shown.err
    assert "newsclf teardown --deployment other --region us-east-1" in shown.err
    for _ in range(2):
        removed = newsclf("teardown", "--deployment", "news", "--region", "us-east-1")
        assert removed.exit_code == 0, removed.err
    asked = newsclf("teardown", "--all", "--region", "us-east-1")
    assert asked.exit_code == 2
    assert "other" in asked.err
    assert aws.world.left() != []
    assert newsclf("teardown", "--all", "--region", "us-east-1", "--yes").exit_code == 0
    assert aws.world.left() == []


def test_a_damaged_record_hides_nothing_on_aws_and_keeps_nothing_else_from_being_removed(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    deploy()
    deploy("--deployment", "other", "--serverless")
    Path(".newsclf/deployments/news.json").write_text("{")

    shown = newsclf("status", "--json")
    assert shown.exit_code == 3
    assert "newsclf teardown --deployment news, with --region if it is on AWS" in shown.err
    found = {each["name"]: each["endpoint"] for each in json.loads(shown.out)}
    assert found == {"news": "InService", "other": "InService"}

    assert newsclf("teardown", "--all", "--region", "us-east-1", "--yes").exit_code == 3
    assert [line for line in aws.world.left() if " endpoint " in line] != []
    assert not [line for line in aws.world.left() if "other" in line]
    Path(".newsclf/deployments/news.json").unlink()
    assert newsclf("teardown", "--deployment", "news", "--region", "us-east-1").exit_code == 0
    assert aws.world.left() == []


def test_a_region_that_can_not_be_asked_hides_no_other(deploy: Deploy, newsclf: Cli) -> None:
    deploy()

    shown = newsclf("status", "--json", "--region", "cn-north-1")

    assert shown.exit_code == 2
    assert [each["name"] for each in json.loads(shown.out)] == ["news"]
    assert "commercial regions" in shown.err


def test_a_name_that_is_taken_elsewhere_is_refused(deploy: Deploy, newsclf: Cli) -> None:
    deploy()

    moved = deploy("--region", "eu-west-1")

    assert moved.exit_code == 3
    assert "'news' is deployed in us-east-1" in moved.err
    local = newsclf("deploy")
    assert local.exit_code != 0


def test_the_first_container_of_an_endpoint_is_waited_for(aws: FakeAws, deploy: Deploy) -> None:
    asked: list[int] = []

    def fault(index: int, call: Call) -> str | None:
        if call.operation == "InvokeEndpoint":
            asked.append(index)
        return "starting" if call.operation == "InvokeEndpoint" and len(asked) <= 20 else None

    aws.fault = fault

    result = deploy()

    assert result.exit_code == 0, result.err
    assert len(asked) > 20


def test_nothing_is_removed_with_the_credentials_of_another_account(
    aws: FakeAws, deploy: Deploy, newsclf: Cli
) -> None:
    deploy()
    before = aws.world.left()
    record = Path(".newsclf/deployments/news.json")
    record.write_text(record.read_text("utf-8").replace(ACCOUNT, "999999999999"), "utf-8")

    removed, planned = newsclf("teardown"), deploy("--min", 2)

    for refused in (removed, planned):
        assert refused.exit_code == 3
        assert "is in the account 999999999999, but these credentials belong to" in refused.err
        assert "AWS_PROFILE" in refused.err
    assert record.exists()
    assert aws.world.left() == before


def test_a_deployment_on_this_machine_does_not_hide_one_on_aws_of_its_name(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, trained: Path
) -> None:
    deploy()
    Path(".newsclf/deployments/news.json").unlink()
    assert newsclf("deploy", "--model", trained / "model").exit_code == 0

    one = newsclf("teardown", "--deployment", "news", "--region", "us-east-1")
    assert one.exit_code == 2
    assert "is recorded here as a deployment on this machine" in one.err
    assert aws.world.left() != []

    assert newsclf("teardown", "--all", "--region", "us-east-1", "--yes").exit_code == 0
    assert aws.world.left() == []
    assert not Path(".newsclf/deployments/news.json").exists()


@pytest.mark.parametrize(
    ("before", "after", "quota", "is_refused"),
    [
        (("ml.c5.large", 1), ("ml.m5.large", 1), 1, False),
        (("ml.m5.large", 1), ("ml.m5.large", 2), 3, False),
        (("ml.m5.large", 3), ("ml.m5.large", 1), 3, True),
    ],
)
def test_two_fleets_are_counted_while_one_replaces_the_other(
    aws: FakeAws,
    deploy: Deploy,
    before: tuple[str, int],
    after: tuple[str, int],
    quota: int,
    *,
    is_refused: bool,
) -> None:
    assert deploy("--instance", before[0], "--min", before[1]).exit_code == 0
    aws.services.quotas[f"{after[0]} for endpoint usage"] = quota

    found = deploy("--instance", after[0], "--min", after[1])

    assert found.exit_code == (4 if is_refused else 0), found.err


def test_another_key_encrypts_the_archive_anew(deploy: Deploy) -> None:
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    s3 = boto3.client("s3")

    def encryption() -> str:
        (found,) = [
            s3.head_object(Bucket=BUCKET, Key=each["Key"])
            for each in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        ]
        return str(found.get("SSEKMSKeyId", found["ServerSideEncryption"]))

    found = []
    for options in ((), ("--kms-key", key), ("--kms-key", key), ()):
        result = deploy(*options)
        found.append((actions(result)["archive"], encryption()))

    assert found == [("create", "AES256"), ("update", key), ("keep", key), ("update", "AES256")]


def test_a_bucket_that_was_opened_is_closed_again(deploy: Deploy) -> None:
    deploy()
    s3 = boto3.client("s3")
    s3.delete_public_access_block(Bucket=BUCKET)

    again = deploy()

    assert actions(again)["bucket"] == "update"
    assert s3.get_public_access_block(Bucket=BUCKET)


def test_ctrl_c_keeps_the_record_and_says_what_bills(
    aws: FakeAws, deploy: Deploy, newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_clock: Clock, _pause_s: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as impatient:
        impatient.setattr(Clock, "sleep", interrupt)
        stopped = deploy()

    assert stopped.exit_code == 130
    assert "the endpoint is billed ($0.102 an hour) until it is deleted" in stopped.err
    state = json.loads(Path(".newsclf/deployments/news.json").read_text(encoding="utf-8"))
    assert state["journal"][-1]["status"] == "creating"
    assert deploy().exit_code == 0
    assert newsclf("teardown").exit_code == 0
    assert aws.world.left() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--instance", "c5.large"], "did you mean ml.c5.large?"),
        (["--instance", "ml.c6g.large"], "ARM"),
        (["--instance", "ml.x9.large"], "no price is known"),
        (["--region", "mars-north-1"], "no price is known"),
        (["--serverless", "--instance", "ml.c5.large"], "or is serverless, not both"),
        (["--serverless", "--memory", "1000"], "1024, 2048"),
        (
            ["--memory", "1024"],
            "--serverless, --memory, --concurrency: an endpoint has an instance",
        ),
        (["--ttl", "2"], "such as 90m, 2h or 3d"),
        (["--ttl", "0h"], "such as 90m, 2h or 3d"),
        (["--min", "3", "--max", "2"], "--max 2: less than the minimum, 3"),
        (["--budget", "5"], "go together"),
        (["--image", "python:3"], "not an image of ECR"),
        (["--vpc", "subnet-1"], "expected subnet-1,subnet-2:sg-1"),
        (["--workers", "2"], "this machine"),
        (["--deployment", "News!"], "not a valid deployment name"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    aws: FakeAws, deploy: Deploy, options: list[str], said: str
) -> None:
    refused = deploy(*options)

    assert refused.exit_code == 2
    assert said in refused.err
    assert changes(aws) == []


def test_options_of_aws_need_aws(newsclf: Cli) -> None:
    refused = newsclf("deploy", "--ttl", "2h", "--max", "2")

    assert refused.exit_code == 2
    assert "--max, --ttl: only for a deployment on AWS" in refused.err


def test_nobody_to_ask_means_no(aws: FakeAws, newsclf: Cli, archive: Path) -> None:
    asked = newsclf("deploy", "--instance", "ml.c5.large", "--archive", archive)

    assert asked.exit_code == 2
    assert "add --yes" in asked.err
    assert aws.world.left() == []


def test_options_travel_to_where_they_belong(aws: FakeAws, deploy: Deploy) -> None:
    key = "12345678-1234-1234-1234-123456789012"
    image = "111122223333.dkr.ecr.us-east-1.amazonaws.com/own:1"
    up = deploy("--vpc", "subnet-1,subnet-2:sg-1", "--kms-key", key, "--image", image)

    assert up.exit_code == 0, up.err
    (model,) = called(aws, "CreateModel")
    assert model["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert model["PrimaryContainer"]["Image"] == image
    assert called(aws, "CreateEndpointConfig")[0]["KmsKeyId"] == key
    policy = called(aws, "PutRolePolicy")[0]["PolicyDocument"]
    assert "arn:aws:ecr:us-east-1:111122223333:repository/own" in policy
    assert f"arn:aws:kms:us-east-1:123456789012:key/{key}" in policy
    assert "ec2:CreateNetworkInterface" in policy


def test_the_archive_is_packed_when_none_is_named(
    aws: FakeAws, newsclf: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheels can't be fetched without a network, so this ends there; nothing was made."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    refused = newsclf("deploy", "--model", trained / "model", "--instance", "ml.c5.large", "--yes")

    assert "packing the model" in refused.err
    assert refused.exit_code == 5
    assert changes(aws) == []


def test_an_endpoint_that_stops_scaling_goes_back_to_its_number(deploy: Deploy) -> None:
    """A scaled-out endpoint that is not to scale any more goes back to its number."""
    deploy("--max", 3)
    sagemaker = boto3.client("sagemaker")
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName="newsclf-news",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 3}],
    )

    back = deploy()

    assert back.exit_code == 0, back.err
    assert actions(back)["endpoint"] == "update"
    variants = sagemaker.describe_endpoint(EndpointName="newsclf-news")["ProductionVariants"]
    assert variants[0]["DesiredInstanceCount"] == 1


def test_a_network_that_fails_after_an_update_does_not_take_the_new_model_back(
    aws: FakeAws, deploy: Deploy, other_archive: Path
) -> None:
    deploy()
    aws.fault = lambda _, call: "denied" if call.operation == "InvokeEndpoint" else None
    cut_off = deploy(packed=other_archive)
    assert cut_off.exit_code == 4
    assert len(called(aws, "UpdateEndpoint")) == 1

    aws.fault = lambda _index, _call: None
    aws.forget()
    again = deploy(packed=other_archive)

    assert again.exit_code == 0, again.err
    assert called(
        aws, "InvokeEndpoint"
    )  # what was cut off before it was seen to work is asked again
