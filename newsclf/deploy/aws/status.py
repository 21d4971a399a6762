"""Status of a deployment on AWS, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from newsclf.common.errors import ConfigError
from newsclf.costs.prices import PriceBook
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_config, describe_endpoint
from newsclf.deploy.aws.jobs.training_job import TrainingJob
from newsclf.deploy.records import AwsDeployment


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsStatus:
    """The status of one deployment."""

    name: str
    region: str
    recorded: bool
    """Whether it is recorded in this state directory."""
    endpoint: str
    """SageMaker's status of the endpoint, such as `InService`, or of a training job; `paused`, or
    `none`, without an endpoint."""
    on: str = ""
    """`ml.c5.large × 1` or `serverless`."""
    api: str | None = None
    """Its URL, where it is recorded."""
    age_s: float | None = None
    usd_per_hour: float | None = None
    """At present; None: it is billed by use, or no price is known."""
    usd_so_far: float | None = None
    """With the present number of instances since it was created, so an estimate."""
    saves_usd_per_hour: float | None = None
    """While it is paused: what its endpoint would cost; None: it is billed by use, or no price is
    known."""
    still_billed: tuple[str, ...] = ()
    """While it is paused: what is left that costs anything."""


def status_of(scope: Scope, prices: PriceBook, known: AwsDeployment | None) -> AwsStatus:
    """Ask AWS for the status of a deployment. Errors are those of `Clients.call`.

    Args:
        known: Its record in this state directory, if there is one.
    """
    names = scope.names
    if names.is_training:
        return _training_status(scope)
    found = describe_endpoint(scope)
    status = AwsStatus(
        name=names.deployment,
        region=names.region,
        recorded=known is not None,
        endpoint="none",
        api=known.api.url if known and known.api else None,
    )
    if found is None:
        is_paused = known is not None and known.paused_since is not None
        return _paused(status, known, prices) if known and is_paused else status
    config = describe_config(scope, found.config)
    age_s = (datetime.now(UTC) - found.created).total_seconds()
    if config is None or config.instance is None:
        on, usd_per_hour = "serverless" if config else "?", None
    else:
        count = found.running_count or config.initial_count
        on = f"{config.instance} × {count}"
        usd_per_hour = _price(prices, config.instance, names.region, count)
    failed = found.status == "Failed"  # it has no instances, and had some for how long?
    return replace(
        status,
        endpoint=found.status,
        on=on,
        age_s=age_s,
        usd_per_hour=0.0 if failed else usd_per_hour,
        usd_so_far=None if usd_per_hour is None or failed else usd_per_hour * age_s / 3600,
    )


def _paused(status: AwsStatus, known: AwsDeployment, prices: PriceBook) -> AwsStatus:
    """The status of a paused deployment, from its record: what it serves with when it resumes."""
    instance, count = known.spec.instance, known.spec.min_instances
    left = ["the archive in S3", "logs"]
    if instance is not None:
        left.append("the error alarm ($0.10 a month)")
    if known.api is not None:
        left.append("requests to the API, which it answers with 503")
    return replace(
        status,
        endpoint="paused",
        on="serverless" if instance is None else f"{instance} × {count}",
        usd_per_hour=0.0,
        saves_usd_per_hour=None
        if instance is None
        else _price(prices, instance, status.region, count),
        still_billed=tuple(left),
    )


def _training_status(scope: Scope) -> AwsStatus:
    """The status of a training whose command was cut off; a finished one leaves nothing."""
    found = TrainingJob(scope).find() or {}
    created = found.get("CreationTime")
    return AwsStatus(
        name=scope.names.deployment,
        region=scope.names.region,
        recorded=False,
        endpoint=f"training {found.get('TrainingJobStatus', 'not begun')}",
        on=found["ResourceConfig"]["InstanceType"] if found else "",
        age_s=(datetime.now(UTC) - created).total_seconds() if created else None,
    )


def _price(prices: PriceBook, instance: str, region: str, count: int) -> float | None:
    try:
        return prices.hosting_usd_per_hour(instance, region) * count
    except ConfigError:
        return None
