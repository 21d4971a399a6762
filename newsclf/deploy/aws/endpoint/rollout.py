"""Updates of an endpoint: a second fleet beside the first, which stays when the alarm rises."""

from __future__ import annotations

import logging
from typing import Any, Final

from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.describe import describe_config
from newsclf.deploy.aws.walk.apply import remove

log = logging.getLogger(__name__)

AT_MOST_S: Final = 45 * 60
"""How long an endpoint may take to come up or to be updated: a container that crashes at each start
takes 24 min without our limit of its start."""
_BAKING_S: Final = 120
"""How long the alarm watches a new fleet with all traffic before the old one is removed."""


def roll_out(
    scope: Scope, configs: tuple[str, str], *, alarm: str | None, keeps_count: bool
) -> None:
    """Begin to move the endpoint to another configuration; returns while it is updating.

    Autoscaling is suspended while the instance type changes, or SageMaker refuses the update (its
    guide, "Update endpoints that use auto scaling").

    Args:
        configs: Names of the present configuration and of the next.
        alarm: Name of the alarm that ends the update; None: nothing does, such as for serverless,
            which has no blue/green deployment.
        keeps_count: Whether the number of instances stays as it is.
    """
    states = [describe_config(scope, each) for each in configs]
    before, after = (state and state.instance for state in states)
    if before != after:
        removal = remove([AutoScaling(scope)])
        removal.check()
        if removal.deleted:
            log.info("autoscaling ends, since it can't go from %s to %s", before, after)
    rollback: dict[str, Any] = {} if alarm is None else {"DeploymentConfig": rollback_on(alarm)}
    try:
        scope.clients.call(
            "sagemaker",
            "update_endpoint",
            EndpointName=scope.names.endpoint,
            EndpointConfigName=configs[1],
            RetainAllVariantProperties=keeps_count,
            **rollback,
        )
    except RefusedError as error:
        if not is_moving(error):  # a call was repeated that had done its work
            raise


def rollback_on(alarm: str) -> dict[str, Any]:
    """SageMaker's settings of an update that an alarm of this name ends."""
    policy = {
        "TrafficRoutingConfiguration": {
            "Type": "ALL_AT_ONCE",
            "WaitIntervalInSeconds": _BAKING_S,
        },
        "TerminationWaitInSeconds": 0,
        "MaximumExecutionTimeoutInSeconds": AT_MOST_S,
    }
    return {
        "BlueGreenUpdatePolicy": policy,
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def is_moving(error: RefusedError) -> bool:
    """Whether SageMaker refuses because the endpoint is being created, updated or deleted."""
    return "in-progress" in error.said or "in progress" in error.said
