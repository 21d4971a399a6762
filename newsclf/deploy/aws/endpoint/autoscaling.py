"""Autoscaling of an endpoint: a scalable target, and the policy that changes its instances.

The policy tracks the requests that an instance has in flight, in steps of ten seconds. Invocations
per minute, the older choice, need a figure that only a load test of that model on that instance
can give, and an instance that is full never shows more of them than it can do: with a target a
little too high it would never scale. Requests in flight grow without limit when an instance is
full, and are seen within seconds instead of minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newsclf.costs.instances import workers
from newsclf.deploy.aws.call.errors import is_not_found
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.walk.resource import SimpleResource, has

_METRIC: Final = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
_OUT_COOLDOWN_S: Final = 60
_IN_COOLDOWN_S: Final = 300
"""An instance takes minutes to start, so none is given back at the first lull."""


@dataclass(frozen=True)
class AutoScaling(SimpleResource):
    """The scalable target of an endpoint's variant and its policy, in their desired state."""

    instance: str = ""
    """Such as `ml.c5.xlarge`; decides how many requests one has in flight when it is busy. Empty:
    only to delete it."""
    min_instances: int = 0
    max_instances: int = 0
    kind = "autoscaling"
    service = "application-autoscaling"

    @property
    def name(self) -> str:
        """The id of the scalable target."""
        return f"endpoint/{self.names.endpoint}/variant/{VARIANT}"

    @property
    def identity(self) -> Mapping[str, Any]:
        return {
            "ServiceNamespace": "sagemaker",
            "ResourceId": self.name,
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }

    def find(self) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """The target and the policy, each empty if it is not there; None without either."""
        targets = self._described("scalable_targets", ResourceIds=[self.name])
        policies = self._described(
            "scaling_policies", ResourceId=self.name, PolicyNames=[self.names.endpoint]
        )
        target: Mapping[str, Any] = next(iter(targets["ScalableTargets"]), {})
        policy: Mapping[str, Any] = next(iter(policies["ScalingPolicies"]), {})
        return (target, policy) if target or policy else None

    def delete(self) -> bool:
        """Delete the policy, whose alarms go with it, then the target."""
        target, policy = self.find() or ({}, {})
        if policy:
            self.drop("delete_scaling_policy", PolicyName=self.names.endpoint)
        if target:
            self.drop("deregister_scalable_target")
        return bool(target or policy)

    def _described(self, what: str, **which: Any) -> dict[str, Any]:
        return self.scope.clients.call(
            self.service,
            f"describe_{what}",
            doing="looking for autoscaling",
            ServiceNamespace="sagemaker",
            **which,
        )

    @property
    def target_in_flight(self) -> float:
        """Requests in flight per instance: one for each that is answered at once.

        In a queue with c servers that many are there at 62 % (c = 2) to 79 % (c = 8) of its
        capacity (M/M/c), so waiting is short and little is idle.
        """
        return float(workers(self.instance))

    @property
    def detail(self) -> str:
        return f"{self.min_instances} to {self.max_instances} instances"

    def difference(self, found: tuple[Mapping[str, Any], Mapping[str, Any]]) -> str | None:
        target, policy = found
        if not target or not policy:
            return f"incomplete → {self.detail}"
        tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        if has(target, self.bounds) and has(tracking, self.tracking):
            return None
        return f"{target['MinCapacity']} to {target['MaxCapacity']} instances → {self.detail}"

    def create(self) -> None:
        self.update(({}, {}))

    def update(self, found: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
        """Register the target, then put the policy; both calls also update."""
        # A target that is there is not changed when tags come with the call.
        tags: dict[str, Any] = {} if found[0] else {"Tags": self.names.tags}
        self.make("register_scalable_target", **self.bounds, **tags)
        self.make(
            "put_scaling_policy",
            not_yet=is_not_found,  # a new target (docs of RegisterScalableTarget)
            PolicyName=self.names.endpoint,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=self.tracking,
        )

    @property
    def bounds(self) -> dict[str, Any]:
        """The settings of the scalable target."""
        return {"MinCapacity": self.min_instances, "MaxCapacity": self.max_instances}

    @property
    def tracking(self) -> dict[str, Any]:
        """The settings of the policy."""
        return {
            "TargetValue": self.target_in_flight,
            "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
            "ScaleOutCooldown": _OUT_COOLDOWN_S,
            "ScaleInCooldown": _IN_COOLDOWN_S,
            "DisableScaleIn": False,
        }
