"""The targets, with the settings of a command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.store import Deployments

if TYPE_CHECKING:
    from newsclf.deploy.aws.target import AwsTarget


def aws_target(state_dir: Path, region: str | None, profile: str | None) -> AwsTarget:
    """AWS in a region.

    Raises:
        MissingExtraError: boto3 is not installed.
        ConfigError: no region is named anywhere.
    """
    from newsclf.common.extras import require_extra

    require_extra("boto3", extra="api", purpose="a deployment on AWS")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.target import AwsTarget

    return AwsTarget(state_dir, Clients(region, profile))


def recorded_on_aws(state_dir: Path) -> Iterator[AwsDeployment]:
    """The deployments on AWS that this state directory knows, if their record can be read."""
    found, _ = Deployments(state_dir).load()
    yield from (each for each in found if isinstance(each, AwsDeployment))


def aws_targets(state_dir: Path, region: str | None, profile: str | None) -> list[AwsTarget]:
    """AWS wherever something is recorded, and in the region that the user named, if any."""
    places: set[tuple[str | None, str | None]] = {
        (each.region, each.profile) for each in recorded_on_aws(state_dir)
    }
    if region is not None or profile is not None:
        places.add((region, profile))
    found: dict[str, AwsTarget] = {}
    for each_region, each_profile in sorted(places, key=str):
        target = aws_target(state_dir, each_region, each_profile)
        found.setdefault(f"{target.region} {each_profile}", target)
    return list(found.values())
