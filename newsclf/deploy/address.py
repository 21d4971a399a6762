"""Where `predict` and `loadtest` send requests: the target of a deployment decides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\x20-\x7e]*)")

if TYPE_CHECKING:
    from newsclf.deploy.client import Address
    from newsclf.deploy.records import Deployment

_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\x20-\x7e]*)")


def address_of(
    deployment: Deployment, *, direct: bool = False, header_file: Path | None = None
) -> Address:
    """A deployment's API, if it has one, else what serves its model.

    Args:
        deployment: On either target.
        direct: What serves the model, also where there is an API.
        header_file: Headers that the API asks for, such as a token.

    Raises:
        ConfigError: the file can't be read, or goes with no API of this kind.
        StateError: the API's credential is not there.
        TargetError: there are no AWS credentials.
    """
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.records import AwsDeployment

    headers = read_headers(header_file) if header_file is not None else {}
    if isinstance(deployment, AwsDeployment):
        from newsclf.common.extras import require_extra

        require_extra("boto3", extra="api", purpose="a deployment on AWS")
        from newsclf.deploy.aws import address
        from newsclf.deploy.aws.call.clients import Clients

        clients = Clients(deployment.region, deployment.profile)
        return address.address_of(deployment, clients, direct=direct, headers=headers)
    if headers:
        raise ConfigError(
            "--header-file goes with an API that asks for a token, or with loadtest --url"
        )
    from newsclf.deploy.local.address import address_of as local_address_of

    return local_address_of(deployment, direct=direct)


def read_headers(path: Path) -> dict[str, str]:
    """The headers in a file, which is also what `curl -H @FILE` reads; names in lower case.

    Raises:
        ConfigError: it can't be read, or a line is no header.
    """
    from newsclf.common.errors import ConfigError, reason_of

    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({reason_of(error)})") from None
    found = [_HEADER.fullmatch(line.strip()) for line in lines]
    if not all(found):  # the line itself is not quoted: it may hold a key
        number = found.index(None) + 1
        raise ConfigError(f"{path}: line {number} is not of the form `name: value`, in ASCII")
    return {match[1].lower(): match[2] for match in found if match is not None}
