"""Where a local deployment takes requests."""

from __future__ import annotations

from newsclf.common.errors import ServiceError
from newsclf.deploy.client import Address
from newsclf.deploy.local import process
from newsclf.deploy.local.credentials import auth_of
from newsclf.deploy.records import LocalDeployment


def address_of(deployment: LocalDeployment, *, direct: bool = False) -> Address:
    """A deployment's API, if it has one, else its model server.

    Args:
        direct: Its model server, also where there is an API.

    Raises:
        ServiceError: it is down; whoever else listens on its port now gets neither key nor
            headlines.
        StateError: the credential of its API is not there.
    """
    name = deployment.name
    if deployment.api is None or direct:
        if not process.listening(deployment.server, deployment.server_log):
            raise ServiceError(
                f"the model server of '{name}' is down",
                hint=f"newsclf deploy --deployment {name} starts it again",
            )
        return Address(f"{deployment.server.url}/invocations", "endpoint")
    if not process.listening(deployment.api, deployment.gateway_log):
        raise ServiceError(
            f"the API of '{name}' is down",
            hint=f"newsclf wire-api --deployment {name} starts it again",
        )
    return Address(f"{deployment.api.url}/classify", "api", auth=auth_of(deployment))
