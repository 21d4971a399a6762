"""The endpoint: created, moved to another configuration without a gap, and deleted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from newsclf.common.errors import NewsclfError, TargetError
from newsclf.deploy.aws.call.errors import RefusedError, is_not_found
from newsclf.deploy.aws.call.names import TAG
from newsclf.deploy.aws.endpoint.alarms import ErrorAlarm
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.endpoint.describe import EndpointState, describe_config, describe_endpoint
from newsclf.deploy.aws.endpoint.failure import failure
from newsclf.deploy.aws.endpoint.rollout import AT_MOST_S, is_moving, roll_out, scale_again
from newsclf.deploy.aws.endpoint.smoke import BadAnswerError, smoke_test
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.walk.resource import Action, NamedLikeDeployment, PlannedChange, Resource

log = logging.getLogger(__name__)

_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
_LINGERS_S = 300
"""Network interfaces and key grants are removed "a few minutes" after the endpoint, with the rights
of its role (docs of DeleteEndpoint)."""
_USELESS = {"Failed", "OutOfService", "UpdateRollbackFailed"}
"""Such an endpoint keeps its name; it must be deleted before there can be another. One whose update
and rollback have both failed serves old and new at random, and nothing but AWS's support or a new
endpoint gets it out of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredEndpoint:
    """The desired state of an endpoint."""

    config: str
    """Name of its configuration."""
    alarm: ErrorAlarm | None
    """Ends a bad update; None for serverless, which has no blue/green deployment."""
    force: bool = False
    """Whether an update continues although the alarm rises."""
    instances: int | None
    """How many; None: it is serverless or scales with the load."""
    detail: str
    """`ml.c5.xlarge × 1`."""
    usd_per_hour: float | None


