"""The walk over a deployment's resources: nothing else ensures or deletes any of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.aws.walk.resource import Deletable, Resource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal has deleted, and what it could not delete."""

    deleted: list[str] = field(default_factory=list)
    """Kind and name of each."""
    problems: list[NewsclfError] = field(default_factory=list)

    def check(self) -> None:
        """Raise the first problem, if there is one."""
        if self.problems:
            raise self.problems[0]


def ensure(resources: Iterable[Resource], journal: Journal | None = None) -> dict[str, str]:
    """Create or update each resource that is not in its desired state, in this order.

    A step that an earlier run began and did not finish is repeated: what is there may not have been
    seen to work. Without a journal every step is.

    Returns:
        The ids that only AWS knows, of all resources together.

    Raises:
        TargetError: AWS refused, or a resource did not become usable.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    every: dict[str, str] = {}
    for resource in resources:
        if journal is None:
            log.info("%s %s", resource.kind, resource.name)
            every.update(resource.ensure())
            continue
        change = resource.planned()  # again: the steps before it may have changed what it needs
        ids = change.ids
        if change.action != "keep" or journal.is_begun(resource):
            log.info("%s %s %s", change.action, resource.kind, resource.name)
            journal.creating(resource)
            ids = resource.ensure()
        journal.ready(resource, ids)
        every.update(ids)
    return every


def remove(resources: Iterable[Deletable], journal: Journal | None = None) -> Removal:
    """Delete one resource after the other, in this order.

    A refusal does not keep the others from being deleted, except where they are needed by what
    could not be deleted: a running endpoint or job.
    """
    removal = Removal()
    for each in resources:
        if journal:
            journal.deleting(each)
        try:
            if each.delete():
                log.info("deleted %s %s", each.kind, each.name)
                removal.deleted.append(f"{each.kind} {each.name}")
            if journal:
                journal.gone(each)
        except NewsclfError as error:
            removal.problems.append(error)
            if each.holds_others:
                break
    return removal
