"""The endpoint: created, moved to another configuration without a gap, and taken away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.common.errors import NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_not_found_yet
from newsclf.deploy.aws.call.names import TAG, Names
from newsclf.deploy.aws.endpoint.alarms import ErrorAlarm
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.endpoint.failure import failure, last_lines
from newsclf.deploy.aws.endpoint.rollout import AT_MOST_S, is_moving, roll_out, variant_of
from newsclf.deploy.aws.endpoint.smoke import BadAnswerError, smoke_test
from newsclf.deploy.aws.walk.resource import Action, Look

_MOVING = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}
_LINGERS_S = 300
"""Network interfaces and key grants go "a few minutes" after the endpoint, by means of its role
(docs of DeleteEndpoint)."""
_USELESS = {"Failed", "OutOfService", "UpdateRollbackFailed"}
"""Such an endpoint keeps its name; it must be deleted before there can be another. One whose update
and rollback have both failed serves old and new at random, and nothing but AWS's support or a new
endpoint gets it out of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How an endpoint is to be."""

    config: str
    """Name of its configuration."""
    alarm: ErrorAlarm | None
    """Ends a bad update; None for serverless, which has no blue/green."""
    force: bool = False
    """Whether an update goes on although the alarm rises."""
    instances: int | None
    """How many; None: not for this to say, since it is serverless or scales with the load."""
    detail: str
    """`ml.c5.xlarge × 1`."""
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint with one variant. Creating it ends with a request that must be answered well."""

    clients: Clients
    names: Names
    wanted: Wanted | None = None
    """None: only to remove it."""
    say: Callable[[str], None] = field(default=lambda _: None)
    """Is told how it goes on."""
    kind: str = "endpoint"

    @property
    def name(self) -> str:  # noqa: D102 - see Resource, here and below
        return self.names.endpoint

    def look(self) -> Look:  # noqa: D102
        wanted = self._wanted()
        found = self.find()
        action: Action = "create"
        detail = wanted.detail
        if found is not None:
            self._check_ours(found)
            status = found["EndpointStatus"]
            same = found["EndpointConfigName"] == wanted.config
            if status in _USELESS:
                action, detail = "replace", f"{detail}; it is {status}"
            elif same and status == "InService":
                count = _instances(found)
                right = wanted.instances is None or count in (None, wanted.instances)
                action = "keep" if right else "update"
                detail = detail if right else f"{detail}; it has {count}"
            elif same or status == "Deleting":
                detail = f"{detail}; it is {status}"
            elif ("ServerlessConfig" in variant_of(self.clients, found["EndpointConfigName"])) != (
                wanted.alarm is None
            ):
                action, detail = "replace", f"{detail}; down for minutes"
            else:
                action = "update"
        return Look(action, detail, wanted.usd_per_hour)

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        wanted = self._wanted()
        self._settle()
        action = self.look().action
        if action == "replace":
            self.delete()
        before = self.find()
        if before is None:
            self._create(wanted)
        elif action == "update" and before["EndpointConfigName"] == wanted.config:
            self._resize(wanted)
        elif action == "update":
            roll_out(
                self.clients,
                self.names,
                (before["EndpointConfigName"], wanted.config),
                alarm=None if wanted.alarm is None or wanted.force else wanted.alarm.name,
                say=self.say,
                keeps_count=wanted.alarm is not None and wanted.instances is None,
            )
        self._await(wanted)
        try:
            smoke_test(self.clients, self.name)
        except BadAnswerError as error:  # not another: a network that fails is no bad model
            if before is None or before["EndpointConfigName"] == wanted.config:
                raise self._failure(f"the endpoint does not work: {error.message}") from error
            self._back_to(before["EndpointConfigName"])
            raise TargetError(
                f"the new model does not work, so the endpoint is back on the old one"
                f" ({error.message})",
                hint=f"newsclf logs --deployment {self.names.deployment}",
            ) from error
        return {}

    def _create(self, wanted: Wanted) -> None:
        self.clients.create(
            "sagemaker",
            "create_endpoint",
            doing=f"creating the endpoint {self.name}",
            not_yet=is_not_found_yet,
            EndpointName=self.name,
            EndpointConfigName=wanted.config,
            Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
        )

    def _resize(self, wanted: Wanted) -> None:
        self.clients.call(
            "sagemaker",
            "update_endpoint_weights_and_capacities",
            doing=f"changing the number of instances of {self.name}",
            EndpointName=self.name,
            DesiredWeightsAndCapacities=[
                {"VariantName": VARIANT, "DesiredInstanceCount": wanted.instances}
            ],
        )

    def _await(self, wanted: Wanted) -> None:
        """Wait until it is in service as wanted; TargetError if it is not."""
        found = self._settle()
        if not found:
            raise TargetError(
                f"the endpoint {self.name} is gone: something else has deleted it",
                hint="newsclf deploy makes it again",
            )
        reason = found.get("FailureReason", "AWS gives no reason")
        if found["EndpointStatus"] != "InService":
            raise self._failure(f"the endpoint is {found['EndpointStatus']}: {reason}")
        if found["EndpointConfigName"] != wanted.config:
            raise self._rolled_back(wanted, found["EndpointConfigName"], reason)

    def _rolled_back(self, wanted: Wanted, serving: str, reason: str) -> TargetError:
        """An error that says which of the two models has failed on requests, if any."""
        old = ErrorAlarm(self.clients, self.names, serving)
        message = (
            f"AWS has rolled the update of the endpoint {self.name} back; it serves what it served"
            f" before ({reason})"
        )
        logs = f"newsclf logs --deployment {self.names.deployment} shows what the containers said"
        force = "newsclf deploy --force updates without the alarm"
        try:
            if wanted.alarm is not None and wanted.alarm.has_risen:
                return TargetError(f"{message}; the new model fails on requests", hint=logs)
            if old.has_risen:
                message += "; only the old model fails on requests"
        except NewsclfError as error:
            message += f"; {error.message}"
        return TargetError(message, hint=f"{logs}; {force}")

    def _back_to(self, config: str) -> None:
        self.say("the new model does not work; going back to the old one")
        self.clients.call(
            "sagemaker",
            "update_endpoint",
            doing=f"rolling the endpoint {self.name} back",
            EndpointName=self.name,
            EndpointConfigName=config,
        )
        self._settle()

    def delete(self) -> bool:
        """Delete it as soon as AWS allows: not while it is created or updated."""
        found = self._settle()
        if not found:
            return False
        self._check_ours(found)
        lingers = self.wanted is None and self._lingers(found["EndpointConfigName"])

        def attempt() -> bool | None:
            try:
                self.clients.find(
                    "sagemaker",
                    "delete_endpoint",
                    doing=f"deleting the endpoint {self.name}",
                    EndpointName=self.name,
                )
            except RefusedError as error:
                if not is_moving(error):
                    raise
            return True if not self._settle() else None

        if not self.clients.clock.until(attempt, at_most_s=AT_MOST_S):
            raise TargetError(
                f"the endpoint {self.name} can't be deleted yet", hint="run it again later"
            )
        if lingers:
            self.say(f"SageMaker gets {_LINGERS_S // 60} minutes to end its use of network and key")
            self.clients.clock.sleep(_LINGERS_S)
        return True

    def _lingers(self, config: str) -> bool:
        """Whether SageMaker, when the endpoint is gone, still needs its role to clean up."""
        found = self.clients.find(
            "sagemaker",
            "describe_endpoint_config",
            doing=f"looking at {config}",
            EndpointConfigName=config,
        )
        if found is None or found.get("KmsKeyId"):
            return found is not None
        name = found["ProductionVariants"][0]["ModelName"]
        model = self.clients.find(
            "sagemaker", "describe_model", doing=f"looking at the model {name}", ModelName=name
        )
        return bool(model and model.get("VpcConfig"))

    def exists(self) -> bool:  # noqa: D102
        return self.find() is not None

    def find(self) -> dict[str, Any] | None:
        """What AWS says of it, or None."""
        return self.clients.find(
            "sagemaker",
            "describe_endpoint",
            doing=f"looking for the endpoint {self.name}",
            EndpointName=self.name,
        )

    def _settle(self) -> dict[str, Any]:
        """Wait until nothing moves; what AWS says of it then, nothing if it is gone.

        Raises:
            TargetError: it is still moving after AT_MOST_S.
        """
        began_s = self.clients.clock.now_s()
        told = ""
        status = ""

        def look() -> dict[str, Any] | None:
            nonlocal told, status
            found = self.find()
            if found is None or found["EndpointStatus"] not in _MOVING:
                return found or {}
            status = found["EndpointStatus"]
            now = f"{status} {self._last_line() if status == 'Creating' else ''}".rstrip()
            if now != told:
                elapsed_s = int(self.clients.clock.now_s() - began_s)
                self.say(f"{elapsed_s // 60}:{elapsed_s % 60:02} endpoint {now}")
                told = now
            return None

        found = self.clients.clock.until(look, at_most_s=AT_MOST_S)
        if found is None:
            raise self._failure(f"the endpoint is {status} for {AT_MOST_S // 60} minutes")
        return found

    def _failure(self, message: str) -> TargetError:
        usd_per_hour = self.wanted.usd_per_hour if self.wanted else None
        return failure(self.clients, self.names, message, usd_per_hour)

    def _last_line(self) -> str:
        return next(iter(last_lines(self.clients, self.names, 1)), "")

    def _check_ours(self, found: Mapping[str, Any]) -> None:
        tags = self.clients.call(
            "sagemaker",
            "list_tags",
            doing=f"reading the tags of {self.name}",
            ResourceArn=found["EndpointArn"],
        )["Tags"]
        if {"Key": TAG, "Value": self.names.deployment} not in tags:
            raise TargetError(
                f"the endpoint {self.name} was not made by newsclf: it lacks the tag {TAG}",
                hint="take another name, or remove the endpoint by hand",
            )

    def _wanted(self) -> Wanted:
        if self.wanted is None:
            raise AssertionError  # made for a teardown
        return self.wanted


def _instances(found: Mapping[str, Any]) -> int | None:
    """How many instances an endpoint is to have at present."""
    variants = found.get("ProductionVariants") or [{}]
    count: int | None = variants[0].get("DesiredInstanceCount")
    return count


def running_count(found: Mapping[str, Any]) -> int:
    """How many instances an endpoint has, by what AWS says of it; 0 if it has none or says none."""
    variants = found.get("ProductionVariants") or [{}]
    return variants[0].get("CurrentInstanceCount") or 0
