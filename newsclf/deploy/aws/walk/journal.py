"""The record of a deployment, saved before and after each step."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

from newsclf.deploy.aws.walk.resource import Remains
from newsclf.deploy.records import AwsDeployment, AwsStep
from newsclf.deploy.store import Deployments


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
        if any(_is(step, resource) for step in self.deployment.journal):
            self._put(resource, "deleting", {})

    def gone(self, resource: Remains) -> None:
        """When nothing of it is left."""
        kept = tuple(step for step in self.deployment.journal if not _is(step, resource))
        self.save(journal=kept)

    def is_begun(self, resource: Remains) -> bool:
        """Whether an earlier run began with it, and was cut off before it could be used."""
        return any(
            _is(step, resource) and step.status == "creating" for step in self.deployment.journal
        )

    def find(self, kind: str) -> AwsStep | None:
        """The last step of a kind of resource."""
        return next((s for s in reversed(self.deployment.journal) if s.kind == kind), None)

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
        others = [each for each in self.deployment.journal if not _is(each, resource)]
        place = next(
            (i for i, each in enumerate(self.deployment.journal) if _is(each, resource)),
            len(others),
        )
        self.save(journal=(*others[:place], step, *others[place:]))


def _is(step: AwsStep, resource: Remains) -> bool:
    """A teardown's models, which are all that there are, have a name that ends in a star."""
    return step.kind == resource.kind and fnmatchcase(step.name, resource.name)
