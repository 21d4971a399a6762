"""The record of a deployment, saved before and after each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from newsclf.core.deployment import AwsDeployment, AwsStep, Deployments
from newsclf.targets.aws.resource import Remains


class Journal:
    """Writes what is about to happen to a resource and what has happened."""

    def __init__(self, deployments: Deployments, deployment: AwsDeployment) -> None:
        self._deployments = deployments
        self.deployment = deployment

    def creating(self, resource: Remains) -> None:
        """Before anything of it is made."""
        self._put(resource, "creating", {})

    def ready(self, resource: Remains, ids: Mapping[str, str]) -> None:
        """When it can be used."""
        self._put(resource, "ready", ids)

    def deleting(self, resource: Remains) -> None:
        """Before anything of it is deleted; what was never begun is not recorded."""
        if self.find(resource.kind) is not None:
            self._put(resource, "deleting", {})

    def gone(self, resource: Remains) -> None:
        """When nothing of it is left."""
        kept = tuple(step for step in self.deployment.journal if step.kind != resource.kind)
        self.save(journal=kept)

    def find(self, kind: str) -> AwsStep | None:
        """The step of a kind of resource."""
        return next((step for step in self.deployment.journal if step.kind == kind), None)

    def save(self, **changes: object) -> None:
        """Change fields of the deployment, and write it."""
        self.deployment = self.deployment.model_copy(update=changes)
        self._deployments.save(self.deployment)

    def _put(
        self,
        resource: Remains,
        status: Literal["creating", "ready", "deleting"],
        ids: Mapping[str, str],
    ) -> None:
        step = AwsStep(kind=resource.kind, name=resource.name, status=status, ids=dict(ids))
        steps = self.deployment.journal
        if any(each.kind == step.kind for each in steps):
            steps = tuple(step if each.kind == step.kind else each for each in steps)
        else:
            steps = (*steps, step)
        self.save(journal=steps)
