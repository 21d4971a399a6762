"""The end of an endpoint's life, kept by AWS: a schedule that deletes the endpoint by itself.

EventBridge Scheduler calls sagemaker:DeleteEndpoint once, at a fixed time, and then deletes the
schedule; the machine that deployed it need not be there any more. What is left then, such as the
model and the roles, costs nothing by the hour, and `teardown` removes it. It is best made before
the endpoint, so that an endpoint that nobody sees become ready is deleted too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

ROLE_SERVICE: Final = "scheduler.amazonaws.com"
"""Who takes on the role `Names.schedule_role`, which `statements` tells what it may do."""
_GROUP: Final = "default"
_DELETE_ENDPOINT: Final = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
"""A universal target: any call of AWS's SDKs."""
_ROLE_TIMEOUT_S: Final = 60.0
"""A new role can be assumed after 5 to 30 seconds."""
_RETRIES: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""The most that there is: an endpoint can't be deleted while it is being created or updated."""


def statements(names: Names) -> tuple[Mapping[str, Any], ...]:
    """All that the role may do: delete this endpoint.

    SageMaker refuses to delete an endpoint that scales to whoever may not end its scaling, and the
    ids of scalable targets are not known beforehand (SageMaker's guide, "Delete endpoints
    configured for auto scaling").
    """
    endpoint = names.arn("sagemaker", f"endpoint/{names.endpoint}")
    targets = names.arn("application-autoscaling", "scalable-target/*")
    ends_scaling = "application-autoscaling:DeregisterScalableTarget"
    return (
        {"Effect": "Allow", "Action": "sagemaker:DeleteEndpoint", "Resource": endpoint},
        {"Effect": "Allow", "Action": ends_scaling, "Resource": targets},
    )


@dataclass(frozen=True, slots=True)
class AnySchedule:
    """The schedule of a deployment, whatever its time."""

    clients: Clients
    names: Names

    @property
    def kind(self) -> str:
        """For people and the journal."""
        return "end of life"

    @property
    def name(self) -> str:
        """Its name on AWS."""
        return self.names.endpoint

    def delete(self) -> bool:
        """Delete it; it may have deleted itself."""
        return self._find("delete_schedule", "deleting the endpoint's end of life") is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._schedule() is not None

    def _find(self, operation: str, doing: str) -> dict[str, Any] | None:
        return self.clients.find(
            "scheduler", operation, doing=doing, Name=self.name, GroupName=_GROUP
        )

    def _schedule(self) -> Mapping[str, Any] | None:
        return self._find("get_schedule", "looking at the endpoint's end of life")


@dataclass(frozen=True, slots=True)
class Schedule(AnySchedule):
    """The schedule as it is wanted."""

    at: datetime
    """When the endpoint goes; aware of its time zone, whole seconds count."""

    def look(self) -> Look:
        """See whether it is there, with this time."""
        wanted = f"deletes the endpoint at {self._utc:%Y-%m-%d %H:%M} UTC"
        found = self._schedule()
        if found is None:
            return Look("create", wanted)
        there = {key: found.get(key) for key in self._wanted}
        return Look("keep" if there == self._wanted else "update", wanted)

    def ensure(self) -> Mapping[str, str]:
        """Create or update it; waits while the role can't be assumed yet.

        Raises:
            TargetError: it still can't after a minute.
        """
        action = self.look().action
        if action == "keep":
            return {}
        operation = "create_schedule" if action == "create" else "update_schedule"
        if self.clients.clock.until(lambda: self._put(operation), at_most_s=_ROLE_TIMEOUT_S):
            return {}
        raise TargetError(
            f"EventBridge Scheduler still can't assume the role {self.names.schedule_role}",
            hint="run the same command again; if it stays so, look at the role's trust policy",
        )

    def _put(self, operation: str) -> bool | None:
        """True when it was done, None while the role is too new."""
        try:
            self.clients.call(
                "scheduler",
                operation,
                doing="setting the endpoint's end of life",
                Name=self.name,
                GroupName=_GROUP,
                **self._wanted,
            )
        except RefusedError as error:
            if error.code == "ValidationException" and "assume" in error.said:
                return None
            raise
        return True

    @property
    def _utc(self) -> datetime:
        return self.at.astimezone(UTC)

    @property
    def _wanted(self) -> dict[str, Any]:
        return {
            "ScheduleExpression": f"at({self._utc:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Description": f"Deletes the endpoint {self.names.endpoint}; made by newsclf",
            "Target": {
                "Arn": _DELETE_ENDPOINT,
                "RoleArn": self.names.role_arn(self.names.schedule_role),
                "Input": json.dumps({"EndpointName": self.names.endpoint}),
                "RetryPolicy": _RETRIES,
            },
        }
