"""Who may call a local deployment's API: the credential, and where it is kept."""

from __future__ import annotations

import re
import secrets

import httpx

from newsclf.common.errors import StateError
from newsclf.common.files import read_regular, write_private
from newsclf.common.state_dir import writing
from newsclf.deploy.credentials import MAX_KEY_FILE_BYTES, ApiKey, Signature, key_config, key_in
from newsclf.deploy.records import Auth, LocalDeployment
from newsclf.deploy.sigv4 import Credentials, Scope

API_SCOPE = Scope("us-east-1", "execute-api")
"""What a signature of a request to the local API is for."""


def create(deployment: LocalDeployment, auth: Auth) -> str | Credentials | None:
    """Make a credential and write it where `read` finds it; returns what `read` does."""
    if auth == "none":
        return None
    credential: str | Credentials
    if auth == "api-key":
        credential = secrets.token_urlsafe(32)
        text = key_config(credential)
    else:
        credential = Credentials(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
        text = (
            f'aws-sigv4 = "aws:amz:{API_SCOPE.region}:{API_SCOPE.service}"\n'
            f'user = "{credential.access_key}:{credential.secret_key}"\n'
        )
    with writing(deployment.key_file):
        write_private(deployment.key_file, text)
    return credential


def read(deployment: LocalDeployment) -> str | Credentials | None:
    """The API key, or the access key and its secret, or None if the API wants neither.

    Raises:
        StateError: the file is gone, or not what `create` wrote.
    """
    if deployment.api is None or deployment.api.auth == "none":
        return None
    path = deployment.key_file
    try:
        text = read_regular(path, at_most_bytes=MAX_KEY_FILE_BYTES).decode(errors="replace")
    except OSError as error:
        raise _unusable(deployment, error.strerror or "cannot be read") from None
    if (key := key_in(text)) is not None:
        return key
    if found := re.search(r'^user = "([^:\s]+):(\S+)"$', text, re.MULTILINE):
        return Credentials(found[1], found[2])
    raise _unusable(deployment, "not what newsclf wire-api writes")


def auth_of(deployment: LocalDeployment) -> httpx.Auth | None:
    """What puts the credential of a deployment's API into requests; StateError as `read`."""
    credential = read(deployment)
    if isinstance(credential, Credentials):
        return Signature(credential, API_SCOPE)
    return None if credential is None else ApiKey(credential)


def _unusable(deployment: LocalDeployment, problem: str) -> StateError:
    return StateError(
        f"{deployment.key_file}: {problem}",
        hint="newsclf teardown, then newsclf deploy and newsclf wire-api",
    )
