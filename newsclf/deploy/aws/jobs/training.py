"""What a training job needs on AWS beside its files: made before it, and taken away after it."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.bucket import Bucket, ModelArchive
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.iam import execution
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.jobs.training_job import TrainingJob
from newsclf.deploy.aws.walk.resource import Remains, Resource

_ROLE = "training role"


def training_resources(clients: Clients, names: Names, image: str) -> Sequence[Resource]:
    """The bucket and the role, as they are wanted."""
    statements = execution.training_statements(names, image)
    role = Role(clients, names, names.training_role, _ROLE, execution.SERVICE, statements)
    return without_replaced([Bucket(clients, names), role], names)


def training_remains(clients: Clients, names: Names) -> Sequence[Remains]:
    """What a training has beside bucket and files, in the order of creation."""
    return [
        Role(clients, names, names.training_role, _ROLE, execution.SERVICE),
        TrainingJob(clients, names),
    ]


def remove_training(clients: Clients, names: Names) -> None:
    """Stop the job, if it runs, and delete all but its record and its log.

    Raises:
        NewsclfError: something could not be deleted; the rest is.
    """
    role, job = training_remains(clients, names)
    job.delete()  # first, and if that fails nothing that it needs is touched
    failed = []
    remains = [role, ModelArchive(clients, names), Bucket(clients, names)]
    for each in without_replaced(remains, names):
        try:
            each.delete()
        except NewsclfError as error:
            failed.append(error)
    if failed:
        raise failed[0]
