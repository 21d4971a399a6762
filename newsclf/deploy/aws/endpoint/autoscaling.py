"""How many instances an endpoint has: a scalable target, and the policy that moves it.

The policy tracks the requests that an instance has in hand, in steps of ten seconds. Invocations
per minute, the older choice, need a figure that only a load test of that model on that instance
can give, and an instance that is full never shows more of them than it can do: with a target a
little too high it would never scale. Requests in hand grow without limit when an instance is full,
and are seen within seconds instead of minutes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_METRIC: Final = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
_OUT_COOLDOWN_S: Final = 60
_IN_COOLDOWN_S: Final = 300
"""An instance takes minutes to start, so none is given back at the first lull."""
_SERVICE: Final = "application-autoscaling"
_VCPUS: Final = {"medium": 2, "large": 2, "xlarge": 4}


@dataclass(frozen=True, slots=True)
class ScaledVariant:
    """The scalable target of an endpoint's variant and its policy, whatever they say."""

    clients: Clients
    names: Names
    variant: str

    @property
    def kind(self) -> str:
        """For people and the journal."""
        return "autoscaling"

    @property
    def name(self) -> str:
        """The id of the scalable target."""
        return f"endpoint/{self.names.endpoint}/variant/{self.variant}"

    def delete(self) -> bool:
        """Delete the policy, whose alarms go with it, then the target."""
        policy, target = self._policy(), self._target()
        if policy is not None:
            doing = "deleting the autoscaling policy"
            self._find("delete_scaling_policy", doing, PolicyName=self.names.endpoint)
        if target is not None:
            self._find("deregister_scalable_target", "ending autoscaling")
        return policy is not None or target is not None

    def exists(self) -> bool:
        """Whether target or policy is left."""
        return self._target() is not None or self._policy() is not None

    @property
    def _key(self) -> dict[str, Any]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": self.name,
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def _find(self, operation: str, doing: str, **arguments: Any) -> None:
        self.clients.find(_SERVICE, operation, doing=doing, **self._key, **arguments)

    def _target(self) -> Mapping[str, Any] | None:
        answer = self.clients.call(
            _SERVICE,
            "describe_scalable_targets",
            doing="looking at autoscaling",
            ServiceNamespace="sagemaker",
            ResourceIds=[self.name],
        )
        return next(iter(answer["ScalableTargets"]), None)

    def _policy(self) -> Mapping[str, Any] | None:
        answer = self.clients.call(
            _SERVICE,
            "describe_scaling_policies",
            doing="looking at the autoscaling policy",
            ServiceNamespace="sagemaker",
            ResourceId=self.name,
            PolicyNames=[self.names.endpoint],
        )
        return next(iter(answer["ScalingPolicies"]), None)


@dataclass(frozen=True, slots=True)
class AutoScaling(ScaledVariant):
    """The same, as they are wanted."""

    instance: str
    """Such as `ml.c5.xlarge`; it decides how many requests one has in hand when it is busy."""
    min_instances: int
    max_instances: int

    def __post_init__(self) -> None:
        """Raises ConfigError: SageMaker could not scale like that."""
        if not 1 <= self.min_instances <= self.max_instances:
            raise ConfigError(
                f"--min {self.min_instances} --max {self.max_instances}: expected one instance at"
                " least, and no more at least than at most"
            )
        if self.instance.startswith("ml.t2."):
            raise ConfigError(
                f"SageMaker does not scale {self.instance}: it is a burstable instance",
                hint="--instance ml.c5.large, or leave --max away",
            )

    @property
    def target_in_flight(self) -> float:
        """Requests in hand per instance: one for each vCPU.

        In a queue with c servers that many are there at 62 % (c = 2) to 79 % (c = 8) of what it
        can do (M/M/c), so waiting is short and little is idle.
        """
        return float(vcpus(self.instance))

    def look(self) -> Look:
        """See whether target and policy are as they should be."""
        target, policy = self._target(), self._policy()
        wanted = f"{self.min_instances} to {self.max_instances} instances"
        if target is None and policy is None:
            return Look("create", wanted)
        if target is not None and policy is not None and self._is_wanted(target, policy):
            return Look("keep", wanted)
        if target is None or policy is None:
            return Look("update", f"half made → {wanted}")
        there = f"{target['MinCapacity']} to {target['MaxCapacity']} instances"
        return Look("update", f"{there} → {wanted}")

    def ensure(self) -> Mapping[str, str]:
        """Register the target, then put the policy; both calls also update."""
        if self.look().action == "keep":
            return {}
        # One that is there is not changed when tags come with the call.
        tags: dict[str, Any] = {} if self._target() else {"Tags": self.names.tags}
        self.clients.create(
            _SERVICE,
            "register_scalable_target",
            doing="registering the endpoint for autoscaling",
            **self._key,
            MinCapacity=self.min_instances,
            MaxCapacity=self.max_instances,
            **tags,
        )
        self.clients.create(
            _SERVICE,
            "put_scaling_policy",
            doing="writing the autoscaling policy",
            not_yet=_is_not_registered_yet,
            **self._key,
            PolicyName=self.names.endpoint,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=self._configuration,
        )
        return {}

    @property
    def _configuration(self) -> dict[str, Any]:
        return {
            "TargetValue": self.target_in_flight,
            "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
            "ScaleOutCooldown": _OUT_COOLDOWN_S,
            "ScaleInCooldown": _IN_COOLDOWN_S,
            "DisableScaleIn": False,
        }

    def _is_wanted(self, target: Mapping[str, Any], policy: Mapping[str, Any]) -> bool:
        bounds = (target["MinCapacity"], target["MaxCapacity"])
        there = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        return bounds == (self.min_instances, self.max_instances) and all(
            there.get(field) == value for field, value in self._configuration.items()
        )


def _is_not_registered_yet(error: RefusedError) -> bool:
    """It may take a moment until a new target is known (docs of RegisterScalableTarget)."""
    return error.code == "ObjectNotFoundException"


def vcpus(instance: str) -> int:
    """The vCPUs of an instance, by AWS's rule of sizes: large 2, xlarge 4, Nxlarge 4 N.

    Raises:
        ConfigError: the size is not known.
    """
    size = instance.rpartition(".")[2]
    if many := re.fullmatch(r"(\d+)xlarge", size):
        return 4 * int(many[1])
    if size not in _VCPUS:
        raise ConfigError(f"{instance}: how many vCPUs that size has is not known")
    return _VCPUS[size]
