"""Where a local deployment takes requests."""

from __future__ import annotations

from newsclf.core.deployment import LocalDeployment
from newsclf.targets.client import Address
from newsclf.targets.local.credentials import auth_of


def address_of(deployment: LocalDeployment, *, direct: bool = False) -> Address:
    """A deployment's API, if it has one, else its model server.

    Args:
        direct: Its model server, also where there is an API.

    Raises:
        StateError: the credential of its API is not there.
    """
    if deployment.api is None or direct:
        return Address(f"{deployment.server.url}/invocations", "endpoint")
    return Address(f"{deployment.api.url}/classify", "api", auth=auth_of(deployment))
