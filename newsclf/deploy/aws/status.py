"""How a deployment on AWS is doing, and what it has cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from newsclf.common.errors import ConfigError
from newsclf.costs.prices import PriceBook
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.endpoint import Endpoint, running_count
from newsclf.deploy.aws.jobs.training_job import TrainingJob


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsStatus:
    """One deployment."""

    name: str
    region: str
    recorded: bool
    """Whether this state directory knows it; if not, nobody here looks after it."""
    endpoint: str
    """SageMaker's status, such as `InService`; `none` without an endpoint. Of a training: its
    job's."""
    on: str = ""
    """`ml.c5.large × 1` or `serverless`."""
    api: str | None = None
    """Its URL, where it is recorded."""
    age_s: float | None = None
    usd_per_hour: float | None = None
    """At present; None: it bills by use, or no price is known."""
    usd_so_far: float | None = None
    """With the present number of instances since it was created, so an estimate."""


def look_at(
    clients: Clients, names: Names, prices: PriceBook, *, recorded: bool, api: str | None
) -> AwsStatus:
    """Ask AWS. Errors are those of `Clients.call`."""
    if names.is_training:
        return _look_at_training(clients, names)
    found = Endpoint(clients, names).find()
    known = AwsStatus(
        name=names.deployment, region=names.region, recorded=recorded, endpoint="none", api=api
    )
    if found is None:
        return known
    config = clients.find(
        "sagemaker",
        "describe_endpoint_config",
        doing=f"looking at {names.endpoint}",
        EndpointConfigName=found["EndpointConfigName"],
    )
    variant: dict[str, Any] = config["ProductionVariants"][0] if config else {}
    age_s = (datetime.now(UTC) - found["CreationTime"]).total_seconds()
    instance = variant.get("InstanceType")
    if instance is None:
        on, usd_per_hour = "serverless" if variant else "?", None
    else:
        count = running_count(found) or variant["InitialInstanceCount"]
        on = f"{instance} × {count}"
        usd_per_hour = _price(prices, instance, names.region, count)
    failed = found["EndpointStatus"] == "Failed"  # it has no instances, and had some for how long?
    return AwsStatus(
        name=names.deployment,
        region=names.region,
        recorded=recorded,
        endpoint=found["EndpointStatus"],
        on=on,
        api=api,
        age_s=age_s,
        usd_per_hour=0.0 if failed else usd_per_hour,
        usd_so_far=None if usd_per_hour is None or failed else usd_per_hour * age_s / 3600,
    )


def _look_at_training(clients: Clients, names: Names) -> AwsStatus:
    """One whose command was cut off; a finished one leaves nothing that is found."""
    found = TrainingJob(clients, names).find() or {}
    created = found.get("CreationTime")
    return AwsStatus(
        name=names.deployment,
        region=names.region,
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
