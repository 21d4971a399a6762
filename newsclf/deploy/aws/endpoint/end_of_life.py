"""The end of an endpoint's life: a schedule by which AWS deletes the endpoint.

EventBridge Scheduler calls sagemaker:DeleteEndpoint once, at a fixed time, and then deletes the
schedule; the machine that deployed it is not needed for that. What is left then, such as the
model and the roles, costs nothing by the hour, and `teardown` removes it. It is created before
the endpoint, so that an endpoint that never becomes ready is deleted too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newsclf.deploy.aws.call.errors import is_not_yet_assumable
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.iam.statements import Statement, allow
from newsclf.deploy.aws.walk.resource import NamedLikeDeployment, SimpleResource

ROLE_SERVICE: Final = "scheduler.amazonaws.com"
"""The service that assumes the role of the schedule."""
_GROUP: Final = "default"
_DELETE_ENDPOINT: Final = "arn:aws:scheduler:::aws-sdk:sagemaker:deleteEndpoint"
"""A universal target: any call of AWS's SDKs."""
_RETRIES: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
"""The maximum: an endpoint can't be deleted while it is being created or updated."""


def statements(names: Names) -> tuple[Statement, ...]:
    """The permissions of the role: to delete this endpoint, and nothing else.

    SageMaker refuses to delete an endpoint that scales unless the caller may also end its scaling,
    and the ids of scalable targets are not known beforehand (SageMaker's guide, "Delete endpoints
    configured for auto scaling").
    """
    endpoint = names.arn("sagemaker", f"endpoint/{names.endpoint}")
    targets = names.arn("application-autoscaling", "scalable-target/*")
    return (
        allow("sagemaker:DeleteEndpoint", endpoint),
        allow("application-autoscaling:DeregisterScalableTarget", targets),
    )


@dataclass(frozen=True)
class Schedule(NamedLikeDeployment, SimpleResource):
    """The schedule of a deployment, in its desired state."""

    at: datetime | None = None
    """When the endpoint is deleted, aware of its time zone; None: only to delete the schedule."""
    kind = "end of life"
    service = "scheduler"
    look_up = "get_schedule"
    deletion = "delete_schedule"

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"Name": self.name, "GroupName": _GROUP}

    @property
    def detail(self) -> str:
        return f"deletes the endpoint at {self._utc:%Y-%m-%d %H:%M} UTC"

    def create(self) -> None:
        self._put("create_schedule")

    def update(self, found: Mapping[str, Any]) -> None:  # noqa: ARG002
        self._put("update_schedule")

    def _put(self, operation: str) -> None:
        self.make(operation, not_yet=is_not_yet_assumable, **self.settings)

    @property
    def _utc(self) -> datetime:
        if self.at is None:
            raise AssertionError  # made to delete it
        return self.at.astimezone(UTC)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "ScheduleExpression": f"at({self._utc:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "State": "ENABLED",
            "Description": f"Deletes the endpoint {self.names.endpoint}; made by newsclf",
            "Target": {
                "Arn": _DELETE_ENDPOINT,
                "RoleArn": self.names.role_arn(self.names.role("schedule")),
                "Input": json.dumps({"EndpointName": self.names.endpoint}),
                "RetryPolicy": _RETRIES,
            },
        }
