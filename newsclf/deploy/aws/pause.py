"""Pause a deployment on AWS: the endpoint, which is billed by the hour, goes, and the rest stays.

What stays is enough to create the endpoint again as it was: its configuration, the model with its
archive and role, and the API, which answers 503 meanwhile. The record says that it is paused, and
from which configuration it resumes, before the first deletion and until the endpoint has answered
again; so a pause or a resume that was cut off anywhere is repeated by the same command, ended by
the other, and torn down like any deployment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from newsclf.common.errors import InterruptedRunError, StateError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.describe import describe_config, describe_endpoint
from newsclf.deploy.aws.endpoint.quota import check_endpoint_quota
from newsclf.deploy.aws.resources import running_resources
from newsclf.deploy.aws.walk.apply import ensure, remove
from newsclf.deploy.aws.walk.journal import Journal
from newsclf.deploy.aws.walk.plan import Plan, Step
from newsclf.deploy.aws.walk.resource import Resource
from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments

log = logging.getLogger(__name__)


def pause(deployments: Deployments, clients: Clients, name: str) -> tuple[AwsDeployment, bool]:
    """Delete a deployment's endpoint with its autoscaling and its end of life.

    Returns:
        The deployment, and whether anything was deleted.

    Raises:
        StateError: There is no such deployment, it has no endpoint that could be created again,
            the credentials are of another account, or another command is working on it.
        TargetError: AWS refused; the same command tries again.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C.
    """
    with _opened(deployments, clients, name) as (journal, scope):
        config = journal.deployment.paused_config
        if config is None:
            found = describe_endpoint(scope)
            if found is None:
                raise StateError(
                    f"'{name}' has no endpoint that could be paused",
                    hint=f"newsclf deploy creates one; {scope.names.teardown} removes the rest",
                )
            config = found.config
        running = _running(scope, journal.deployment, config)
        if journal.deployment.paused_config is None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            journal.save(paused_since=now, paused_config=config)
        removal = remove([each for each in reversed(running) if each.exists()], journal)
        removal.check()
        return journal.deployment, bool(removal.deleted)


def resume(deployments: Deployments, clients: Clients, name: str) -> tuple[AwsDeployment, bool]:
    """Create a paused deployment's endpoint as it was, and wait until it answers correctly.

    Its end of life, if it had one, comes as long after the resume as it did after the deployment.

    Returns:
        The deployment, and whether it was paused.

    Raises:
        StateError: There is no such deployment, it is not paused and has no endpoint, what it was
            made from is gone, the credentials are of another account, or another command is
            working on it.
        TargetError: AWS refused, the quota is too small, or the endpoint did not come up.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C.
    """
    with _opened(deployments, clients, name) as (journal, scope):
        config = journal.deployment.paused_config
        if config is None:
            if describe_endpoint(scope) is None:
                raise StateError(
                    f"'{name}' is not paused, and its endpoint is gone",
                    hint="newsclf deploy creates it again",
                )
            return journal.deployment, False
        running = _running(scope, journal.deployment, config)
        steps = tuple(Step(each, each.planned()) for each in running)
        warning = check_endpoint_quota(clients, Plan(scope, journal.deployment, steps))
        if warning is not None:
            log.warning(warning)
        ensure(running, journal)
        journal.save(paused_since=None, paused_config=None)
        return journal.deployment, True


@contextmanager
def _opened(
    deployments: Deployments, clients: Clients, name: str
) -> Iterator[tuple[Journal, Scope]]:
    """Lock a deployment and open its journal; Ctrl-C becomes an error that says what to type."""
    with deployments.locked(name):
        journal = Journal(deployments, deployments.get_of(AwsDeployment, name))
        scope = Scope.of(clients, journal.deployment)
        scope.check_account()
        try:
            yield journal, scope
        except KeyboardInterrupt:
            raise InterruptedRunError(
                f"stopped; '{name}' is between paused and running, and its endpoint may be billed",
                hint=f"newsclf status shows its state; newsclf pause --deployment {name} or"
                f" newsclf resume --deployment {name} gets it to either",
            ) from None


def _running(scope: Scope, deployment: AwsDeployment, config: str) -> Sequence[Resource]:
    """What the pause deletes and the resume creates, in the order of creation.

    Raises:
        StateError: The configuration of the endpoint is gone, so it can't be created again.
    """
    if describe_config(scope, config) is None:
        raise StateError(
            f"the endpoint configuration {config} is gone, from which the endpoint would be"
            " created again",
            hint="newsclf deploy makes all of it again",
        )
    return running_resources(scope, deployment.spec, config)
