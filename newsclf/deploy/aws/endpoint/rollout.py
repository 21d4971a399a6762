"""An update of an endpoint: a second fleet beside the first, which stays when the alarm rises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.autoscaling import ScaledVariant
from newsclf.deploy.aws.endpoint.config import VARIANT

AT_MOST_S: Final = 45 * 60
"""How long an endpoint may take to come up or to be updated: a container that crashes at each start
takes 24 min without our limit of its start."""
_BAKING_S: Final = 120
"""How long the alarm watches a new fleet with all traffic before the old one goes."""


def roll_out(
    clients: Clients,
    names: Names,
    configs: tuple[str, str],
    *,
    alarm: str | None,
    keeps_count: bool,
    say: Callable[[str], None],
) -> None:
    """Begin to move the endpoint to another configuration; returns while it is updating.

    An endpoint that scales ceases to while its instance is another, or SageMaker refuses the
    update (its guide, "Update endpoints that use auto scaling").

    Args:
        clients: Of the account and region.
        names: The deployment's.
        configs: Names of the configuration that it has and of the one that it is to have.
        alarm: Name of the alarm that ends it; None: nothing does, such as for serverless, which
            has no blue/green.
        keeps_count: Whether it goes on with as many instances as it has.
        say: Is told of what else is done.
    """
    before, after = (variant_of(clients, each).get("InstanceType") for each in configs)
    if before != after and ScaledVariant(clients, names, VARIANT).delete():
        say(f"autoscaling ends, since it can't go from {before} to {after}")
    try:
        clients.call(
            "sagemaker",
            "update_endpoint",
            doing=f"updating the endpoint {names.endpoint}",
            EndpointName=names.endpoint,
            EndpointConfigName=configs[1],
            RetainAllVariantProperties=keeps_count,
            **(_with_rollback(alarm) if alarm is not None else {}),
        )
    except RefusedError as error:
        if not is_moving(error):  # a call was repeated that had done its work
            raise


def variant_of(clients: Clients, config: str) -> Mapping[str, Any]:
    """The one variant of an endpoint configuration; empty if that does not exist."""
    found = clients.find(
        "sagemaker",
        "describe_endpoint_config",
        doing=f"looking at {config}",
        EndpointConfigName=config,
    )
    variant: Mapping[str, Any] = found["ProductionVariants"][0] if found else {}
    return variant


def is_moving(error: RefusedError) -> bool:
    """Whether SageMaker refuses because the endpoint is being created, updated or deleted."""
    return "in-progress" in error.said or "in progress" in error.said


def _with_rollback(alarm: str) -> Mapping[str, Any]:
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": "ALL_AT_ONCE",
            "WaitIntervalInSeconds": _BAKING_S,
        },
        "TerminationWaitInSeconds": 0,
        "MaximumExecutionTimeoutInSeconds": AT_MOST_S,
    }
    alarms = {"Alarms": [{"AlarmName": alarm}]}
    return {
        "DeploymentConfig": {
            "BlueGreenUpdatePolicy": policy,
            "AutoRollbackConfiguration": alarms,
        }
    }
