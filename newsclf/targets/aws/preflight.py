"""What is worth knowing before the first change: may this account have such an instance at all?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from newsclf.core.errors import NewsclfError, ServiceError, TargetError
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.plan import Plan

_PAGE = 100
"""Quotas of SageMaker that one answer may have; there are thousands."""
_WINDOW = timedelta(hours=1)
_PERIOD_S = 300


def check_quota(
    clients: Clients, instance: str, count: int, *, ours: int = 0, usage: str = "endpoint usage"
) -> str | None:
    """Compare the account's quota for an instance type with what is wanted.

    What others use of it is known with a delay of minutes, so that is only warned of.

    Args:
        clients: Of the account and region.
        instance: The instance type.
        count: Instances that are up at once at the most.
        ours: Instances of them that are up already.
        usage: As Service Quotas names it, such as `training job usage`.

    Returns:
        What to warn of: it may be too small, or can't be told.

    Raises:
        TargetError: the quota is too small.
    """
    wanted = f"{instance} for {usage}"
    doing = f"reading the quota for {instance}"
    try:
        quotas = clients.listed(
            "service-quotas", "list_service_quotas", "Quotas", doing=doing,
            ServiceCode="sagemaker", PaginationConfig={"PageSize": _PAGE},
        )  # fmt: skip
        found = next((quota for quota in quotas if quota["QuotaName"] == wanted), None)
    except NewsclfError as error:  # AWS refuses the endpoint itself if the quota is too small
        return f"the quota is not known: {error.message}"
    if found is None:
        return f"the quota is not known: AWS tells none of the name '{wanted}'"
    if found["Value"] < count:
        raise TargetError(
            f"{_named(clients, found)}, and {count} wanted", hint=_more(clients, found, count)
        )
    try:
        used = _used(clients, found.get("UsageMetric") or {})
    except NewsclfError as error:
        return f"{_named(clients, found)}; what others use of it is not known: {error.message}"
    others = max(0, round(used) - ours)
    if found["Value"] >= others + count:
        return None
    return (
        f"{_named(clients, found)}, others use {others} of it and {count} are wanted, so AWS may"
        f" refuse: {_more(clients, found, others + count)}"
    )


def check_endpoint_quota(clients: Clients, plan: Plan) -> str | None:
    """As `check_quota`, for what a plan wants, if it changes how many instances there can be."""
    spec = plan.deployment.spec
    actions = {step.resource.kind: step.look.action for step in plan.steps}
    action = actions["endpoint"]
    if spec.instance is None or {action, actions.get("autoscaling", "keep")} == {"keep"}:
        return None
    ours = spec.min_instances if action in {"keep", "update"} else 0
    beside = spec.min_instances if action == "update" else 0  # two fleets are up for a while
    return check_quota(clients, spec.instance, spec.max_instances + beside, ours=ours)


def _named(clients: Clients, quota: Mapping[str, Any]) -> str:
    return f"the quota '{quota['QuotaName']}' is {quota['Value']:g} in {clients.region}"


def _more(clients: Clients, quota: Mapping[str, Any], count: int) -> str:
    return (
        "aws service-quotas request-service-quota-increase --service-code sagemaker"
        f" --quota-code {quota['QuotaCode']} --desired-value {count} --region {clients.region}"
    )


def _used(clients: Clients, metric: Mapping[str, Any]) -> float:
    """What the account used last, by the quota's own metric; ServiceError if it has none."""
    if not metric:
        raise ServiceError("AWS tells no metric of it")
    now = datetime.now(UTC)
    answer = clients.call(
        "cloudwatch",
        "get_metric_statistics",
        doing="reading what is used of the quota",
        Namespace=metric["MetricNamespace"],
        MetricName=metric["MetricName"],
        Dimensions=[
            {"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()
        ],
        StartTime=now - _WINDOW,
        EndTime=now,
        Period=_PERIOD_S,
        Statistics=["Maximum"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Maximum"]) if points else 0.0  # nothing is reported of what nobody has
