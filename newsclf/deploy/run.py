"""Deploy a model on AWS, for good or for the length of a measurement."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.images import check_serves, repository_arn, stock_image
from newsclf.deploy.records import AwsDeployment, AwsSpec

if TYPE_CHECKING:
    from newsclf.costs.prices import PriceBook
    from newsclf.deploy.aws.target import AwsTarget, Request


def spec_for(region: str, prices: PriceBook, **fields: Any) -> AwsSpec:
    """A specification with its price and, where no image is named, the stock image.

    Args:
        prices: Must have the price of the instance, or of serverless inference.
        fields: Fields of `AwsSpec`, as they are validated.

    Raises:
        ValidationError: A field is not valid.
        ConfigError: There is no price or no image, or the image or key is in another region.
    """
    instance: str | None = fields.get("instance")
    price = prices.hosting_usd_per_hour(instance, region) if instance else None
    image = fields.get("image") or stock_image(region, instance)
    spec = AwsSpec.model_validate({**fields, "image": image, "usd_per_hour": price})
    check_serves(image, instance)
    if (there := repository_arn(image).split(":")[3]) != region:
        raise ConfigError(
            f"--image {image}: it is in {there}, and SageMaker takes images of {region} only",
            hint=f"copy it into a repository of {region}, or add --region {there}",
        )
    if spec.kms_key is not None:
        check_kms_key(spec.kms_key, region)
    if spec.serverless is not None:
        prices.serverless_price(region)
    return spec


def check_kms_key(key: str, region: str) -> None:
    """Reject anything but the id or ARN of a key: an IAM policy cannot name an alias.

    Raises:
        ConfigError: It is an alias, or a key of another region.
    """
    arn = rf"(arn:aws:kms:{region}:\d{{12}}:key/)?"
    if not re.fullmatch(rf"{arn}(mrk-)?[0-9a-f-]{{32,36}}", key):
        raise ConfigError(
            f"--kms-key {key}: expected the id or the ARN of a key in {region}",
            hint=f"aws kms describe-key --key-id {key} --query KeyMetadata.Arn --region {region}",
        )


@contextmanager
def temporary_deployment(target: AwsTarget, request: Request) -> Iterator[AwsDeployment]:
    """Deploy, and remove the deployment again, whatever happens meanwhile.

    Raises:
        NewsclfError: As `AwsTarget.plan`, `AwsTarget.apply` and `AwsTarget.teardown`.
    """
    try:
        yield target.apply(target.plan(request))
    finally:
        target.teardown(request.name)
