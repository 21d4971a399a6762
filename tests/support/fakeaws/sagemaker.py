"""SageMaker where moto is too lenient: states that take time, names that are taken.

Sources of the messages: reference threads of terraform-provider-aws and botocore's documentation of
CreateModel, CreateEndpoint, UpdateEndpoint and DeleteEndpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, sagemaker_backends

from tests.support.fakeaws.answers import Answer, RefusedError, ok
from tests.support.fakeaws.components import Components
from tests.support.fakeaws.logs import write_log
from tests.support.fakeaws.recommender import Recommender
from tests.support.fakeaws.requests import Call
from tests.support.fakeaws.roles import allows, trusts
from tests.support.fakeaws.serverless import check_serverless
from tests.support.fakeaws.training import Training

# botocore's list of instance types is newer than moto's; requests are checked against that one.
FakeEndpointConfig.validate_instance_type = lambda *_: None  # type: ignore[method-assign]


@dataclass
class _Change:
    """A change of an endpoint that is in progress."""

    polls_left: int
    status: str
    reason: str | None = None
    config: str | None = None
    """The configuration that it will have then."""


@dataclass
class SageMaker:
    """State of SageMaker that moto does not keep, and what a test wants to happen."""

    polls: int = 2
    """How many DescribeEndpoint say Creating, Updating or Deleting before it is done."""
    stuck: bool = False
    """Endpoints stay Creating."""
    failure: str | None = None
    """Why endpoints that are created from now on become Failed."""
    rolls_back: bool = False
    """New fleets answer every request with 500 from now on; what watches them ends the update."""
    failing: dict[str, str] = field(default_factory=dict)
    """Configuration (`*`: any other) → `4XX` or `5XX`, with which its fleet answers requests."""
    ends_updates: str | None = None
    """Why updates from now on end with the old configuration, alarms or not."""
    unassumable: int = 0
    """How many CreateModel are still told that the role can't be assumed."""
    container_log: tuple[str, ...] = ("serving on port 8080", "ready")
    quotas: dict[str, float] = field(default_factory=dict)
    """Those that Service Quotas tells, where they are not what a new account has."""
    changes: dict[str, _Change] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    """Log group of a deleted endpoint with a line still to come → the role that writes it."""
    training: Training = field(default_factory=Training)
    recommender: Recommender = field(default_factory=Recommender)
    components: Components = field(default_factory=Components)

    def before(self, call: Call) -> Answer | None:
        """The answer in place of moto's, or None; raises RefusedError."""
        handler = getattr(self, f"_before_{call.operation}", None) or getattr(
            self.training, f"before_{call.operation}", None
        )
        if handler is not None:
            answer: Answer | None = handler(call)
            return answer
        return self.components.answer(call) or self.recommender.answer(call)

    def after(self, call: Call) -> None:
        """Apply the effects of a call that moto does not have."""
        handler = getattr(self, f"_after_{call.operation}", None) or getattr(
            self.training, f"after_{call.operation}", None
        )
        if handler is not None:
            handler(call)

    def log_late(self, call: Call) -> None:
        """A last line comes when all is deleted, and makes the log group anew if the role may.

        Source: apache/airflow#29581.
        """
        group = call.params.get("logGroupName")
        if call.operation != "DeleteLogGroup" or group not in self.late:
            return
        role = self.late.pop(group)
        arn = f"arn:aws:logs:{call.region}:{ACCOUNT}:log-group:{group}:log-stream:"
        if allows(role, "logs:CreateLogGroup", arn):
            write_log(call.region, group, ("a last line",))

    def _before_CreateModel(self, call: Call) -> None:
        name = call.params["ModelName"]
        if name in backend(call)._models:
            raise _invalid(f'Cannot create already existing model "{_arn(call, "model", name)}".')
        role = call.params["ExecutionRoleArn"]
        if self.unassumable or not trusts(role, "sagemaker.amazonaws.com"):
            self.unassumable = max(0, self.unassumable - 1)
            raise _invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows "
                "principal 'sagemaker.amazonaws.com' to assume the role."
            )
        container = call.params["PrimaryContainer"]
        source = container.get("ModelDataSource", {}).get("S3DataSource", {})
        url = container.get("ModelDataUrl") or source.get("S3Uri", "")
        bucket, _, key = url.removeprefix("s3://").partition("/")
        buckets = s3_backends[ACCOUNT]["aws"].buckets
        if bucket not in buckets or key not in buckets[bucket].keys:
            raise _invalid(f"Could not find model data at {url}.")

    def _before_CreateEndpointConfig(self, call: Call) -> None:
        name = call.params["EndpointConfigName"]
        if name in backend(call).endpoint_configs:
            arn = _arn(call, "endpoint-config", name)
            raise _invalid(f'Cannot create already existing endpoint configuration "{arn}".')
        for variant in call.params["ProductionVariants"]:
            if variant["ModelName"] not in backend(call)._models:
                raise _invalid(
                    f'Could not find model "{_arn(call, "model", variant["ModelName"])}".'
                )

    def _after_CreateEndpointConfig(self, call: Call) -> None:
        config = backend(call).endpoint_configs[call.params["EndpointConfigName"]]
        config.arn = config.endpoint_config_arn  # moto has a tuple here
        config.asked = call.params

    def _before_DescribeEndpointConfig(self, call: Call) -> Answer | None:
        """Moto's answer leaves out some of what was asked for, such as the start-up time."""
        config = backend(call).endpoint_configs.get(call.params["EndpointConfigName"])
        if config is None:
            return None
        shown = {k: v for k, v in config.asked.items() if k != "Tags"}
        created = {
            "EndpointConfigArn": config.arn,
            "CreationTime": config.creation_time.timestamp(),
        }
        return ok(shown | created)

    def _before_DeleteEndpointConfig(self, call: Call) -> None:
        name = call.params["EndpointConfigName"]
        pending = {change.config for change in self.changes.values()}
        if name in pending | {e.endpoint_config_name for e in backend(call).endpoints.values()}:
            raise _invalid(f"The endpoint configuration {name} is in use.")

    def _before_CreateEndpoint(self, call: Call) -> None:
        name = call.params["EndpointName"]
        if name in backend(call).endpoints:
            raise _invalid(
                f'Cannot create already existing endpoint "{_arn(call, "endpoint", name)}".'
            )
        config = call.params["EndpointConfigName"]
        if config not in backend(call).endpoint_configs:
            raise _invalid(
                f'Could not find endpoint configuration "{_arn(call, "endpoint-config", config)}".'
            )

        self._check_serverless(call)

    def _check_serverless(self, call: Call) -> None:
        """An endpoint that is updated counts once."""
        configs = backend(call).endpoint_configs
        name, asked = call.params["EndpointName"], call.params["EndpointConfigName"]
        serverless = {
            config: each.asked["ProductionVariants"][0].get("ServerlessConfig")
            for config, each in configs.items()
        }
        others = [
            found
            for endpoint in backend(call).endpoints.values()
            if endpoint.endpoint_name != name
            and (found := serverless[endpoint.endpoint_config_name]) is not None
        ]
        check_serverless(serverless[asked], others, self.quotas)

    def _after_CreateEndpoint(self, call: Call) -> None:
        endpoint = backend(call).endpoints[call.params["EndpointName"]]
        endpoint.endpoint_status = "Creating"
        end = "InService" if self.failure is None else "Failed"
        polls = 10**9 if self.stuck else self.polls
        self.changes[endpoint.endpoint_name] = _Change(polls, end, self.failure)
        write_log(
            call.region, f"/aws/sagemaker/Endpoints/{endpoint.endpoint_name}", self.container_log
        )

    def _before_UpdateEndpoint(self, call: Call) -> Answer:
        name, config = call.params["EndpointName"], call.params["EndpointConfigName"]
        endpoint = backend(call).endpoints.get(name)
        if endpoint is None:
            raise _invalid(f'Could not find endpoint "{_arn(call, "endpoint", name)}".')
        if name in self.changes or endpoint.endpoint_status == "Failed":
            raise _invalid(f'Cannot update in-progress endpoint "{_arn(call, "endpoint", name)}".')
        if config not in backend(call).endpoint_configs:
            raise _invalid(
                f'Could not find endpoint configuration "{_arn(call, "endpoint-config", config)}".'
            )
        self._check_serverless(call)
        _check_scaling(call, endpoint.endpoint_config_name, config)
        reason = self.ends_updates
        if self._raise_alarms(call, endpoint.endpoint_config_name):
            reason = "One or more configured alarm(s) in alarm state."
        endpoint.endpoint_status = "RollingBack" if reason else "Updating"
        self.changes[name] = _Change(self.polls, "InService", reason, None if reason else config)
        return ok({"EndpointArn": endpoint.arn})

    def _raise_alarms(self, call: Call, before: str) -> bool:
        """Raise those of an update's alarms that see a fleet that fails; whether there is one."""
        name, after = call.params["EndpointName"], call.params["EndpointConfigName"]
        fails = self.failing | ({after: "5XX"} if self.rolls_back else {})
        fleets = {config: fails.get(config) or fails.get("*", "") for config in (before, after)}
        risen = [alarm for alarm in _alarms(call, before) if _rises(alarm, name, fleets)]
        for alarm in risen:
            alarm.update_state("a fleet fails", "{}", "ALARM")
        return bool(risen)

    def _before_DescribeEndpoint(self, call: Call) -> None:
        name = call.params["EndpointName"]
        change = self.changes.get(name)
        if change is None:
            return
        change.polls_left -= 1
        if change.polls_left >= 0:
            return
        del self.changes[name]
        endpoint = backend(call).endpoints[name]
        if change.status == "Deleted":
            del backend(call).endpoints[name]
            return
        endpoint.endpoint_status = change.status
        endpoint.failure_reason = change.reason
        if change.config is not None:
            config = backend(call).endpoint_configs[change.config]
            endpoint.endpoint_config_name = change.config
            endpoint.production_variants = FakeEndpoint._process_production_variants(
                endpoint, config.production_variants
            )

    def _after_CreateTransformJob(self, call: Call) -> None:
        """The role must be allowed the keys of the two buckets (aws-cdk#12810 and others)."""
        job = backend(call).transform_jobs[call.params["TransformJobName"]]
        model = backend(call)._models[call.params["ModelName"]]
        source = call.params["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        output = call.params["TransformOutput"]["S3OutputPath"]
        for uri, action in ((source, "kms:Decrypt"), (output, "kms:GenerateDataKey")):
            key = _default_key(uri)
            if key is not None and not allows(model.execution_role_arn, action, key):
                job.transform_job_status = "Failed"
                job.failure_reason = (
                    f"AccessDenied: not authorized to perform: {action} on resource: {key}"
                )

    def _before_StopTransformJob(self, call: Call) -> Answer:
        job = backend(call).transform_jobs.get(call.params["TransformJobName"])
        if job is None:
            raise RefusedError("ResourceNotFound", "There is no such job.")
        if job.transform_job_status == "InProgress":  # moto's have ended unless a test says so
            job.transform_job_status = "Stopping"
        return ok({})

    def _after_DescribeTransformJob(self, call: Call) -> None:
        job = backend(call).transform_jobs[call.params["TransformJobName"]]
        if job.transform_job_status == "Stopping":
            job.transform_job_status = "Stopped"

    def _before_DeleteEndpoint(self, call: Call) -> Answer:
        name = call.params["EndpointName"]
        endpoint = backend(call).endpoints.get(name)
        if endpoint is None:
            raise _invalid(f'Could not find endpoint "{_arn(call, "endpoint", name)}".')
        if name in self.changes:
            raise _invalid(f'Cannot update in-progress endpoint "{_arn(call, "endpoint", name)}".')
        self.components.check_unused(name)
        endpoint.endpoint_status = "Deleting"
        config = backend(call).endpoint_configs.get(endpoint.endpoint_config_name)
        model = config and backend(call)._models.get(
            config.asked["ProductionVariants"][0]["ModelName"]
        )
        if model:
            self.late[f"/aws/sagemaker/Endpoints/{name}"] = model.execution_role_arn
        self.changes[name] = _Change(self.polls, "Deleted")
        return ok({})


def backend(call: Call) -> Any:
    """Moto's SageMaker of the call's region."""
    return sagemaker_backends[ACCOUNT][call.region]


def _default_key(uri: str) -> str | None:
    """The key of KMS that the bucket of an `s3://…` encrypts with."""
    bucket = s3_backends[ACCOUNT]["aws"].buckets[uri.removeprefix("s3://").partition("/")[0]]
    rule = (bucket.encryption or {}).get("Rule", {})
    key: str | None = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
    return key


def _check_scaling(call: Call, before: str, after: str) -> None:
    """Source: SageMaker's guide, "Update endpoints that use auto scaling"."""
    configs = backend(call).endpoint_configs
    was, will_be = (configs[name].asked["ProductionVariants"][0] for name in (before, after))
    resource = f"endpoint/{call.params['EndpointName']}/variant/{was['VariantName']}"
    targets = applicationautoscaling_backends[ACCOUNT][call.region].targets.values()
    scales = any(resource in each for each in targets)
    if scales and was.get("InstanceType") != will_be.get("InstanceType"):
        raise _invalid(
            f'The variant(s) "[{resource}]" must be deregistered as scalable targets with AWS Auto'
            " Scaling before they can be removed or have their instance type updated."
        )


def _alarms(call: Call, config: str) -> list[Any]:
    """The alarms that an update is given, which the role must see.

    Source: SageMaker's guide, "Auto-Rollback Configuration and Monitoring".
    """
    wanted = call.params.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    variant = backend(call).endpoint_configs[config].asked["ProductionVariants"][0]
    role = backend(call)._models[variant["ModelName"]].execution_role_arn
    found = []
    for name in (each["AlarmName"] for each in wanted.get("Alarms", [])):
        arn = f"arn:aws:cloudwatch:{call.region}:{ACCOUNT}:alarm:{name}"
        if not allows(role, "cloudwatch:DescribeAlarms", arn):
            raise _invalid(f"The role {role} may not describe the alarm {arn}.")
        there = cloudwatch_backends[ACCOUNT][call.region].alarms
        if name not in there:
            raise _invalid(f"Could not find the alarm {name}.")
        found.append(there[name])
    return found


def _rises(alarm: Any, endpoint: str, fleets: Mapping[str, str]) -> bool:
    """Whether an alarm on a metric of errors sees one of the fleets that fail.

    Same source: without the dimension EndpointConfigName it watches the old fleet too, and "if your
    old fleet trips the alarm during the deployment, SageMaker terminates your deployment".
    """
    watched = {each.name: each.value for each in alarm.dimensions}
    counts = {
        "Invocation4XXErrors": {"4XX"},
        "Invocation5XXErrors": {"5XX"},
        "InvocationModelErrors": {"4XX", "5XX"},
    }[alarm.metric_name]
    assert watched.pop("EndpointName") == endpoint, "it watches another endpoint"
    assert watched.pop("VariantName"), "there are no figures without a variant"
    only = watched.get("EndpointConfigName")
    return any(kind in counts and only in (None, config) for config, kind in fleets.items())


def _invalid(message: str) -> RefusedError:
    return RefusedError("ValidationException", message)


def _arn(call: Call, kind: str, name: str) -> str:
    return f"arn:aws:sagemaker:{call.region}:{ACCOUNT}:{kind}/{name}"
