"""Credentials of a local deployment's API, and the file that stores them."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import httpx

from newsclf.common.errors import StateError
from newsclf.common.files import write_private
from newsclf.common.state_dir import writing
from newsclf.deploy.credentials import ApiKey, Signature, read_curl_config, read_key
from newsclf.deploy.records import LocalDeployment
from newsclf.deploy.sigv4 import Credentials, Scope

API_SCOPE = Scope("us-east-1", "execute-api")
"""Scope of the signatures that the local API accepts."""
_HINT = "newsclf teardown, then newsclf deploy and newsclf wire-api"


def kept_signer(deployment: LocalDeployment) -> Credentials:
    """The credentials that requests are signed with; new ones where the key file has none.

    Raises:
        StateError: The file cannot be written.
    """
    try:
        return _read_signer(deployment.key_file)
    except StateError:
        signer = Credentials(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
    text = (
        f'aws-sigv4 = "aws:amz:{API_SCOPE.region}:{API_SCOPE.service}"\n'
        f'user = "{signer.access_key}:{signer.secret_key}"\n'
    )
    with writing(deployment.key_file):
        write_private(deployment.key_file, text)
    return signer


def key_text(deployment: LocalDeployment) -> str | None:
    """All of the key file; None if there is none that can be read."""
    try:
        return deployment.key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def read(deployment: LocalDeployment) -> str | Credentials | None:
    """The API key, or the access key and its secret; None if the API needs neither.

    Raises:
        StateError: The file is missing or was changed.
    """
    if deployment.api is None or deployment.api.auth == "none":
        return None
    path = deployment.key_file
    return read_key(path, hint=_HINT) if deployment.api.auth == "api-key" else _read_signer(path)


def _read_signer(path: Path) -> Credentials:
    text = read_curl_config(path, hint=_HINT)
    user = re.search(r'^user = "([^:\s]+):(\S+)"$', text, re.MULTILINE)
    if user is None:
        raise StateError(f"{path}: not what newsclf wire-api writes", hint=_HINT)
    return Credentials(user[1], user[2])


def auth_of(deployment: LocalDeployment) -> httpx.Auth | None:
    """Authentication of requests to a deployment's API; StateError as `read`."""
    credential = read(deployment)
    if isinstance(credential, Credentials):
        return Signature(credential, API_SCOPE)
    return None if credential is None else ApiKey(credential)
