"""Resources of a training job beside its files: created before it, and deleted after it."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.deploy.aws.bucket import Bucket, ModelArchives
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.iam import execution
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.jobs.training_job import TrainingJob
from newsclf.deploy.aws.walk.apply import remove
from newsclf.deploy.aws.walk.resource import Deletable, Resource

_ROLE = "training role"


def training_resources(scope: Scope, image: str) -> Sequence[Resource]:
    """The bucket and the role that a job needs."""
    names = scope.names
    statements = execution.training_statements(names, image)
    role = Role(scope, names.role("training"), _ROLE, execution.SERVICE, statements)
    return without_replaced([Bucket(scope), role], names)


def training_deletables(scope: Scope) -> Sequence[Deletable]:
    """What a training has beside bucket and files, in the order of creation."""
    return [Role(scope, scope.names.role("training"), _ROLE, execution.SERVICE), TrainingJob(scope)]


def remove_training(scope: Scope) -> None:
    """Stop the job, if it runs, and delete all but its record and its log.

    Raises:
        NewsclfError: something could not be deleted; the rest is, unless the job still runs.
    """
    role, job = training_deletables(scope)
    resources = [job, role, ModelArchives(scope), Bucket(scope)]
    remove(without_replaced(resources, scope.names)).check()
