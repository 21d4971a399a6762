"""Quotas, before the first change: may this account have such an endpoint at all?

AWS's documents name no codes for serverless inference, so quotas are found by their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from newsclf.common.errors import NewsclfError, ServiceError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.walk.plan import Plan
from newsclf.deploy.records import Serverless

_PAGE = 100
"""Quotas of SageMaker that one answer may have; there are thousands."""
_MEMORY = "Memory size in MB per serverless endpoint"
_CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"
_ENDPOINTS = "Maximum number of serverless endpoints"
_NEW_ACCOUNT_MB = 3072
"""What AWS refuses more than in new accounts; not every account's list of quotas has that one."""
_SIZE_STEP_MB = 1024
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
        found = _quotas(clients, {wanted}, doing=doing).get(wanted)
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
    actions = {step.resource.kind: step.change.action for step in plan.steps}
    action = actions["endpoint"]
    if {action, actions.get("autoscaling", "keep")} == {"keep"}:
        return None
    if spec.serverless is not None:
        return check_serverless_quota(clients, spec.serverless, is_new=action == "create")
    if spec.instance is None:
        return None
    ours = spec.min_instances if action in {"keep", "update"} else 0
    beside = spec.min_instances if action == "update" else 0  # two fleets are up for a while
    return check_quota(clients, spec.instance, spec.max_instances + beside, ours=ours)


def check_serverless_quota(clients: Clients, wanted: Serverless, *, is_new: bool) -> str | None:
    """As `check_quota`, for a serverless endpoint.

    Args:
        clients: Of the account and region.
        wanted: The endpoint.
        is_new: Whether there is none yet.
    """
    doing = "reading the quotas for serverless endpoints"
    try:
        found = _quotas(clients, {_MEMORY, _CONCURRENCY, _ENDPOINTS}, doing=doing)
    except NewsclfError as error:
        return f"the quotas are not known: {error.message}"
    memory = found.get(_MEMORY)
    if memory is None and wanted.memory_mb > _NEW_ACCOUNT_MB:
        return (
            f"AWS tells no quota '{_MEMORY}'; new accounts have {_NEW_ACCOUNT_MB}, so AWS may"
            f" refuse {wanted.memory_mb}: --memory {_NEW_ACCOUNT_MB}"
        )
    if memory is not None and memory["Value"] < wanted.memory_mb:
        fits_mb = max(_SIZE_STEP_MB, int(memory["Value"]) // _SIZE_STEP_MB * _SIZE_STEP_MB)
        more = _more(clients, memory, wanted.memory_mb)
        raise TargetError(
            f"{_named(clients, memory)}, and {wanted.memory_mb} wanted",
            hint=f"--memory {fits_mb}, or {more}",
        )
    warnings = [
        _check_shared(
            clients,
            found.get(_CONCURRENCY),
            wanted.max_concurrency,
            is_new=is_new,
            otherwise="a smaller --concurrency",
        ),
        _check_shared(
            clients,
            found.get(_ENDPOINTS),
            1,
            is_new=is_new,
            otherwise="newsclf teardown of one that is not needed",
        ),
    ]
    return "; ".join(warning for warning in warnings if warning) or None


def _check_shared(
    clients: Clients, quota: Mapping[str, Any] | None, count: int, *, is_new: bool, otherwise: str
) -> str | None:
    """As `check_quota`, for a quota that all serverless endpoints share."""
    if quota is None:
        return None
    if quota["Value"] < count:
        raise TargetError(
            f"{_named(clients, quota)}, and {count} wanted",
            hint=f"{otherwise}, or {_more(clients, quota, count)}",
        )
    if not is_new or not quota.get("UsageMetric"):
        return None  # our own share of the use is not known, or none is told
    try:
        used = round(_used(clients, quota["UsageMetric"]))
    except NewsclfError as error:
        return f"{_named(clients, quota)}; what is used of it is not known: {error.message}"
    if used + count <= quota["Value"]:
        return None
    return (
        f"{_named(clients, quota)}, others use {used} of it and {count} are wanted, so AWS may"
        f" refuse: {otherwise}, or {_more(clients, quota, used + count)}"
    )


def _quotas(clients: Clients, names: set[str], *, doing: str) -> dict[str, Mapping[str, Any]]:
    """SageMaker's quotas of these names, as far as AWS tells them. Errors: see `Clients.call`."""
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
