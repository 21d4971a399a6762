"""Addresses of a deployment on this machine: for headlines, and of its page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx

from newsclf.common.errors import ConfigError, ServiceError, StateError
from newsclf.deploy.client import Address
from newsclf.deploy.http_client import client_for
from newsclf.deploy.local import process
from newsclf.deploy.local.credentials import auth_of
from newsclf.deploy.records import LocalDeployment, Process


def address_of(
    deployment: LocalDeployment,
    *,
    direct: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Address:
    """The address of a deployment's API, if it has one, else of its model server.

    Args:
        deployment: Its record.
        direct: Whether to take the model server also where there is an API.
        headers: Must be empty: the API takes no tokens.

    Raises:
        ConfigError: There are headers.
        ServiceError: It is down or paused; another process that listens on its port now gets
            neither the key nor headlines.
        StateError: The credential of its API is missing.
    """
    if headers:
        raise ConfigError("--header-file is for an API that accepts tokens, or for loadtest --url")
    api = None if direct else deployment.api
    parts: list[tuple[Process, Path, str, str]] = []
    if api is None or deployment.paused_since is not None:
        parts.append((deployment.server, deployment.server_log, "model server", "deploy"))
    if api is not None:
        parts.append((api, deployment.gateway_log, "API", "wire-api"))
    for known, log, what, command in parts:
        if not process.listening(known, log):
            error = down(f"the {what} of '{deployment.name}' is", deployment, command)
            raise ServiceError(error.message, hint=error.hint)
    if api is None:
        return Address(f"{deployment.server.url}/invocations", "endpoint")
    return Address(f"{api.url}/classify", "api", auth=auth_of(deployment))


def page_of(deployment: LocalDeployment) -> str:
    """Address of the page to try headlines on.

    Raises:
        StateError: It has no API, or one without a page.
        ServiceError: The API is down, or was started by a version without the page.
    """
    name, api = deployment.name, deployment.api
    if api is None:
        hint = f"newsclf wire-api --deployment {name} makes one, with a page"
        raise StateError(f"'{name}' has no API", hint=hint)
    again = f"newsclf teardown --deployment {name}, then newsclf deploy and newsclf wire-api"
    if not api.shows_page:
        reason = "requests are signed" if api.page else "it was wired with --no-page"
        raise StateError(f"the API of '{name}' has no page: {reason}", hint=again)
    address_of(deployment)
    with client_for(api.url, timeout_s=5) as client:
        try:
            found = client.get(api.url)
        except httpx.TransportError as error:
            logs = f"newsclf logs --deployment {name} --api may show why"
            reason = type(error).__name__
            raise ServiceError(f"the API of '{name}' failed ({reason})", hint=logs) from None
    if found.status_code != httpx.codes.OK:
        raise ServiceError(
            f"the API of '{name}' shows no page (status {found.status_code})",
            hint=f"if an older newsclf started it: {again}",
        )
    return f"{api.url}/"


def down(what: str, deployment: LocalDeployment, command: str) -> StateError:
    """The error for a server or API that does not run, with the command that starts it."""
    is_paused = deployment.paused_since is not None and command == "deploy"
    state, command = ("paused", "resume") if is_paused else ("down", command)
    return StateError(
        f"{what} {state}",
        hint=f"newsclf {command} --deployment {deployment.name} starts it again",
    )
