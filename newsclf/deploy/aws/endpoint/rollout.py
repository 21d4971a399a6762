"""Updates of an endpoint: a second fleet beside the first, which stays when the alarm rises."""

from __future__ import annotations

import logging
from typing import Any, Final

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.describe import describe_config
from newsclf.deploy.aws.walk.apply import ensure, remove

log = logging.getLogger(__name__)

AT_MOST_S: Final = 45 * 60
"""How long an endpoint may take to come up or to be updated: a container that crashes at each start
takes 24 min without our limit of its start."""
_BAKING_S: Final = 120
"""How long the alarm watches a new fleet with all traffic before the old one is removed."""


def roll_out(
    scope: Scope, configs: tuple[str, str], *, alarm: str | None, keeps_count: bool
) -> AutoScaling | None:
    """Begin to move the endpoint to another configuration; returns while it is updating.

    Autoscaling ends before the instance type changes, or SageMaker refuses the update (its guide,
    "Update endpoints that use auto scaling").

    Args:
        configs: Names of the present configuration and of the next.
        alarm: Name of the alarm that ends the update; None: nothing does, such as for serverless,
            which has no blue/green deployment.
        keeps_count: Whether the number of instances stays as it is.

    Returns:
        The autoscaling that has ended, as it was, for `scale_again`; None if there was none.
    """
    states = [describe_config(scope, each) for each in configs]
    before, after = (state.instance if state else None for state in states)
    scaling = _end_scaling(scope, before, after) if before and before != after else None
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
    except BaseException as error:  # on Ctrl-C too
        if not (isinstance(error, RefusedError) and is_moving(error)):
            scale_again(scaling)
            raise
        # Else the call was repeated, and had done its work.
    return scaling


def _end_scaling(scope: Scope, before: str, after: str | None) -> AutoScaling | None:
    target, _ = AutoScaling(scope).find() or ({}, {})
    removal = remove([AutoScaling(scope)])
    removal.check()
    if removal.deleted:
        log.info("autoscaling ends, since it can't go from %s to %s", before, after)
    return (
        AutoScaling(scope, before, target["MinCapacity"], target["MaxCapacity"]) if target else None
    )


def scale_again(scaling: AutoScaling | None) -> None:
    """Register what was ended for an update that has failed; a warning where that fails, too."""
    if scaling is None:
        return
    try:
        ensure([scaling])
    except NewsclfError as error:
        log.warning(
            "%s no longer scales (%s): newsclf deploy with the settings that it had before",
            scaling.names.endpoint,
            error.message,
        )


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
