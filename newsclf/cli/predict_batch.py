"""`newsclf predict` from S3 to S3: a batch job with the model of a deployment on AWS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.core.deployment import AwsDeployment, Deployments

if TYPE_CHECKING:
    from newsclf.cli.output import Output


def predict_batch(
    output: Output, state_dir: Path, deployment: str, source: str, target: str, *, instance: str,
    count: int,
) -> None:  # fmt: skip
    """Run the job, wait for it, and say where its answers are.

    Raises:
        ConfigError: one of the two is no place in S3, or there is nothing to score.
        StateError: there is no such deployment on AWS.
    """
    from newsclf.core.extras import require_extra

    require_extra("boto3", extra="api", purpose="a batch job on AWS")
    from newsclf.targets.aws.batch import BatchRequest, parse_place, transform
    from newsclf.targets.aws.clients import Clients

    request = BatchRequest(
        source=parse_place(source, "--input"),
        output=parse_place(target, "--output"),
        instance=instance,
        count=count,
    )
    found = Deployments(state_dir).get_of(AwsDeployment, deployment)
    clients = Clients(found.region, found.profile)
    done = transform(clients, found, request, say=output.note)
    output.data(asdict(done))
    output.note(f"done in {done.seconds:.0f} s: aws s3 ls {done.output}")
