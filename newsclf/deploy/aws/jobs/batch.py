"""Batch transform: SageMaker starts machines with a deployed model, scores S3 objects, and stops.

The job runs as the model's execution role, which may read nothing but its own archive. So it gets a
policy of its own for these two places and the keys of their buckets, named like the job, which is
taken away when the job ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newsclf.common.errors import ConfigError, InterruptedRunError, NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.model import model_in_use
from newsclf.deploy.aws.endpoint.quota import check_quota
from newsclf.deploy.aws.iam.execution import key_arn
from newsclf.deploy.aws.images import check_serves
from newsclf.deploy.records import AwsDeployment

_LONGEST_S: Final = 5 * 24 * 3600.0
_LOG: Final = "/aws/sagemaker/TransformJobs"
_RECORD_MB: Final = 1
"""A request is one line, a headline or a list of them; far less than this."""
_SETTLE_S: Final = 15.0
"""A role's new policy is not seen everywhere at once, and a job that misses it fails much later."""
_CONCURRENT: Final = 8
"""Requests at once on one machine: enough to keep its vCPUs busy."""


@dataclass(frozen=True, slots=True)
class Place:
    """A prefix of keys in S3."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """As `s3://…`."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRequest:
    """What to score, where to put it, and on how many machines."""

    source: Place
    output: Place
    instance: str
    count: int = 1
    kms_key: str | None = None
    """ARN or id of the key that encrypts the answers; None: as the bucket has it."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Keys of KMS, as AWS names them: ARN, id or alias; None: one of AWS's own, or none."""

    source: str | None
    """By which objects below the source are encrypted."""
    output: str | None


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A job that has ended well."""

    job: str
    output: str
    seconds: float


def parse_place(text: str, option: str) -> Place:
    """Read `s3://bucket/prefix`; ConfigError if it is something else."""
    found = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.*)", text)
    if found is None or any(character in found[2] for character in "*?${"):
        raise ConfigError(f"{option} {text}: expected s3://BUCKET/PREFIX")
    return Place(found[1], found[2])


def transform(
    clients: Clients,
    deployment: AwsDeployment,
    request: BatchRequest,
    *,
    say: Callable[[str], None],
) -> BatchDone:
    """Score every line of every object below a prefix; each is `{"inputs": "a headline"}`.

    Each object gets an answer with `.out` added to its name, with a line for each of its lines.

    Raises:
        StateError: the deployment has no model.
        ConfigError: there is nothing to score, or the image is not for the instance.
        TargetError: AWS refused, the quota is too small, or the job failed.
        ServiceError: AWS can't be reached, is busy, or failed.
        InterruptedRunError: Ctrl-C; the job is told to stop.
    """
    names = Names(deployment.name, clients.account, clients.region, deployment.spec.rules)
    check_serves(deployment.spec.image, request.instance)
    model = model_in_use(clients, names, deployment)
    _check_source(clients, request.source)
    usage = "transform job usage"
    if warning := check_quota(clients, request.instance, request.count, usage=usage):
        say(warning)
    keys = _keys_of(clients, request, say)
    job = f"{names.endpoint}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    started_s = clients.clock.now_s()
    with _allowed(clients, names, job, request, keys):
        try:
            clients.call(
                "sagemaker",
                "create_transform_job",
                doing=f"starting the batch job {job}",
                **_definition(deployment, job, model, request, keys),
            )
            say(f"batch job {job} on {request.count} × {request.instance}")
            found = _wait(clients, job, say)
        except BaseException as error:  # it would go on, and bill, with nobody waiting for it
            with suppress(NewsclfError):
                clients.find(
                    "sagemaker", "stop_transform_job", doing=f"stopping {job}", TransformJobName=job
                )
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRunError(f"the batch job {job} was told to stop") from None
            raise
    _check_end(clients, job, found)
    return BatchDone(job, request.output.uri, clients.clock.now_s() - started_s)


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
            f"--input {source.uri}: there is nothing",
            hint=f"aws s3 cp headlines.jsonl {source.uri}",
        )


def _keys_of(clients: Clients, request: BatchRequest, say: Callable[[str], None]) -> _Keys:
    found = {
        bucket: _default_key(clients, bucket, say)
        for bucket in dict.fromkeys((request.source.bucket, request.output.bucket))
    }
    return _Keys(found[request.source.bucket], request.kms_key or found[request.output.bucket])


def _default_key(clients: Clients, bucket: str, say: Callable[[str], None]) -> str | None:
    """The customer's key that a bucket encrypts new objects with, if it is told."""
    doing = f"looking at the encryption of {bucket}"
    try:
        found = clients.find("s3", "get_bucket_encryption", doing=doing, Bucket=bucket)
    except NewsclfError as error:
        say(f"{error.message}; with a key of your own the job needs --kms-key")
        return None
    for rule in (found or {}).get("ServerSideEncryptionConfiguration", {}).get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        key: str = default.get("KMSMasterKeyID", "")
        if key and not key.endswith("alias/aws/s3"):
            return key
    return None


