"""What a deployment on AWS consists of, in the order of creation; teardown walks it backwards.

To make a resource one has to know how it is wanted; to take it away its name is enough, which the
deployment's name tells. So there are two lists, one of the wanted and one of all that there can be.
What an API consists of is in `api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from newsclf.deploy.aws.bucket import Archive, Bucket, ModelArchive, key_of
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint import end_of_life
from newsclf.deploy.aws.endpoint.alarms import ErrorAlarm, ErrorAlarms, error_alarms
from newsclf.deploy.aws.endpoint.autoscaling import AutoScaling, ScaledVariant
from newsclf.deploy.aws.endpoint.budget import AnyBudget, Budget
from newsclf.deploy.aws.endpoint.config import VARIANT, EndpointConfig, definition_of
from newsclf.deploy.aws.endpoint.end_of_life import AnySchedule, Schedule
from newsclf.deploy.aws.endpoint.endpoint import Endpoint, Wanted
from newsclf.deploy.aws.endpoint.model import Model, model_definition
from newsclf.deploy.aws.iam import execution
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.jobs.recommender_job import RunningJobs
from newsclf.deploy.aws.jobs.training import training_remains
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.walk.resource import Remains, Resource
from newsclf.deploy.records import AwsSpec

_EXECUTION_ROLE = "execution role"
_SCHEDULE_ROLE = "end-of-life role"
_ENDPOINT_LOG = "endpoint log"


def model_resources(
    clients: Clients, names: Names, spec: AwsSpec, archive: Archive, say: Callable[[str], None]
) -> tuple[Bucket, ModelArchive, Role, Model]:
    """A model, which costs nothing, and what it needs.

    Raises:
        ConfigError: it can't be had like that.
    """
    return (
        Bucket(clients, names, say=say),
        ModelArchive(clients, names, archive, spec.kms_key),
        Role(
            clients,
            names,
            names.endpoint_role,
            _EXECUTION_ROLE,
            execution.SERVICE,
            execution.statements(names, spec),
        ),
        Model(clients, names, model_definition(names, spec, key_of(names, archive))),
    )


def endpoint_resources(
    clients: Clients,
    names: Names,
    spec: AwsSpec,
    archive: Archive,
    say: Callable[[str], None],
    *,
    force: bool = False,
) -> Sequence[Resource]:
    """From the bucket to the endpoint and what watches it, as they are wanted.

    Without roles where the user has one of their own.

    Args:
        force: Whether an update goes on although the alarm rises.

    Raises:
        ConfigError: it can't be had like that.
    """
    bucket, stored, role, model = model_resources(clients, names, spec, archive, say)
    config = EndpointConfig(clients, names, definition_of(spec, model.name))
    alarm = None if spec.instance is None else ErrorAlarm(clients, names, config.name)
    endpoint = Endpoint(
        clients,
        names,
        Wanted(
            config=config.name,
            alarm=alarm,
            force=force,
            instances=None if spec.serverless or _scales(spec) else spec.min_instances,
            detail=_detail(spec),
            usd_per_hour=spec.usd_per_hour and spec.usd_per_hour * spec.min_instances,
        ),
        say,
    )
    wanted: Sequence[Resource] = [
        bucket,
        stored,
        # Before the role, so that a teardown deletes it after the role that writes to it.
        LogGroup(clients, names, names.endpoint_log, _ENDPOINT_LOG),
        role,
        model,
        config,
        *([alarm] if alarm else []),
        *_end_of_life(clients, names, spec),  # before there is anything to end
        endpoint,
        *_scaling(clients, names, spec),
        *_budget(clients, names, spec),
    ]
    return without_replaced(wanted, names)


def endpoint_remains(
    clients: Clients, names: Names, say: Callable[[str], None]
) -> Sequence[Remains]:
    """All that `endpoint_resources` can have made, of whatever form, in the same order.

    And what a load test that was killed has left running beside it, or a training has of its own.
    """
    return [
        Bucket(clients, names),
        ModelArchive(clients, names),
        LogGroup(clients, names, names.endpoint_log, _ENDPOINT_LOG),
        Role(clients, names, names.endpoint_role, _EXECUTION_ROLE, execution.SERVICE),
        Model(clients, names),
        EndpointConfig(clients, names),
        ErrorAlarms(clients, names),
        Role(clients, names, names.schedule_role, _SCHEDULE_ROLE, end_of_life.ROLE_SERVICE),
        AnySchedule(clients, names),
        RunningJobs(clients, names),
        Endpoint(clients, names, say=say),
        ScaledVariant(clients, names, VARIANT),
        AnyBudget(clients, names),
        *(training_remains(clients, names) if names.is_training else []),
    ]


def endpoint_unwanted(clients: Clients, names: Names, spec: AwsSpec) -> Sequence[Remains]:
    """What an endpoint that was deployed otherwise may have, and must not have any more.

    An end of life or a budget stays when it is not asked for again: they only save money.
    """
    return [] if _scaling(clients, names, spec) else [ScaledVariant(clients, names, VARIANT)]


def endpoint_leftovers(
    clients: Clients, names: Names, wanted: Sequence[Resource]
) -> Sequence[Remains]:
    """What an update leaves of no use: the alarms of configurations that no longer serve."""
    kept = {each.name for each in wanted}
    return [alarm for alarm in error_alarms(clients, names) if alarm.name not in kept]


def _end_of_life(clients: Clients, names: Names, spec: AwsSpec) -> Sequence[Resource]:
    if spec.ttl_s is None:
        return []
    return [
        Role(
            clients,
            names,
            names.schedule_role,
            _SCHEDULE_ROLE,
            end_of_life.ROLE_SERVICE,
            end_of_life.statements(names),
        ),
        Schedule(clients, names, datetime.now(UTC) + timedelta(seconds=spec.ttl_s)),
    ]


def _scaling(clients: Clients, names: Names, spec: AwsSpec) -> Sequence[Resource]:
    if spec.instance is None or not _scales(spec):
        return []
    return [
        AutoScaling(clients, names, VARIANT, spec.instance, spec.min_instances, spec.max_instances)
    ]


def _budget(clients: Clients, names: Names, spec: AwsSpec) -> Sequence[Resource]:
    if spec.budget_usd is None or spec.budget_email is None:
        return []
    return [Budget(clients, names, spec.budget_usd, spec.budget_email)]


def _scales(spec: AwsSpec) -> bool:
    return spec.max_instances > spec.min_instances


def _detail(spec: AwsSpec) -> str:
    if spec.serverless is not None:
        return (
            f"serverless, {spec.serverless.memory_mb} MB, up to {spec.serverless.max_concurrency}"
        )
    if _scales(spec):
        return f"{spec.instance} × {spec.min_instances} to {spec.max_instances}"
    return f"{spec.instance} × {spec.min_instances}"
