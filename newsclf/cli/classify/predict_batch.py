"""`newsclf predict` from S3 to S3: a batch job with the model of a deployment on AWS."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli import completion

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.deploy.aws.call.clients import Clients


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """Options for a batch job on AWS."""

    PANEL: ClassVar = "Batch job on AWS"
    instance: Annotated[
        str,
        typer.Option(
            metavar="ml.…",
            autocompletion=completion.instances,
            help="Instance type of the job.",
        ),
    ] = "ml.c5.xlarge"
    count: Annotated[int, typer.Option(min=1, help="Number of instances of the job.")] = 1
    kms_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Id or ARN of the KMS key that encrypts the predictions.",
            show_default="the bucket's",
        ),
    ] = None


def predict_batch(
    output: Output,
    state_dir: Path,
    deployment: str,
    source: str | None,
    target: str | None,
    *,
    options: BatchOptions,
) -> None:
    """Run a batch job, wait for it, and show where its predictions are.

    Raises:
        ConfigError: source or target is not on S3, or there is nothing to score.
        StateError: there is no such deployment on AWS.
    """
    from newsclf.common.errors import ConfigError, require_extra

    if not all(place is not None and place.startswith("s3://") for place in (source, target)):
        raise ConfigError(
            "--input and --output must both be on S3, or both be files",
            hint="aws s3 cp copies from one to the other",
        )
    require_extra("boto3", extra="aws", purpose="a batch job on AWS")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.jobs.batch import BatchRequest, parse_place, transform
    from newsclf.deploy.records import AwsDeployment
    from newsclf.deploy.run import check_kms_key
    from newsclf.deploy.store import Deployments

    places = parse_place(source or "", "--input"), parse_place(target or "", "--output")
    found = Deployments(state_dir).get_of(AwsDeployment, deployment)
    if options.kms_key is not None:
        check_kms_key(options.kms_key, found.region)
    request = BatchRequest(source=places[0], output=places[1], **asdict(options))
    clients = Clients(found.region, found.profile)
    _say_price(output, clients, options)
    done = transform(clients, found, request)
    output.data(asdict(done))
    output.note(f"done in {done.seconds:.0f} s: aws s3 ls {done.output}")


def _say_price(output: Output, clients: Clients, options: BatchOptions) -> None:
    from newsclf.common.errors import NewsclfError
    from newsclf.deploy.aws.price_list import job_usd_per_hour
    from newsclf.reporting.text import usd

    unknown = "AWS lists none for this instance; see https://aws.amazon.com/sagemaker/pricing/"
    try:
        price = job_usd_per_hour(clients, options.instance, "Tsform")
    except NewsclfError as error:
        price, unknown = None, error.message
    if price is None:
        output.note(f"the price of the batch job is not known: {unknown}")
    else:
        output.note(f"{usd(price * options.count)} for each hour that the job runs")
