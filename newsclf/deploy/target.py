"""The places where deployments run: this machine, and AWS accounts and regions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from newsclf.common.errors import ConfigError, NewsclfError, reason_of, require_extra
from newsclf.costs.prices import prices_at
from newsclf.deploy.records import ApiRequest, AwsDeployment, Deployment, LocalDeployment
from newsclf.deploy.store import Deployments

if TYPE_CHECKING:
    from newsclf.deploy.aws.status import AwsStatus
    from newsclf.deploy.aws.target import AwsTarget
    from newsclf.deploy.client import Address
    from newsclf.deploy.hosting import Hosting

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\x20-\x7e]*)")
_Deployed = TypeVar("_Deployed", LocalDeployment, AwsDeployment)


class Target(Protocol[_Deployed]):
    """What can be done with a deployment wherever it runs."""

    def wire_api(self, name: str, request: ApiRequest) -> tuple[_Deployed, bool]:
        """Put an API in front of a deployment; also tells whether anything was changed."""

    def address(
        self,
        deployment: _Deployed,
        *,
        direct: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Address:
        """Where requests go: the API, if there is one, else the endpoint or model server.

        Args:
            direct: Whether to pass by the API.
            headers: Headers to send too, such as a token where the API needs one.
        """

    def hosting(self, deployment: _Deployed, *, direct: bool = False) -> Hosting:
        """What serves a deployment, and what it costs."""

    def log(
        self, deployment: _Deployed, lines: int, *, api: bool = False, follow: bool = False
    ) -> Iterator[str]:
        """The last lines of the log of the model server, or of the API."""

    def pause(self, name: str) -> tuple[_Deployed, bool]:
        """Stop what serves a deployment and keep the rest; also tells whether it was running."""

    def resume(self, name: str) -> tuple[_Deployed, bool]:
        """Start what a pause has stopped; also tells whether anything was started."""

    def teardown(self, name: str) -> bool:
        """Remove everything that is left of a deployment; whether there was anything."""


def target_of(deployment: Deployment, state_dir: Path) -> Target[Any]:
    """The target of a deployment.

    Raises:
        MissingExtraError: It is on AWS, and boto3 is not installed.
    """
    if isinstance(deployment, AwsDeployment):
        return aws_target(state_dir, deployment.region, deployment.profile)
    from newsclf.deploy.local.target import LocalTarget

    return LocalTarget(state_dir)


def target_to_clear(
    name: str,
    state_dir: Path,
    *,
    region: str | None,
    profile: str | None,
    recorded_first: bool = False,
) -> Target[Any]:
    """The target from which a deployment is removed, recorded or not.

    Args:
        region: Region in which to look for it without a record.
        profile: Credentials to use instead of those in the record.
        recorded_first: Whether the region and profile in the record take precedence.

    Raises:
        ConfigError: It is recorded in another region, or on this machine.
        StateError: Its record cannot be read.
        MissingExtraError: It is on AWS, and boto3 is not installed.
    """
    known = Deployments(state_dir).find(name)
    if isinstance(known, AwsDeployment):
        if recorded_first:
            region, profile = known.region, known.profile
        elif region not in (None, known.region):
            raise ConfigError(f"'{name}' is in {known.region}, not in {region}")
        return aws_target(state_dir, known.region, profile or known.profile)
    if known is None and (region is not None or profile is not None):
        return aws_target(state_dir, region, profile)
    if not recorded_first and (region is not None or profile is not None):
        raise ConfigError(
            f"'{name}' is recorded here as a deployment on this machine, not on AWS",
            hint=f"newsclf teardown --deployment {name} removes it; then --region finds the other",
        )
    from newsclf.deploy.local.target import LocalTarget

    return LocalTarget(state_dir)


def aws_target(state_dir: Path, region: str | None, profile: str | None) -> AwsTarget:
    """AWS in a region.

    Raises:
        MissingExtraError: boto3 is not installed.
        ConfigError: No region is named anywhere.
    """
    require_extra("boto3", extra="aws", purpose="a deployment on AWS")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.target import AwsTarget

    return AwsTarget(state_dir, Clients(region, profile))


def status_on_aws(
    state_dir: Path,
    recorded: list[AwsDeployment],
    *,
    region: str | None = None,
    profile: str | None = None,
) -> tuple[list[AwsStatus], list[NewsclfError]]:
    """Everything on AWS wherever something is recorded, and in the region that the user named.

    Returns:
        What there is, and why it is not known of some region, account or profile.
    """
    places: set[tuple[str | None, str | None]] = {(each.region, each.profile) for each in recorded}
    if region is not None or profile is not None:
        places.add((region, profile))
    found: dict[tuple[str, str | None], list[AwsStatus]] = {}
    problems: dict[str, NewsclfError] = {}
    for each_region, each_profile in sorted(places, key=str):
        try:
            target = aws_target(state_dir, each_region, each_profile)
            if (target.region, each_profile) not in found:
                prices = prices_at(state_dir)
                found[target.region, each_profile] = target.status(prices)
        except NewsclfError as error:  # the others are shown all the same
            problems.setdefault(error.message, error)
    return [status for every in found.values() for status in every], list(problems.values())


def read_headers(path: Path | None) -> dict[str, str]:
    """The headers in a file, which is also what `curl -H @FILE` reads; names in lower case.

    Raises:
        ConfigError: It can't be read, or a line is not a header.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({reason_of(error)})") from None
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if (match := _HEADER.fullmatch(line.strip())) is None:  # not quoted: it may hold a key
            raise ConfigError(f"{path}: line {number} is not of the form `name: value`, in ASCII")
        found[match[1].lower()] = match[2]
    return found
