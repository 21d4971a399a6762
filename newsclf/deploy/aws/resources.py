"""The resources of a deployment on AWS, in the order of creation; teardown deletes them backwards.

To create a resource its desired state must be known; to delete it its name is enough, which follows
from the deployment's name. So there are two lists, of what is desired and of all that there can be.
Those of an API are in `api/resources.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from newsclf.deploy.aws.bucket import Archive, Bucket, ModelArchive, ModelArchives, key_of
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint import end_of_life
from newsclf.deploy.aws.endpoint.alarms import ErrorAlarm, ErrorAlarms
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling
from newsclf.deploy.aws.endpoint.budget import Budget
from newsclf.deploy.aws.endpoint.components import InferenceComponents
from newsclf.deploy.aws.endpoint.config import EndpointConfig, definition_of
from newsclf.deploy.aws.endpoint.end_of_life import Schedule
from newsclf.deploy.aws.endpoint.endpoint import DesiredEndpoint, Endpoint
from newsclf.deploy.aws.endpoint.model import Model, model_definition
from newsclf.deploy.aws.iam import execution
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.iam.statements import Statement
from newsclf.deploy.aws.jobs.batch import BatchJob
from newsclf.deploy.aws.jobs.job import RunningJobs
from newsclf.deploy.aws.jobs.recommender_job import RecommenderJob
from newsclf.deploy.aws.jobs.training import training_deletables
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.walk.resource import Deletable, Resource
from newsclf.deploy.records import AwsSpec


def model_resources(
    scope: Scope, spec: AwsSpec, archive: Archive
) -> tuple[Bucket, ModelArchive, Role, Model]:
    """A model, which costs nothing, and what it needs.

    Raises:
        ConfigError: the image is not one of ECR.
    """
    names = scope.names
    return (
        Bucket(scope),
        ModelArchive(scope, archive, spec.kms_key),
        _execution_role(scope, execution.statements(names, spec)),
        Model(scope, model_definition(names, spec, key_of(names, archive))),
    )


def endpoint_resources(
    scope: Scope, spec: AwsSpec, archive: Archive, *, force: bool = False
) -> Sequence[Resource]:
    """The resources from the bucket to the endpoint and what watches it, in their desired state.

    Without roles where the user has one of their own.

    Args:
        force: Whether an update continues although the alarm rises.

    Raises:
        ConfigError: it is not possible like that.
    """
    bucket, stored, role, model = model_resources(scope, spec, archive)
    config = EndpointConfig(scope, definition_of(spec, model.name))
    alarm = None if spec.instance is None else ErrorAlarm(scope, config.name)
    # The log before the role, so that a teardown deletes it after the role that writes to it.
    desired: list[Resource] = [bucket, stored, _endpoint_log(scope), role, model, config]
    if alarm is not None:
        desired.append(alarm)
    if spec.ttl_s is not None:  # before there is anything to end
        desired.append(_schedule_role(scope, end_of_life.statements(scope.names)))
    desired += running_resources(scope, spec, config.name, force=force)
    if spec.budget_usd is not None and spec.budget_email is not None:
        desired.append(Budget(scope, spec.budget_usd, spec.budget_email))
    return without_replaced(desired, scope.names)


def running_resources(
    scope: Scope, spec: AwsSpec, config: str, *, force: bool = False
) -> Sequence[Resource]:
    """The endpoint with what depends on it: what a pause deletes and a resume creates again.

    Args:
        config: Name of the endpoint's configuration.
        force: Whether an update continues although the alarm rises.
    """
    endpoint = DesiredEndpoint(
        config=config,
        alarm=None if spec.instance is None else ErrorAlarm(scope, config),
        force=force,
        instances=None if spec.serverless or spec.scales else spec.min_instances,
        detail=_detail(spec),
        usd_per_hour=spec.usd_per_hour and spec.usd_per_hour * spec.min_instances,
    )
    desired: list[Resource] = []
    if spec.ttl_s is not None:
        desired.append(Schedule(scope, datetime.now(UTC) + timedelta(seconds=spec.ttl_s)))
    desired.append(Endpoint(scope, endpoint))
    if spec.instance is not None and spec.scales:
        least, most = spec.min_instances, spec.max_instances
        desired.append(AutoScaling(scope, spec.instance, least, most))
    return desired


def endpoint_deletables(scope: Scope) -> Sequence[Deletable]:
    """Everything that `endpoint_resources` can have created, whatever its state, in the same order.

    Also jobs that a killed command has left running, and what a training has of its own.
    """
    return [
        Bucket(scope),
        ModelArchives(scope),
        _endpoint_log(scope),
        _execution_role(scope),
        Model(scope),
        EndpointConfig(scope),
        ErrorAlarms(scope),
        _schedule_role(scope),
        Schedule(scope),
        RunningJobs(scope, BatchJob),
        RunningJobs(scope, RecommenderJob),
        Endpoint(scope),
        InferenceComponents(scope),
        AutoScaling(scope),
        Budget(scope),
        *(training_deletables(scope) if scope.names.is_training else []),
    ]


def endpoint_undesired(scope: Scope, spec: AwsSpec) -> Sequence[Deletable]:
    """What an earlier deployment with other options may have created and must be deleted.

    An end of life or a budget stays when it is not requested again: they only save money.
    """
    return [] if spec.instance is not None and spec.scales else [AutoScaling(scope)]


def endpoint_orphans(scope: Scope, desired: Sequence[Resource]) -> Sequence[Deletable]:
    """What an update leaves of no use: the alarms of configurations that no longer serve."""
    kept = {each.name for each in desired}
    return [alarm for alarm in ErrorAlarms(scope).find() if alarm.name not in kept]


def _endpoint_log(scope: Scope) -> LogGroup:
    return LogGroup(scope, scope.names.endpoint_log, "endpoint log")


def _execution_role(scope: Scope, statements: tuple[Statement, ...] = ()) -> Role:
    name = scope.names.role("endpoint")
    return Role(scope, name, "execution role", execution.SERVICE, statements)


def _schedule_role(scope: Scope, statements: tuple[Statement, ...] = ()) -> Role:
    name = scope.names.role("schedule")
    return Role(scope, name, "end-of-life role", end_of_life.ROLE_SERVICE, statements)


def _detail(spec: AwsSpec) -> str:
    if spec.serverless is not None:
        return (
            f"serverless, {spec.serverless.memory_mb} MB, up to {spec.serverless.max_concurrency}"
        )
    if spec.scales:
        return f"{spec.instance} × {spec.min_instances} to {spec.max_instances}"
    return f"{spec.instance} × {spec.min_instances}"
