"""`newsclf predict` from S3 to S3: a batch job with the model of a deployment on AWS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.jobs.batch import BatchRequest


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
    from newsclf.common.extras import require_extra

    require_extra("boto3", extra="api", purpose="a batch job on AWS")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.jobs.batch import BatchRequest, parse_place, transform
    from newsclf.deploy.run import check_kms_key

    places = parse_place(source, "--input"), parse_place(target, "--output")
    found = Deployments(state_dir).get_of(AwsDeployment, deployment)
    if kms_key is not None:
        check_kms_key(kms_key, found.region)
    request = BatchRequest(
        source=places[0],
        output=places[1],
        instance=instance,
        count=count,
        kms_key=kms_key,
    )
    clients = Clients(found.region, found.profile)
    _say_price(output, clients, request)
    done = transform(clients, found, request)
    output.data(asdict(done))
    output.note(f"done in {done.seconds:.0f} s: aws s3 ls {done.output}")


def _say_price(output: Output, clients: Clients, request: BatchRequest) -> None:
    from newsclf.common.errors import NewsclfError
    from newsclf.deploy.aws.price_list import pricing_client, transform_usd_per_hour

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