def _definition(
    deployment: AwsDeployment, job: str, model: str, request: BatchRequest, keys: _Keys
) -> dict[str, Any]:
    volume_key = deployment.spec.kms_key
    tags = Names.of(deployment).tags
    return {
        "TransformJobName": job,
        "ModelName": model,
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
            **({"KmsKeyId": keys.output} if keys.output else {}),
        },
        "TransformResources": {
            "InstanceType": request.instance,
            "InstanceCount": request.count,
            **({"VolumeKmsKeyId": volume_key} if volume_key else {}),
        },
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }


def _wait(clients: Clients, job: str, say: Callable[[str], None]) -> Mapping[str, Any]:
    """What AWS says of the job when it has ended."""
    started_s = clients.clock.now_s()
    seen = ""

    def look() -> Mapping[str, Any] | None:
        nonlocal seen
        found = clients.call(
            "sagemaker",
            "describe_transform_job",
            doing=f"looking at the batch job {job}",
            TransformJobName=job,
        )
        if found["TransformJobStatus"] != seen:
            seen = found["TransformJobStatus"]
            say(f"{seen} after {clients.clock.now_s() - started_s:.0f} s")
        return found if seen in {"Completed", "Failed", "Stopped"} else None

    found = clients.clock.until(look, at_most_s=_LONGEST_S)
    if found is None:
        raise TargetError(f"the batch job {job} was stopped after {_LONGEST_S / 86_400:g} days")
    return found


def _check_end(clients: Clients, job: str, found: Mapping[str, Any]) -> None:
    status = found["TransformJobStatus"]
    if status == "Completed":
        return
    reason = f": {found['FailureReason']}" if "FailureReason" in found else ""
    raise TargetError(
        f"the batch job {job} has {status.lower()}{reason}",
        hint=f"aws logs tail {_LOG} --log-stream-name-prefix {job} --region {clients.region}",
    )


@contextmanager
def _allowed(
    clients: Clients, names: Names, job: str, request: BatchRequest, keys: _Keys
) -> Iterator[None]:
    """Let the execution role read and write for the time of the job; a user's own must already."""
    if names.rules.role:
        yield
        return
    role = {"RoleName": names.endpoint_role, "PolicyName": job}
    statements = [
        _allow(["s3:GetObject"], f"arn:aws:s3:::{request.source.bucket}/{request.source.key}*"),
        _allow(["s3:ListBucket"], f"arn:aws:s3:::{request.source.bucket}"),
        _allow(["s3:PutObject"], f"arn:aws:s3:::{request.output.bucket}/{request.output.key}*"),
        _allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            names.arn("logs", f"log-group:{_LOG}:*"),
        ),
        *_key_statements(names, keys.source, request.kms_key, ["kms:Decrypt"]),
        # Larger answers are uploaded in parts, for which S3 also reads the key.
        *_key_statements(names, keys.output, None, ["kms:Decrypt", "kms:GenerateDataKey"]),
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    clients.call(
        "iam",
        "put_role_policy",
        doing=f"letting the role {names.endpoint_role} read and write for the job",
        PolicyDocument=document,
        **role,
    )
    try:
        clients.clock.sleep(_SETTLE_S)
        yield
    finally:
        clients.find(
            "iam", "delete_role_policy", doing=f"taking the policy {job} away again", **role
        )


def _key_statements(
    names: Names, bucket_s: str | None, given: str | None, actions: list[str]
) -> list[dict[str, Any]]:
    """Let the role use a bucket's key and the one that was given."""
    return [
        _allow(actions, f"{key.rpartition('alias/')[0] or names.arn('kms', '')}key/*")
        | {"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": _alias(key)}}}
        if "alias/" in key
        else _allow(actions, key_arn(names, key))
        for key in dict.fromkeys(each for each in (bucket_s, given) if each)
    ]


def _alias(key: str) -> str:
    return f"alias/{key.partition('alias/')[2]}"


def _allow(actions: list[str], resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}
