"""What a deployment would change, found by reading only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsclf.deploy.aws.walk.resource import Look, Remains, Resource
from newsclf.deploy.records import AwsDeployment


@dataclass(frozen=True, slots=True)
class Step:
    """A resource, and what it needs."""

    resource: Resource
    look: Look


@dataclass(frozen=True, slots=True)
class Plan:
    """The resources of a deployment, in the order of creation."""

    deployment: AwsDeployment
    """As it will be recorded."""
    removals: tuple[Remains, ...]
    """What is there, and not wanted any more; goes first."""
    steps: tuple[Step, ...]
    leftovers: tuple[Remains, ...] = ()
    """What is there, and of no use when all steps are done; goes last."""

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.removals or self.leftovers) or any(
            step.look.action != "keep" for step in self.steps
        )


def planned(
    deployment: AwsDeployment,
    wanted: Iterable[Resource],
    unwanted: Iterable[Remains] = (),
    leftovers: Iterable[Remains] = (),
) -> Plan:
    """Look at the resources. Errors are those of `Clients.call`."""
    return Plan(
        deployment,
        removals=tuple(each for each in unwanted if each.exists()),
        steps=tuple(Step(each, each.look()) for each in wanted),
        leftovers=tuple(leftovers),
    )
