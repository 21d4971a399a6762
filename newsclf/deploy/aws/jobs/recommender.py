"""Default jobs of SageMaker's Inference Recommender, on the model of a deployment.

A Default job is given the instances, and finds by itself how many requests each takes. It runs as
the model's execution role, which may create nothing; for the time of the job it gets a policy named
like it. AWS documents only that AmazonSageMakerFullAccess is enough (SageMaker guide, page
"inference-recommender-prerequisites"), so the policy follows from what the guide says that a job
does: it makes a model, an endpoint configuration and an endpoint, named after the job or `sm-…`,
invokes the endpoint, reads its metrics and deletes all of them.
"""

from __future__ import annotations

import gzip
import io
import logging
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from newsclf.common.errors import ConfigError
from newsclf.costs.instances import has_gpu
from newsclf.deploy.aws.bucket import delete_below
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_not_yet_assumable
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.model import model_in_use, vpc_config
from newsclf.deploy.aws.endpoint.quota import check_quota
from newsclf.deploy.aws.iam.execution import LOGGING, SERVICE, key_arn
from newsclf.deploy.aws.iam.role import LentPolicy
from newsclf.deploy.aws.iam.statements import Statement, allow
from newsclf.deploy.aws.jobs.recommender_job import (
    LONGEST_S,
    RecommenderJob,
    name_of_job,
    plain,
    recommendations,
)
from newsclf.deploy.recommendations import Recommendations, Status
from newsclf.deploy.records import AwsDeployment, AwsSpec

log = logging.getLogger(__name__)

