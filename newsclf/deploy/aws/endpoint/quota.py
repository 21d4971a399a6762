"""Checks of the account's quotas, before anything is created.

AWS's documents name no codes for serverless inference, so quotas are found by their names. What
others use of a quota is known with a delay of minutes, so that is only warned of.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from newsclf.common.errors import NewsclfError, ServiceError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_config, describe_endpoint
from newsclf.deploy.aws.walk.plan import Plan
from newsclf.deploy.records import Serverless

_PAGE = 100
"""Quotas in one answer; SageMaker has thousands."""
_MEMORY = "Memory size in MB per serverless endpoint"
_CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"
_ENDPOINTS = "Maximum number of serverless endpoints"
_NEW_ACCOUNT_MB = 3072
"""The most that AWS allows in new accounts; not every account's list of quotas has that one."""
_SIZE_STEP_MB = 1024
_WINDOW = timedelta(hours=1)
_PERIOD_S = 300


def check_quota(
    clients: Clients, instance: str, count: int, *, ours: int = 0, usage: str = "endpoint usage"
) -> str | None:
    """Compare the account's quota for an instance type with the number that is needed.

    Args:
        count: The most instances that are up at once.
        ours: Instances of them that are up already.
        usage: The usage as Service Quotas names it, such as `training job usage`.

    Returns:
        A warning if the quota may be too small, or is not known.

    Raises:
        TargetError: the quota is too small.
    """
    name = f"{instance} for {usage}"
    try:
        quota = _quotas(clients, {name}, doing=f"reading the quota for {instance}").get(name)
    except NewsclfError as error:  # AWS refuses the endpoint itself if the quota is too small
        return f"the quota is not known: {error.message}"
    if quota is None:
        return f"the quota is not known: AWS lists none of the name '{name}'"
    return _compare(clients, quota, count, ours=ours)


def check_endpoint_quota(clients: Clients, plan: Plan) -> str | None:
    """Check the quota for a plan, if it changes how many instances there can be."""
    spec = plan.deployment.spec
    actions = {step.resource.kind: step.change.action for step in plan.steps}
    action = actions["endpoint"]
    if {action, actions.get("autoscaling", "keep")} == {"keep"}:
        return None
    if spec.serverless is not None:
        return check_serverless_quota(clients, spec.serverless, is_new=action == "create")
    if spec.instance is None:
        return None
    fleet = _fleet(plan.scope)
    ours = fleet.size if fleet.instance == spec.instance else 0
    configs = {step.resource.name for step in plan.steps}
    is_replaced = action == "update" and fleet.config not in configs
    beside = ours if is_replaced else 0  # two fleets are up for a while
    started = ours if spec.scales and ours else spec.min_instances
    count = max(spec.max_instances, started + beside)
    return check_quota(clients, spec.instance, count, ours=ours)


class _Fleet(NamedTuple):
    """The instances of an endpoint."""

    instance: str | None = None
    size: int = 0
    config: str = ""
    """Name of the endpoint's configuration."""


def _fleet(scope: Scope) -> _Fleet:
    endpoint = describe_endpoint(scope)
    config = describe_config(scope, endpoint.config) if endpoint is not None else None
    if endpoint is None or config is None:
        return _Fleet()
    size = endpoint.desired_count or endpoint.running_count or config.initial_count
    return _Fleet(config.instance, size, endpoint.config)


def check_serverless_quota(clients: Clients, spec: Serverless, *, is_new: bool) -> str | None:
    """Compare the quotas for serverless endpoints with what one needs; returns a warning, if any.

    Args:
        is_new: Whether the deployment has no endpoint yet. If it has one, its own share of the use
            is not known.
    """
    doing = "reading the quotas for serverless endpoints"
    try:
        found = _quotas(clients, {_MEMORY, _CONCURRENCY, _ENDPOINTS}, doing=doing)
    except NewsclfError as error:
        return f"the quotas are not known: {error.message}"
    memory = found.get(_MEMORY)
    if memory is None and spec.memory_mb > _NEW_ACCOUNT_MB:
        return (
            f"AWS lists no quota '{_MEMORY}'; new accounts have {_NEW_ACCOUNT_MB}, so AWS may"
            f" refuse {spec.memory_mb}: --memory {_NEW_ACCOUNT_MB}"
        )
    if memory is not None:
        fits_mb = max(_SIZE_STEP_MB, int(memory["Value"]) // _SIZE_STEP_MB * _SIZE_STEP_MB)
        _compare(clients, memory, spec.memory_mb, ours=None, instead=f"--memory {fits_mb}, or ")
    needs = (
        (_CONCURRENCY, spec.max_concurrency, "a smaller --concurrency, or "),
        (_ENDPOINTS, 1, "newsclf teardown of one that is not needed, or "),
    )
    warnings = []
    for name, count, instead in needs:
        if quota := found.get(name):
            ours = 0 if is_new and quota.get("UsageMetric") else None
            warnings.append(_compare(clients, quota, count, ours=ours, instead=instead))
    return "; ".join(filter(None, warnings)) or None


def _compare(
    clients: Clients, quota: Mapping[str, Any], count: int, *, ours: int | None, instead: str = ""
) -> str | None:
    """Compare a quota with what is needed; a warning if others may use too much of it.

    Args:
        quota: The quota as Service Quotas describes it.
        count: How much is needed.
        ours: How much of the present use is ours; None: not known, so the use is not compared.
        instead: An alternative to a quota increase, for the hint.

    Raises:
        TargetError: the quota is too small, whatever others use of it.
    """
    named = f"the quota '{quota['QuotaName']}' is {quota['Value']:g} in {clients.region}"
    more = (
        f"{instead}aws service-quotas request-service-quota-increase --service-code sagemaker"
        f" --quota-code {quota['QuotaCode']} --region {clients.region} --desired-value"
    )
    if quota["Value"] < count:
        raise TargetError(f"{named}, and {count} are needed", hint=f"{more} {count}")
    if ours is None:
        return None
    try:
        others = max(0, round(_used(clients, quota.get("UsageMetric") or {})) - ours)
    except NewsclfError as error:
        return f"{named}; what others use of it is not known: {error.message}"
    if quota["Value"] >= others + count:
        return None
    return (
        f"{named}, others use {others} of it and {count} are needed, so AWS may refuse:"
        f" {more} {others + count}"
    )


def _quotas(clients: Clients, names: set[str], *, doing: str) -> dict[str, Mapping[str, Any]]:
    """SageMaker's quotas of these names, if AWS lists them. Errors are those of `Clients.call`."""
    found: dict[str, Mapping[str, Any]] = {}
    for quota in clients.listed(
        "service-quotas",
        "list_service_quotas",
        "Quotas",
        doing=doing,
        ServiceCode="sagemaker",
        PaginationConfig={"PageSize": _PAGE},
    ):
        if quota["QuotaName"] in names:
            found[quota["QuotaName"]] = quota
        if len(found) == len(names):
            break
    return found


def _used(clients: Clients, metric: Mapping[str, Any]) -> float:
    """What the account uses, by the quota's own metric; ServiceError if it has none."""
    if not metric:
        raise ServiceError("AWS has no metric of it")
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
    return float(points[-1]["Maximum"]) if points else 0.0  # what nobody uses is not reported
