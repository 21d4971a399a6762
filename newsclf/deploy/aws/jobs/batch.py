"""Batch transform: SageMaker scores objects in S3 with a deployed model, on machines of its own.

The job runs as the model's execution role, which may read nothing but its own archive. So it gets a
policy for these two places and the keys of their buckets, named like the job, which is removed when
the job ends.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newsclf.common.errors import ConfigError, InterruptedRunError, NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.model import model_in_use
from newsclf.deploy.aws.endpoint.quota import check_quota
from newsclf.deploy.aws.iam.execution import key_arn
from newsclf.deploy.aws.iam.role import LentPolicy
from newsclf.deploy.aws.iam.statements import Statement, allow
from newsclf.deploy.aws.images import batch_ami, check_serves
from newsclf.deploy.aws.jobs.job import TimedJob
from newsclf.deploy.records import AwsDeployment, AwsSpec

log = logging.getLogger(__name__)

_LONGEST_S: Final = 5 * 24 * 3600.0
_LOG: Final = "/aws/sagemaker/TransformJobs"
_RECORD_MB: Final = 1
"""A request is one line, a headline or a list of them; far less than this."""
_CONCURRENT: Final = 8
"""Requests at once on one machine: enough to keep its vCPUs busy."""


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix of keys in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """The place as `s3://…`."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """A batch job: what to score, where to put the answers, and on how many machines."""

    source: Place
    output: Place
    instance: str
    count: int = 1
    kms_key: str | None = None
    """ARN or id of the key that encrypts the answers; None: as the bucket has it."""


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A batch job that has completed."""

    job: str
    output: str
    seconds: float


@dataclass(frozen=True)
class BatchJob(TimedJob):
    """One job by its name."""

    kind = "batch job"
    name_argument = "TransformJobName"
    look_up = "describe_transform_job"
    status_field = "TransformJobStatus"
    stop_operation = "stop_transform_job"
    stopped_at_most_s = 900.0
    listing = "list_transform_jobs"
    listed = "TransformJobSummaries"
    digits = 14


def parse_place(text: str, option: str) -> Place:
    """Read `s3://bucket/prefix`; ConfigError if it is something else."""
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", text)
    if found is None or any(character in found[2] for character in "*?${"):
        raise ConfigError(f"{option} {text}: expected s3://BUCKET/PREFIX")
    return Place(found[1], found[2])


def transform(clients: Clients, deployment: AwsDeployment, request: BatchRequest) -> BatchDone:
    """Score every line of every object below a prefix; each is `{"inputs": "a headline"}`.

    Each object gets an answer with `.out` added to its name, with a line for each of its lines.

    Raises:
        StateError: the deployment has no model.
        ConfigError: there is nothing to score, or the image is not for the instance.
        TargetError: AWS refused, the quota is too small, or the job failed.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C; the job is told to stop.
    """
    scope = Scope.named(clients, deployment.name, deployment.spec.rules)
    check_serves(deployment.spec.image, request.instance)
    model = model_in_use(scope, deployment)
    _check_source(clients, request.source)
    usage = "transform job usage"
    if warning := check_quota(clients, request.instance, request.count, usage=usage):
        log.warning(warning)
    keys = _keys_of(clients, request)
    job = BatchJob(scope, f"{scope.names.endpoint}-{datetime.now(UTC):%Y%m%d%H%M%S}")
    statements = _statements(scope.names, request, keys)
    started_s = clients.clock.now_s()
    with ExitStack() as borrowed:
        borrowed.enter_context(
            LentPolicy(scope, scope.names.role("endpoint"), job.name, statements)
        )
        try:
            job.call(
                "create_transform_job",
                ModelName=model,
                **_definition(scope, deployment.spec, request, keys[1]),
            )
            log.info("batch job %s on %d × %s", job.name, request.count, request.instance)
            ended = job.wait(at_most_s=_LONGEST_S) or {}
        except BaseException as error:  # the job would continue, and be billed
            told = _tell_to_stop(job, borrowed)
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRunError(told) from None
            raise
        _check_end(job, ended)
    return BatchDone(job.name, request.output.uri, clients.clock.now_s() - started_s)


