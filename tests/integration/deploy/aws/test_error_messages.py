"""What goes wrong on AWS by itself ends with a reason, the log, the bill and a next command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.utils import get_service_model
from moto.sagemaker.models import sagemaker_backends

from newsclf.deploy.aws.endpoint.endpoint import _MOVING, _USELESS
from tests.conftest import Cli
from tests.support.fakeaws.fixtures import REGION, Deploy
from tests.support.fakeaws.scenario import assert_teardown_removes_all, is_reading
from tests.support.fakeaws.server import FakeAws
from tests.support.fakeaws.serverless import SERVERLESS_QUOTAS

OTHER_IMAGE = ("--image", "763104351884.dkr.ecr.us-east-1.amazonaws.com/other:1")


def test_an_endpoint_that_fails_says_why_and_what_its_container_said(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    aws.sagemaker.failure = "The primary container did not pass the ping health check."
    aws.sagemaker.container_log = tuple(f"line {i}" for i in range(80))
    result = deploy()

    assert result.exit_code == 4
    assert "did not pass the ping health check" in result.err
    assert "  line 79" in result.err
    assert "  line 30\n" in result.err
    assert "  line 29\n" not in result.err
    assert "$0.102 an hour" in result.err
    assert "hint: newsclf teardown --deployment news" in result.err
    assert json.loads(newsclf("status", "--json").out)[0]["endpoint"] == "Failed"
    assert_teardown_removes_all(aws, newsclf)


def test_a_failed_endpoint_is_replaced_when_it_is_deployed_again(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    aws.sagemaker.failure = "No capacity."
    assert deploy().exit_code == 4
    aws.sagemaker.failure = None

    again = deploy()
    assert again.exit_code == 0, again.err
    assert "replace endpoint" in again.out
    assert "it is Failed" in again.out
    assert_teardown_removes_all(aws, newsclf)


def test_every_status_that_an_endpoint_can_have_is_known() -> None:
    shape: Any = get_service_model("sagemaker").shape_for("EndpointStatus")

    assert set(shape.enum) == {"InService"} | _MOVING | _USELESS


@pytest.mark.parametrize("status", sorted(_USELESS))
def test_an_endpoint_that_serves_nobody_well_is_replaced(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, status: str
) -> None:
    assert deploy().exit_code == 0
    sagemaker_backends[ACCOUNT][REGION].endpoints["newsclf-news"].endpoint_status = status

    again = deploy()
    assert again.exit_code == 0, again.err
    assert f"it is {status}" in again.out
    assert endpoint()[0] == "InService"
    assert_teardown_removes_all(aws, newsclf)


def test_a_quota_of_zero_is_told_before_anything_is_made(aws: FakeAws, deploy: Deploy) -> None:
    aws.services.quotas["ml.c5.large for endpoint usage"] = 0.0
    result = deploy()

    assert result.exit_code == 4
    assert "the quota 'ml.c5.large for endpoint usage' is 0" in result.err
    assert "request-service-quota-increase" in result.err
    assert [record for record in aws.records if not is_reading(record.call)] == []
    assert aws.world.left() == []


SERVERLESS = ("--serverless", "--yes")


def test_the_defaults_of_serverless_are_what_a_new_account_takes(
    aws: FakeAws, newsclf: Cli, archive: Path
) -> None:
    for name in ("news", "two"):
        result = newsclf("deploy", "--archive", archive, *SERVERLESS, "--deployment", name)
        assert result.exit_code == 0, result.err
        assert "quota" not in result.err
    assert newsclf("teardown", "--deployment", "two").exit_code == 0
    assert_teardown_removes_all(aws, newsclf)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--memory", 4096), ("'Memory size in MB per serverless endpoint' is 3072", "3072")),
        (("--concurrency", 11), ("serverless endpoints' is 10", "a smaller --concurrency")),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_more_of_serverless_than_the_quota_is_refused_with_what_fits(
    aws: FakeAws,
    newsclf: Cli,
    archive: Path,
    options: tuple[object, ...],
    said: tuple[str, str],
    *,
    listed: bool,
) -> None:
    """By its own look where Service Quotas lists the quota, else by AWS, in its words."""
    quota, instead = said
    if not listed:
        aws.services.unlisted = frozenset(SERVERLESS_QUOTAS)
    result = newsclf("deploy", "--archive", archive, *SERVERLESS, *options)

    assert result.exit_code == 4
    assert quota in result.err
    assert instead in result.err.split("hint: ")[1]
    if listed:
        assert [record for record in aws.records if not is_reading(record.call)] == []
        assert "request-service-quota-increase" in result.err
    else:
        assert ("AWS lists no quota" in result.err) == ("--memory" in options)
        assert_teardown_removes_all(aws, newsclf)


def test_a_role_that_is_too_new_is_waited_for(aws: FakeAws, newsclf: Cli, deploy: Deploy) -> None:
    aws.sagemaker.unassumable = aws.services.unassumable = 3

    for result in (deploy(), newsclf("wire-api", "--auth", "api-key")):
        assert result.exit_code == 0, result.err
    assert (aws.sagemaker.unassumable, aws.services.unassumable) == (0, 0)
    assert_teardown_removes_all(aws, newsclf)


@pytest.mark.parametrize("command", ["deploy", "wire-api"])
def test_a_role_that_stays_unusable_is_an_error(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, command: str
) -> None:
    if command == "deploy":
        aws.sagemaker.unassumable = 10**6
        result = deploy()
    else:
        assert deploy().exit_code == 0
        aws.services.unassumable = 10**6
        result = newsclf("wire-api")

    assert result.exit_code == 4
    assert "assume" in result.err
    assert "check the role's trust policy" in result.err
    assert_teardown_removes_all(aws, newsclf)


def test_an_endpoint_that_stays_creating_is_given_up(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    aws.sagemaker.stuck = True
    result = deploy()

    assert result.exit_code == 4
    assert "the endpoint is Creating for 45 minutes" in result.err
    assert "newsclf teardown --deployment news" in result.err
    stuck = newsclf("teardown")
    assert stuck.exit_code == 1
    assert "endpoint newsclf-news" in stuck.err
    aws.sagemaker.changes["newsclf-news"].polls_left = 2
    assert_teardown_removes_all(aws, newsclf)


def test_an_update_that_alarms_is_rolled_back_by_aws(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    assert deploy().exit_code == 0
    before = endpoint()
    aws.sagemaker.rolls_back = True
    result = deploy(*OTHER_IMAGE)

    assert result.exit_code == 4
    assert "rolled the update" in result.err
    assert "alarm" in result.err
    assert endpoint() == before
    policy = next(r.call.params for r in aws.records if r.call.operation == "UpdateEndpoint")
    rollback = policy["DeploymentConfig"]["AutoRollbackConfiguration"]
    assert rollback == {"Alarms": [{"AlarmName": f"{policy['EndpointConfigName']}-errors"}]}
    assert "the new model fails on requests" in result.err
    forced = deploy(*OTHER_IMAGE, "--force")
    assert forced.exit_code == 0, forced.err
    assert endpoint()[1] != before[1]
    assert_teardown_removes_all(aws, newsclf)


@pytest.mark.parametrize("errors", [{"old": "5XX"}, {"*": "4XX"}], ids=["old model", "callers"])
def test_neither_the_old_model_s_errors_nor_the_callers_own_end_an_update(
    aws: FakeAws, newsclf: Cli, deploy: Deploy, errors: dict[str, str]
) -> None:
    assert deploy().exit_code == 0
    _, before = endpoint()
    aws.sagemaker.failing = {
        before if name == "old" else name: each for name, each in errors.items()
    }
    mended = deploy(*OTHER_IMAGE)

    assert mended.exit_code == 0, mended.err
    _, after = endpoint()
    assert after != before
    assert alarms() == [f"{after}-errors"]
    assert f"delete  error alarm             {before}-errors" in mended.out
    assert deploy(*OTHER_IMAGE).err.count("everything is already running") == 1
    assert_teardown_removes_all(aws, newsclf)


def test_an_update_that_ends_for_another_reason_says_which_model_fails(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    assert deploy().exit_code == 0
    _, before = endpoint()
    cloudwatch_backends[ACCOUNT][REGION].alarms[f"{before}-errors"].update_state("", "{}", "ALARM")
    aws.sagemaker.ends_updates = "There is no capacity."
    result = deploy(*OTHER_IMAGE)

    assert result.exit_code == 4
    assert "(There is no capacity.); only the old model fails on requests" in result.err
    assert "newsclf deploy --force updates without the alarm" in result.err
    assert_teardown_removes_all(aws, newsclf)


def test_the_alarm_of_an_older_version_goes_with_the_first_update_or_the_teardown(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    assert deploy().exit_code == 0
    assert deploy("--deployment", "news-two").exit_code == 0
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="newsclf-news-errors",
        EvaluationPeriods=1,
        Threshold=0.05,
        Period=60,
        ComparisonOperator="GreaterThanThreshold",
        MetricName="InvocationModelErrors",
        Namespace="AWS/SageMaker",
        Statistic="Average",
    )

    assert deploy().exit_code == 0
    assert "newsclf-news-errors" not in alarms()
    assert newsclf("teardown", "--deployment", "news").exit_code == 0
    assert len(alarms()) == 1
    assert newsclf("teardown", "--deployment", "news-two").exit_code == 0
    assert aws.world.left() == []


def test_a_new_model_that_does_not_work_gives_way_to_the_old_one(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    """The stock container says Healthy of it, so AWS sees nothing."""
    assert deploy().exit_code == 0
    before = endpoint()
    aws.data_plane.model_fails = True
    result = deploy(*OTHER_IMAGE)
    aws.data_plane.model_fails = False

    assert result.exit_code == 4
    assert "the endpoint is back on the old one" in result.err
    assert endpoint() == before
    assert newsclf("predict", "Profit rose").exit_code == 0
    assert_teardown_removes_all(aws, newsclf)


def test_a_first_model_that_does_not_work_is_told_with_its_log(
    aws: FakeAws, newsclf: Cli, deploy: Deploy
) -> None:
    aws.data_plane.model_fails = True
    result = deploy()

    assert result.exit_code == 4
    assert "the endpoint does not work" in result.err
    assert "serving on port 8080" in result.err
    assert_teardown_removes_all(aws, newsclf)


def alarms() -> list[str]:
    return list(cloudwatch_backends[ACCOUNT][REGION].alarms)


def endpoint() -> tuple[str, str]:
    found = sagemaker_backends[ACCOUNT][REGION].endpoints["newsclf-news"]
    return found.endpoint_status, found.endpoint_config_name
