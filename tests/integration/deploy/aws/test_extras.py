"""Autoscaling, the end of life and the budget of an endpoint, against moto's services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.budget import Budget
from newsclf.deploy.aws.endpoint.end_of_life import Schedule, statements
from newsclf.deploy.aws.walk.resource import PlannedChange

NAMES = Names("news", "123456789012", "eu-west-1")
AT = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)


class HastyClock(Clock):
    """Time passes when somebody waits."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now_s(self) -> float:
        """What has passed."""
        return self.passed_s

    def sleep(self, pause_s: float) -> None:
        """Pass at once."""
        self.passed_s += pause_s


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return Clients("eu-west-1", clock=HastyClock())


@pytest.fixture
def moto(clients: Clients) -> Iterator[Clients]:
    with mock_aws():
        yield clients


def scaling(clients: Clients, **changes: Any) -> AutoScaling:
    fields: dict[str, Any] = {"instance": "ml.c5.xlarge", "min_instances": 1, "max_instances": 4}
    return AutoScaling(Scope(clients, NAMES), **(fields | changes))


def test_autoscaling_is_made_kept_changed_and_taken_away(moto: Clients) -> None:
    wanted = scaling(moto)
    assert wanted.planned() == PlannedChange("create", "1 to 4 instances")
    assert not wanted.exists()

    wanted.ensure()

    assert wanted.planned().action == "keep"
    client = moto.client("application-autoscaling")
    (target,) = client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == "endpoint/newsclf-news/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    (policy,) = client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 4  # an xlarge has four vCPUs
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }
    larger = scaling(moto, max_instances=6)
    assert larger.planned() == PlannedChange("update", "1 to 4 instances → 1 to 6 instances")
    larger.ensure()
    assert larger.planned().action == "keep"
    assert scaling(moto, max_instances=6, instance="ml.c5.large").planned().action == "update"
    remains = AutoScaling(Scope(moto, NAMES))  # knows only the name
    assert remains.delete()
    assert not remains.exists()
    assert not remains.delete()


def test_autoscaling_that_was_cut_off_between_its_two_calls(moto: Clients) -> None:
    wanted = scaling(moto)
    moto.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId=wanted.name,
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=4,
    )

    assert wanted.exists()
    assert wanted.planned().action == "update"
    wanted.ensure()
    assert wanted.planned().action == "keep"
    assert wanted.delete()
    assert not wanted.exists()


def test_the_end_of_life_is_made_kept_moved_and_taken_away(moto: Clients) -> None:
    wanted = Schedule(Scope(moto, NAMES), AT)
    assert wanted.planned() == PlannedChange(
        "create", "deletes the endpoint at 2030-05-06 07:08 UTC"
    )

    wanted.ensure()

    assert wanted.planned().action == "keep"
    found = moto.client("scheduler").get_schedule(Name="newsclf-news")
    assert found["ScheduleExpression"] == "at(2030-05-06T07:08:09)"
    assert found["ActionAfterCompletion"] == "DELETE"
    assert found["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
    assert found["Target"]["Input"] == '{"EndpointName": "newsclf-news"}'
    assert found["Target"]["RoleArn"] == NAMES.role_arn("newsclf-news-euw1-ttl")
    later = replace(wanted, at=AT + timedelta(hours=2))
    assert later.planned().action == "update"
    later.ensure()
    assert later.planned().action == "keep"
    remains = Schedule(Scope(moto, NAMES))
    assert remains.exists()
    assert remains.delete()
    assert not remains.exists()
    assert not remains.delete()


def test_the_role_of_the_end_of_life_may_delete_this_endpoint_even_if_it_scales() -> None:
    """Nothing else; SageMaker refuses it without the second statement."""
    assert statements(NAMES) == (
        {
            "Effect": "Allow",
            "Action": ["sagemaker:DeleteEndpoint"],
            "Resource": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/newsclf-news",
        },
        {
            "Effect": "Allow",
            "Action": ["application-autoscaling:DeregisterScalableTarget"],
            "Resource": "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/*",
        },
    )


def refused(stub: Stubber, times: int) -> None:
    stub.add_client_error("get_schedule", "ResourceNotFoundException")
    for _ in range(times):
        stub.add_client_error(
            "create_schedule",
            "ValidationException",
            "The execution role you provide must allow EventBridge Scheduler to assume the role.",
        )


def test_a_role_that_is_too_new_is_waited_for(clients: Clients) -> None:
    with Stubber(clients.client("scheduler")) as stub:
        refused(stub, 3)
        stub.add_response("create_schedule", {"ScheduleArn": NAMES.arn("scheduler", "schedule/x")})
        Schedule(Scope(clients, NAMES), AT).ensure()
        stub.assert_no_pending_responses()
    assert 3 < clients.clock.now_s() < 30


def test_a_role_that_stays_unusable_is_an_error(clients: Clients) -> None:
    with Stubber(clients.client("scheduler")) as stub:
        refused(stub, 30)
        with pytest.raises(TargetError, match="assume the role") as refusal:
            Schedule(Scope(clients, NAMES), AT).ensure()
    assert refusal.value.hint is not None
    assert "trust policy" in refusal.value.hint


def test_another_refusal_is_not_waited_for(clients: Clients) -> None:
    with Stubber(clients.client("scheduler")) as stub:
        stub.add_client_error("get_schedule", "ResourceNotFoundException")
        stub.add_client_error("create_schedule", "ValidationException", "Invalid expression")
        with pytest.raises(TargetError, match="Invalid expression"):
            Schedule(Scope(clients, NAMES), AT).ensure()
    assert clients.clock.now_s() == 0


def test_a_budget_is_made_and_taken_away(moto: Clients) -> None:
    wanted = Budget(Scope(moto, NAMES), 20, "me@example.com")
    assert wanted.planned() == PlannedChange("create", "20 USD per month, mail to me@example.com")

    wanted.ensure()

    found = moto.client("budgets").describe_budget(
        AccountId=NAMES.account, BudgetName="newsclf-news-eu-west-1"
    )["Budget"]
    assert found["BudgetLimit"] == {"Amount": "20.00", "Unit": "USD"}
    assert found["CostFilters"] == {"Service": ["Amazon SageMaker"]}
    assert replace(wanted, usd_per_month=30.0).planned().action == "replace"
    replace(wanted, usd_per_month=30.0).ensure()
    found = moto.client("budgets").describe_budgets(AccountId=NAMES.account)["Budgets"]
    assert [each["BudgetLimit"]["Amount"] for each in found] == ["30.00"]
    remains = Budget(Scope(moto, NAMES))
    assert remains.delete()
    assert not remains.exists()
    assert not remains.delete()


@pytest.mark.parametrize(
    ("address", "action"), [("me@example.com", "keep"), ("you@example.com", "replace")]
)
def test_a_budget_with_another_address_is_made_anew(
    clients: Clients, address: str, action: str
) -> None:
    # moto has no describe_subscribers_for_notification
    budget = {
        "BudgetName": "x",
        "TimeUnit": "MONTHLY",
        "BudgetType": "COST",
        "BudgetLimit": {"Amount": "20.0", "Unit": "USD"},
    }
    subscribers = {"Subscribers": [{"SubscriptionType": "EMAIL", "Address": address}]}
    with Stubber(clients.client("budgets")) as stub:
        stub.add_response("describe_budget", {"Budget": budget})
        stub.add_response("describe_subscribers_for_notification", subscribers)
        stub.add_response("describe_subscribers_for_notification", subscribers)
        assert Budget(Scope(clients, NAMES), 20, "me@example.com").planned().action == action
