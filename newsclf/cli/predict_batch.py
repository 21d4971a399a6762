"""`newsclf predict` from S3 to S3: a batch job with the model of a deployment on AWS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.core.deployment import AwsDeployment, Deployments

if TYPE_CHECKING:
    from newsclf.cli.output import Output
    from newsclf.targets.aws.batch import BatchRequest
    from newsclf.targets.aws.clients import Clients


def predict_batch(
    output: Output,
    state_dir: Path,
    deployment: str,
    source: str,
    target: str,
    *,
    instance: str,
    count: int,
    kms_key: str | None,
) -> None:
    """Run the job, wait for it, and say where its answers are.

    Raises:
        ConfigError: one of the two is no place in S3, or there is nothing to score.
        StateError: there is no such deployment on AWS.
    """
    from newsclf.cli.deploy_aws import checked_kms_key
    from newsclf.core.extras import require_extra

    require_extra("boto3", extra="api", purpose="a batch job on AWS")
    from newsclf.targets.aws.batch import BatchRequest, parse_place, transform
    from newsclf.targets.aws.clients import Clients

    places = parse_place(source, "--input"), parse_place(target, "--output")
    found = Deployments(state_dir).get_of(AwsDeployment, deployment)
    request = BatchRequest(
        source=places[0],
        output=places[1],
        instance=instance,
        count=count,
        kms_key=checked_kms_key(kms_key, found.region),
    )
    clients = Clients(found.region, found.profile)
    _say_price(output, clients, request)
    done = transform(clients, found, request, say=output.note)
    output.data(asdict(done))
    output.note(f"done in {done.seconds:.0f} s: aws s3 ls {done.output}")


def _say_price(output: Output, clients: Clients, request: BatchRequest) -> None:
    from newsclf.core.errors import NewsclfError
    from newsclf.targets.aws.pricing import pricing_client, transform_usd_per_hour

    try:
        usd = transform_usd_per_hour(
            pricing_client(clients.session), clients.region, request.instance
        )
    except NewsclfError as error:
        output.note(f"the price is not known: {error.message}")
        return
    if usd is None:
        output.note(
            f"What an hour of a batch job on {request.instance} costs is not known here:"
            " see https://aws.amazon.com/sagemaker/pricing/"
        )
        return
    output.note(f"${usd * request.count:.4f} for each hour that the job runs")
