"""The record of a deployment, saved before and after each step."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from newsclf.deploy.aws.walk.resource import Deletable
from newsclf.deploy.records import AwsDeployment, AwsStep
from newsclf.deploy.store import Deployments


class Journal:
    """Records each step of a deployment, before it and after it."""

    def __init__(self, deployments: Deployments, deployment: AwsDeployment) -> None:
        self._deployments = deployments
        self.deployment = deployment

    def creating(self, resource: Deletable) -> None:
        """Record that it is about to be created or changed."""
        self._put(resource, "creating", {})

    def ready(self, resource: Deletable, ids: Mapping[str, str]) -> None:
        """Record that it can be used."""
        self._put(resource, "ready", ids)

    def deleting(self, resource: Deletable) -> None:
        """Record that it is about to be deleted, if it is recorded at all."""
        if self.has(resource):
            self._put(resource, "deleting", {})

    def gone(self, resource: Deletable) -> None:
        """Record that nothing of it is left."""
        if self.has(resource):
            kept = tuple(step for step in self.deployment.journal if not _is(step, resource))
            self.save(journal=kept)

    def has(self, resource: Deletable) -> bool:
        """Whether it is recorded."""
        return any(_is(step, resource) for step in self.deployment.journal)

    def is_begun(self, resource: Deletable) -> bool:
        """Whether an earlier run began to create it and was cut off before it could be used."""
        return any(
            _is(step, resource) and step.status == "creating" for step in self.deployment.journal
        )

    def find(self, kind: str) -> AwsStep | None:
        """The last recorded step of a kind of resource."""
        return next((s for s in reversed(self.deployment.journal) if s.kind == kind), None)

    def save(self, **changes: object) -> None:
        """Change fields of the deployment, and write its record."""
        self.deployment = self.deployment.model_copy(update=changes)
        self._deployments.save(self.deployment)

    def _put(
        self,
        resource: Deletable,
        status: Literal["creating", "ready", "deleting"],
        ids: Mapping[str, str],
    ) -> None:
        step = AwsStep(kind=resource.kind, name=resource.name, status=status, ids=dict(ids))
        journal = self.deployment.journal
        steps = [each for each in journal if not _is(each, resource)]
        places = (i for i, each in enumerate(journal) if _is(each, resource))
        steps.insert(next(places, len(steps)), step)
        self.save(journal=tuple(steps))


def _is(step: AwsStep, resource: Deletable) -> bool:
    """Whether a step is about a resource; a teardown's names of several may hold a star."""
    return step.kind == resource.kind and fnmatchcase(step.name, resource.name)