_FILES: Final = 100
"""Requests in the sample, each of which the job sends again and again."""
_NAME_CHARS: Final = 40
"""Length to which a job cuts the names that it makes from its own (docs of JobName)."""
_PYTORCH: Final = re.compile(r"pytorch-inference:(\d\.[\d.]+)-")
_METADATA: Final = {"Domain": "NATURAL_LANGUAGE_PROCESSING", "Task": "CLASSIFICATION"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommenderRequest:
    """What to measure, and with which requests."""

    instances: Sequence[str]
    bodies: Sequence[bytes]
    """Bodies of requests to the endpoint, in JSON."""
    in_use: int
    """Instances of each type that are up beside the job, for the quota."""
    at_most_s: float = LONGEST_S
    """How long the job may take."""


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A running job."""

    name: str
    region: str
    finish: Callable[[Callable[[], bool]], Recommendations]
    """Waits for its end while the given function returns true, then stops it. Raises TargetError or
    ServiceError: its end was not seen."""


def check_instances(instances: Sequence[str]) -> None:
    """Raise ConfigError for an instance that Inference Recommender does not measure."""
    for instance in instances:
        if instance.startswith("ml.t2."):
            raise ConfigError(
                f"--recommender: {instance} is burstable, which Inference Recommender refuses",
                hint="take an instance such as ml.c5.large, or leave --recommender out",
            )
        if has_gpu(instance):
            raise ConfigError(
                f"--recommender: {instance} has a GPU, and a job can't choose the AMI with the"
                " driver for it",
                hint="leave --recommender out; --instances measures GPUs, too",
            )


@contextmanager
def recommending(
    scope: Scope, deployment: AwsDeployment, request: RecommenderRequest
) -> Iterator[StartedJob]:
    """Run a job beside what happens within; afterwards it has ended, and what it needed is gone.

    Raises:
        StateError: the deployment has no model.
        TargetError: AWS refused, the quota is too small, or the end of the job was not seen; then
            its policy and sample stay, since it needs them to delete its endpoints.
        ServiceError: AWS can't be reached, is busy, or failed.
    """
    clients, names = scope.clients, scope.names
    model = model_in_use(scope, deployment)
    for instance in request.instances:
        warning = check_quota(clients, instance, request.in_use + 1, ours=request.in_use)
        if warning is not None:
            log.warning(warning)
    job = RecommenderJob(scope, name_of_job(names, datetime.now(UTC)))
    sample = f"{names.deployment}/{job.name}/payload.tar.gz"
    with ExitStack() as borrowed:
        clients.call(
            "s3",
            "put_object",
            doing=f"uploading the sample for {job.name}",
            Bucket=names.bucket,
            Key=sample,
            Body=sample_archive(request.bodies),
            ExpectedBucketOwner=names.account,
        )
        borrowed.callback(delete_below, scope, prefix=sample)
        statements = _statements(names, job.name, deployment.spec)
        borrowed.enter_context(LentPolicy(scope, names.role("endpoint"), job.name, statements))
        definition = _definition(names, model, deployment.spec, sample, request.instances)
        try:
            # Its name holds the time, so one that exists is this one: an answer was lost.
            clients.create(
                "sagemaker",
                "create_inference_recommendations_job",
                not_yet=is_not_yet_assumable,
                JobName=job.name,
                JobType="Default",
                RoleArn=names.role_arn(names.role("endpoint")),
                InputConfig=definition,
                Tags=scope.tag_list,
            )
        except RefusedError:
            raise
        except BaseException:  # it may have begun all the same
            _end(job, borrowed)
            raise
        log.info("Inference Recommender's job %s on %s", job.name, ", ".join(request.instances))

        def finish(goes_on: Callable[[], bool]) -> Recommendations:
            found = job.wait(goes_on=goes_on, at_most_s=request.at_most_s)
            if found is None:
                log.info("stopping the job %s", job.name)
                found = job.stop()
            return _result(clients, job.name, request.instances, found)

        try:
            yield StartedJob(job.name, clients.region, finish)
        finally:
            _end(job, borrowed)


def _end(job: RecommenderJob, borrowed: ExitStack) -> None:
    """Have the job end before what it needs is removed; if it does not, leave it that."""
    try:
        job.stop()
    except BaseException:
        borrowed.pop_all()
        log.warning(
            "the job %s may still run and be billed: aws sagemaker"
            " stop-inference-recommendations-job --job-name %s --region %s;"
            " its policy and sample stay until the teardown",
            job.name,
            job.name,
            job.names.region,
        )
        raise


def _definition(
    names: Names, model: str, spec: AwsSpec, sample: str, instances: Sequence[str]
) -> dict[str, Any]:
    pytorch = _PYTORCH.search(spec.image)
    # There is a fixed list of frameworks, without "other"; a custom container serves a
    # PyTorch archive too, of a version that is not known.
    framework = {"Framework": "PYTORCH"} | ({"FrameworkVersion": pytorch[1]} if pytorch else {})
    definition: dict[str, Any] = {
        "ModelName": model,
        "ContainerConfig": {
            **_METADATA,
            **framework,
            "PayloadConfig": {
                "SamplePayloadUrl": f"s3://{names.bucket}/{sample}",
                "SupportedContentTypes": ["application/json"],
            },
            "SupportedInstanceTypes": list(instances),
            "SupportedEndpointType": "RealTime",
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }
    if spec.vpc is not None:
        definition["VpcConfig"] = vpc_config(spec.vpc)
    if spec.kms_key is not None:
        definition["VolumeKmsKeyId"] = spec.kms_key
    return definition


def sample_archive(bodies: Sequence[bytes]) -> bytes:
    """A `.tar.gz` with a file for each request; the same requests give the same bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number, body in enumerate(bodies[:_FILES]):
            entry = tarfile.TarInfo(f"request-{number:03}.json")
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return gzip.compress(packed.getvalue(), mtime=0)


def _statements(names: Names, job: str, spec: AwsSpec) -> list[Statement]:
    """What the execution role needs for the job."""
    named = [f"{job[:_NAME_CHARS]}*", "sm-*"]
    kinds = ("model", "endpoint-config", "endpoint")
    passed = {"StringEquals": {"iam:PassedToService": SERVICE}}
    statements = [
        allow(
            (
                "sagemaker:AddTags sagemaker:CreateEndpoint"
                " sagemaker:CreateEndpointConfig sagemaker:CreateModel"
                " sagemaker:DeleteEndpoint sagemaker:DeleteEndpointConfig"
                " sagemaker:DeleteModel sagemaker:DescribeEndpoint"
                " sagemaker:DescribeEndpointConfig sagemaker:InvokeEndpoint"
            ),
            *(names.arn("sagemaker", f"{kind}/{name}") for kind in kinds for name in named),
        ),
        allow(
            "sagemaker:DescribeModel",
            names.arn("sagemaker", f"model/{names.endpoint}-*"),
            *(names.arn("sagemaker", f"model/{name}") for name in named),
        ),
        allow("iam:PassRole", names.role_arn(names.role("endpoint")), condition=passed),
        allow(
            LOGGING,
            *(names.arn("logs", f"log-group:/aws/sagemaker/Endpoints/{name}:*") for name in named),
        ),
        allow("cloudwatch:GetMetricData cloudwatch:GetMetricStatistics", "*"),
    ]
    if spec.kms_key is not None:
        statements.append(allow("kms:CreateGrant", key_arn(names, spec.kms_key)))
    return statements


def _result(
    clients: Clients, job: str, instances: Sequence[str], found: Mapping[str, Any]
) -> Recommendations:
    status: Status = "STOPPED"
    reason: str | None = f"the job {job} was stopped"
    if found.get("Status") == "COMPLETED":
        status, reason = "COMPLETED", None
    elif found.get("Status") == "FAILED":
        said = found.get("FailureReason", "AWS does not say why")
        status, reason = "FAILED", f"the job {job} has failed: {said}"
    return Recommendations(
        job=job,
        region=clients.region,
        instances=list(instances),
        status=status,
        reason=reason,
        found=recommendations(found),
        raw=plain(found),
    )
