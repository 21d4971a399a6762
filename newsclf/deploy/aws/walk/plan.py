"""The plan of a deployment: what would change, found by reading only."""

from __future__ import annotations

from dataclasses import dataclass

from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.walk.resource import Deletable, PlannedChange, Resource
from newsclf.deploy.records import AwsDeployment


@dataclass(frozen=True, slots=True)
class Step:
    """A resource, and the change that it needs."""

    resource: Resource
    change: PlannedChange


@dataclass(frozen=True, slots=True)
class Plan:
    """The resources of a deployment, in the order of creation."""

    scope: Scope
    deployment: AwsDeployment
    """As it will be recorded."""
    steps: tuple[Step, ...]
    removals: tuple[Deletable, ...] = ()
    """What is there and no longer desired; deleted first."""
    orphans: tuple[Deletable, ...] = ()
    """What is there and of no use when all steps are done; deleted last."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.removals or self.orphans) or any(
            step.change.action != "keep" for step in self.steps
        )
