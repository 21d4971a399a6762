"""Deploy a model on AWS, for good or for the length of a measurement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.images import repository_arn, stock_image
from newsclf.deploy.package.build import packed
from newsclf.deploy.records import AwsDeployment, AwsSpec

if TYPE_CHECKING:
    from newsclf.costs.prices import PriceBook
    from newsclf.deploy.aws.target import AwsTarget, Request
    from newsclf.deploy.aws.walk.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest:
    """A model and how it is to be deployed on AWS."""

    name: str
    model: Path
    archive: Path | None = None
    """A packed model, instead of the model directory."""
    wheels: Path
    """Folder in which downloaded wheels are kept."""
    spec: AwsSpec
    force: bool = False
    """Whether to go on with an update of the endpoint although its alarm rises."""


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


def deploy_on_aws(
    target: AwsTarget, request: DeployRequest, approve: Callable[[Plan], bool]
) -> tuple[Plan, AwsDeployment | None]:
    """Pack a model, plan its deployment, and apply the plan once it is approved.

    Args:
        approve: Is shown the plan; False ends the deployment before anything is changed.

    Returns:
        The plan, and the deployment; None if the plan was not approved.

    Raises:
        ModelError: There is no model or archive, or it is damaged.
        DownloadError: The wheels could not be fetched.
        NewsclfError: As `AwsTarget.plan` and `AwsTarget.apply`.
    """
    from newsclf.deploy.aws.target import Request

    with packed(request.model, request.archive, wheels=request.wheels) as package:
        plan = target.plan(
            Request(name=request.name, package=package, spec=request.spec, force=request.force)
        )
        return plan, target.apply(plan) if approve(plan) else None


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