@dataclass(frozen=True)
class Endpoint(NamedLikeDeployment, Resource):
    """An endpoint with one variant, which is ready when it has answered a request correctly."""

    desired: DesiredEndpoint | None = None
    """None: only to remove it."""
    kind = "endpoint"
    service = "sagemaker"
    name_argument = "EndpointName"
    holds_others = True

    def find(self) -> EndpointState | None:
        return describe_endpoint(self.scope)

    def planned(self) -> PlannedChange:
        desired, found = self._desired(), self.found()
        action: Action = "create"
        detail = desired.detail
        if found is not None:
            self._check_ours(found)
            action, remark = self._change(found)
            detail = f"{detail}; {remark}" if remark else detail
        return PlannedChange(action, detail, desired.usd_per_hour)

    def _change(self, found: EndpointState) -> tuple[Action, str]:
        """What brings it to its desired state, and a remark on that."""
        desired, count = self._desired(), found.desired_count
        same = found.config == desired.config
        if found.status in _USELESS:
            return "replace", f"it is {found.status}"
        if same and found.status == "InService":
            if count is None or desired.instances in (None, count):
                return "keep", ""
            return "update", f"it has {count}"
        if same or found.status == "Deleting":
            return "create", f"it is {found.status}"
        config = describe_config(self.scope, found.config)
        is_serverless = config is not None and config.instance is None
        if is_serverless != (desired.alarm is None):
            return "replace", "down for minutes"
        return "update", ""

    def ensure(self) -> Mapping[str, str]:
        desired = self._desired()
        before = self._settle()
        scaling: AutoScaling | None = None
        action: Action = "create"
        if before is not None:
            self._check_ours(before)
            action, _ = self._change(before)
        if action == "replace":
            self.delete()
            before = None
        if before is None:
            self.make(
                "create_endpoint",
                not_yet=is_not_found,
                EndpointConfigName=desired.config,
                Tags=self.scope.tag_list,
            )
        elif action == "update" and before.config == desired.config:
            variant = {"VariantName": VARIANT, "DesiredInstanceCount": desired.instances}
            self.call(
                "update_endpoint_weights_and_capacities", DesiredWeightsAndCapacities=[variant]
            )
        elif action == "update":
            scaling = roll_out(
                self.scope,
                (before.config, desired.config),
                alarm=None if desired.alarm is None or desired.force else desired.alarm.name,
                keeps_count=desired.alarm is not None and desired.instances is None,
            )
        found = before if action == "keep" else self._settle()
        if found and before and found.config == before.config != desired.config:  # rolled back
            scale_again(scaling)
        self._check_in_service(found)
        try:
            smoke_test(self.scope)
        except BadAnswerError as error:  # other errors, as of the network, do not blame the model
            if before is None or before.config == desired.config:
                raise self._failure(f"the endpoint does not work: {error.message}") from error
            self._back_to(before.config)
            scale_again(scaling)
            raise TargetError(
                "the new model does not work, so the endpoint is back on the old one"
                f" ({error.message})",
                hint=f"newsclf logs --deployment {self.names.deployment}",
            ) from error
        return {}

    def _check_in_service(self, found: EndpointState | None) -> None:
        """Raise TargetError unless it is in service with its desired configuration."""
        if found is None:
            raise TargetError(
                f"the endpoint {self.name} is gone: something else has deleted it",
                hint="newsclf deploy creates it again",
            )
        reason = found.failure or "AWS gives no reason"
        if found.status != "InService":
            raise self._failure(f"the endpoint is {found.status}: {reason}")
        if found.config != self._desired().config:
            raise self._rolled_back(found.config, reason)

    def _rolled_back(self, serving: str, reason: str) -> TargetError:
        """An error that says which of the two models has failed on requests, if any."""
        new, old = self._desired().alarm, ErrorAlarm(self.scope, serving)
        message = (
            f"AWS has rolled the update of the endpoint {self.name} back; it serves what it served"
            f" before ({reason})"
        )
        logs = f"newsclf logs --deployment {self.names.deployment} shows what the containers logged"
        force = "newsclf deploy --force updates without the alarm"
        try:
            if new is not None and new.has_risen:
                return TargetError(f"{message}; the new model fails on requests", hint=logs)
            if old.has_risen:
                message += "; only the old model fails on requests"
        except NewsclfError as error:
            message += f"; {error.message}"
        return TargetError(message, hint=f"{logs}; {force}")

    def _back_to(self, config: str) -> None:
        log.info("the new model does not work; going back to the old one")
        self.call("update_endpoint", EndpointConfigName=config)
        self._settle()

    def delete(self) -> bool:
        """Delete it as soon as AWS allows: not while it is created or updated."""
        found = self._settle()
        if found is None:
            return False
        self._check_ours(found)
        lingers = self.desired is None and self._lingers(found.config)

        def attempt() -> bool | None:
            try:
                self.drop("delete_endpoint")
            except RefusedError as error:
                if not is_moving(error):
                    raise
            return True if self._settle() is None else None

        if not self.scope.clock.until(attempt, at_most_s=AT_MOST_S):
            raise TargetError(
                f"the endpoint {self.name} can't be deleted yet", hint="run it again later"
            )
        self.scope.forget(found.arn)
        if lingers:
            minutes = _LINGERS_S // 60
            log.info("SageMaker gets %d minutes to end its use of network and key", minutes)
            self.scope.clock.sleep(_LINGERS_S)
        return True

    def _lingers(self, config: str) -> bool:
        """Whether SageMaker, when the endpoint is gone, still needs its role to clean up."""
        found = describe_config(self.scope, config)
        if found is None or found.kms_key:
            return found is not None
        model = self.scope.clients.find("sagemaker", "describe_model", ModelName=found.model)
        return bool(model and model.get("VpcConfig"))

    def _settle(self) -> EndpointState | None:
        """Wait until AWS has finished what it does with it; its state then, None if it is gone.

        Raises:
            TargetError: it is still moving after AT_MOST_S.
        """
        lines = LogGroup(self.scope, self.names.endpoint_log)
        status = ""

        def look() -> tuple[str, tuple[EndpointState | None] | None]:
            nonlocal status
            found = self.find()
            if found is None or found.status not in _MOVING:
                return "", (found,)
            status = found.status
            last = lines.last_lines_or_problem(1) if status == "Creating" else []
            return " ".join([status, *last]), None

        found = self.scope.clock.follow("endpoint", look, at_most_s=AT_MOST_S)
        if found is None:
            raise self._failure(f"the endpoint is {status} for {AT_MOST_S // 60} minutes")
        return found[0]

    def _failure(self, message: str) -> TargetError:
        return failure(self.scope, message, self.desired.usd_per_hour if self.desired else None)

    def _check_ours(self, found: EndpointState) -> None:
        clients = self.scope.clients
        found_tags = self.scope.remembered(
            found.arn, lambda: clients.call("sagemaker", "list_tags", ResourceArn=found.arn)
        )
        if {"Key": TAG, "Value": self.names.deployment} not in found_tags["Tags"]:
            raise TargetError(
                f"the endpoint {self.name} was not made by newsclf: it lacks the tag {TAG}",
                hint="choose another name, or remove the endpoint by hand",
            )

    def _desired(self) -> DesiredEndpoint:
        if self.desired is None:
            raise AssertionError  # made for a teardown
        return self.desired
