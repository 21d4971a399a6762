"""Who may call a deployment's API: the credential, where it is kept, and how requests carry it.

The file is a configuration of curl (`curl -K FILE`), so that one option works for every kind of
credential and no secret stands in a command line, where other users of the machine can read it.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Generator
from pathlib import Path

import httpx

from newsclf.core.deployment import Auth, LocalDeployment
from newsclf.core.errors import StateError
from newsclf.core.sigv4 import Credentials, Scope, sign

API_SCOPE = Scope("us-east-1", "execute-api")
"""What a signature of a request to the local API is for."""


class _ApiKey(httpx.Auth):
    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-api-key"] = self._key
        yield request


class _Signature(httpx.Auth):
    requires_request_body = True

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        signed = {k: v for k, v in request.headers.items() if k == "content-type"}
        added = sign(
            request.method, str(request.url), signed, request.content, self._credentials,
            scope=API_SCOPE, time_s=time.time(),
        )  # fmt: skip
        request.headers.update(added)
        yield request


def create(deployment: LocalDeployment, auth: Auth) -> str | Credentials | None:
    """Make a credential and write it where `read` finds it; returns what `read` does."""
    if auth == "none":
        return None
    if auth == "api-key":
        key = secrets.token_urlsafe(32)
        write_private(deployment.key_file, f'header = "x-api-key: {key}"\n')
        return key
    credentials = Credentials(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
    write_private(
        deployment.key_file,
        f'aws-sigv4 = "aws:amz:{API_SCOPE.region}:{API_SCOPE.service}"\n'
        f'user = "{credentials.access_key}:{credentials.secret_key}"\n',
    )
    return credentials


def read(deployment: LocalDeployment) -> str | Credentials | None:
    """The API key, or the access key and its secret, or None if the API wants neither.

    Raises:
        StateError: the file is gone, or not what `create` wrote.
    """
    if deployment.api is None or deployment.api.auth == "none":
        return None
    try:
        text = deployment.key_file.read_text(encoding="utf-8")
    except OSError as error:
        raise _unusable(deployment.key_file, error.strerror or "cannot be read") from None
    if found := re.search(r'^header = "x-api-key: (\S+)"$', text, re.MULTILINE):
        return found[1]
    if found := re.search(r'^user = "([^:\s]+):(\S+)"$', text, re.MULTILINE):
        return Credentials(found[1], found[2])
    raise _unusable(deployment.key_file, "not what newsclf wire-api writes")


def auth_of(deployment: LocalDeployment) -> httpx.Auth | None:
    """What puts the credential of a deployment's API into requests; StateError as `read`."""
    credential = read(deployment)
    if isinstance(credential, Credentials):
        return _Signature(credential)
    return None if credential is None else _ApiKey(credential)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody but the user could ever read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _unusable(path: Path, problem: str) -> StateError:
    return StateError(
        f"{path}: {problem}", hint="newsclf teardown, then newsclf deploy and newsclf wire-api"
    )