def _tell_to_stop(job: BatchJob, borrowed: ExitStack) -> str:
    """Tell a job to stop, and what to say then; one that could not be told keeps its policy."""
    try:
        job.tell_to_stop()
    except (NewsclfError, KeyboardInterrupt):  # such as a second Ctrl-C
        borrowed.pop_all()
        log.warning(
            "the batch job %s may still run and be billed: aws sagemaker stop-transform-job"
            " --transform-job-name %s --region %s; its policy stays until the teardown",
            job.name,
            job.name,
            job.names.region,
        )
        return f"the batch job {job.name} could not be told to stop"
    return f"the batch job {job.name} was told to stop"


def _check_source(clients: Clients, source: Place) -> None:
    found = clients.find(
        "s3",
        "list_objects_v2",
        doing=f"looking at {source.uri}",
        Bucket=source.bucket,
        Prefix=source.key,
        MaxKeys=1,
    )
    if not found or not found.get("Contents"):
        raise ConfigError(
            f"--input {source.uri}: no object begins with that",
            hint=f"aws s3 cp headlines.jsonl {source.uri}",
        )


def _keys_of(clients: Clients, request: BatchRequest) -> tuple[str | None, str | None]:
    """KMS keys of the source's objects and of the answers; None: one of AWS's own, or none."""
    source, output = request.source.bucket, request.output.bucket
    found = {bucket: _default_key(clients, bucket) for bucket in dict.fromkeys((source, output))}
    return found[source], request.kms_key or found[output]


def _default_key(clients: Clients, bucket: str) -> str | None:
    """The customer's key with which a bucket encrypts new objects, if AWS tells it."""
    doing = f"looking at the encryption of {bucket}"
    try:
        found = clients.find("s3", "get_bucket_encryption", doing=doing, Bucket=bucket)
    except NewsclfError as error:
        log.warning("%s; with a key of your own the job needs --kms-key", error.message)
        return None
    for rule in (found or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        key: str = default.get("KMSMasterKeyID", "")
        if key and not key.endswith("alias/aws/s3"):
            return key
    return None


def _definition(
    scope: Scope, spec: AwsSpec, request: BatchRequest, output_key: str | None
) -> dict[str, Any]:
    ami = batch_ami(spec.image)
    return {
        "MaxConcurrentTransforms": _CONCURRENT,
        "MaxPayloadInMB": _RECORD_MB,
        "BatchStrategy": "SingleRecord",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": request.source.uri}},
            "ContentType": "application/json",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": request.output.uri,
            "Accept": "application/json",
            "AssembleWith": "Line",
            **({"KmsKeyId": output_key} if output_key else {}),
        },
        "TransformResources": {
            "InstanceType": request.instance,
            "InstanceCount": request.count,
            **({"VolumeKmsKeyId": spec.kms_key} if spec.kms_key else {}),
            **({"TransformAmiVersion": ami} if ami else {}),
        },
        "Tags": scope.tag_list,
    }


def _check_end(job: BatchJob, found: Mapping[str, Any]) -> None:
    status = found[job.status_field]
    if status == "Completed":
        return
    reason = f": {found['FailureReason']}" if "FailureReason" in found else ""
    tail = f"aws logs tail {_LOG} --log-stream-name-prefix {job.name} --region {job.names.region}"
    raise TargetError(f"the batch job {job.name} has {status.lower()}{reason}", hint=tail)


def _statements(
    names: Names, request: BatchRequest, keys: tuple[str | None, str | None]
) -> list[Statement]:
    """What the execution role needs for the job: to read, to write, and the keys of both."""
    source, output = (f"arn:aws:s3:::{each.bucket}" for each in (request.source, request.output))
    return [
        allow("s3:GetObject", f"{source}/{request.source.key}*"),
        allow("s3:ListBucket", source),
        allow("s3:PutObject", f"{output}/{request.output.key}*"),
        allow(
            "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents",
            names.arn("logs", f"log-group:{_LOG}:*"),
        ),
        *_key_statements(names, "kms:Decrypt", keys[0], request.kms_key),
        # Larger answers are uploaded in parts, for which S3 also reads the key.
        *_key_statements(names, "kms:Decrypt kms:GenerateDataKey", keys[1]),
    ]


def _key_statements(names: Names, actions: str, *keys: str | None) -> Iterator[Statement]:
    """Let the role use KMS keys, given by ARN, id or alias."""
    for key in dict.fromkeys(each for each in keys if each):
        before, alias, name = key.partition("alias/")
        if not alias:
            yield allow(actions, key_arn(names, key))
            continue
        is_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{name}"}}
        yield allow(actions, f"{before or names.arn('kms', '')}key/*", condition=is_alias)
