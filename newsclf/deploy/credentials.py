"""Credentials of requests, and the file in which curl and newsclf find them.

The file is a configuration of curl (`curl -K FILE`), so that one option works for every kind of
credential and no secret stands in a command line, where other users of the machine can read it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import httpx

from newsclf.common.errors import ConfigError, StateError, reason_of
from newsclf.common.files import read_regular, write_private
from newsclf.common.state_dir import writing
from newsclf.deploy.sigv4 import Credentials, Scope, sign

_MAX_KEY_FILE_BYTES = 10_000
"""Limit for the file with a credential; ours have a few hundred bytes."""


class ApiKey(httpx.Auth):
    """Puts an API key into each request."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["x-api-key"] = self._key
        yield request


class BearerToken(httpx.Auth):
    """Puts a token into each request, as OpenAI and most other services want their keys."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["authorization"] = f"Bearer {self._token}"
        yield request


class Signature(httpx.Auth):
    """Signs each request; a copy in another process keeps the credentials of that moment.

    botocore renews temporary ones 15 minutes before they end, so a process may sign for at least 10
    minutes.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials | Callable[[], Credentials], scope: Scope) -> None:
        self._credentials = credentials
        self._scope = scope

    def _now(self) -> Credentials:
        return self._credentials() if callable(self._credentials) else self._credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        signed = {k: v for k, v in request.headers.items() if k == "content-type"}
        added = sign(
            request.method,
            str(request.url),
            signed,
            request.content,
            self._now(),
            scope=self._scope,
            time_s=time.time(),
        )
        request.headers.update(added)
        yield request

    def __reduce__(self) -> tuple[type[Signature], tuple[Credentials, Scope]]:
        """The signature as another process gets it."""
        return Signature, (self._now(), self._scope)


def read_curl_config(path: Path, *, hint: str) -> str:
    """The text of a file with a credential.

    Raises:
        StateError: It cannot be read.
    """
    try:
        content = read_regular(path, at_most_bytes=_MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise StateError(f"{path}: {reason_of(error)}", hint=hint) from None
    return content.decode(errors="replace")


def read_key(path: Path, *, hint: str) -> str:
    """The API key in a file.

    Raises:
        StateError: The file is gone, or holds no key.
    """
    key = re.search(
        r'^header = "x-api-key: (\S+)"$', read_curl_config(path, hint=hint), re.MULTILINE
    )
    if key is None:
        raise StateError(f"{path}: not what newsclf wire-api writes", hint=hint)
    return key[1]


def read_secret(
    environ: Mapping[str, str],
    *,
    what: str,
    variable: str | None = None,
    file: Path | None = None,
) -> bytes:
    """A secret, from an environment variable or a file.

    Args:
        what: What it is, for the message of an error, such as `the webhook's secret`.

    Raises:
        ConfigError: It is missing or empty, or the file can't be read.
    """
    if variable is not None:
        secret = environ.get(variable, "").strip().encode(errors="surrogateescape")
        where, hint = f"the environment variable {variable}", f"set {variable}"
    elif file is not None:
        where, hint = f"{file}", "write it to the file"
        try:
            secret = read_regular(file, at_most_bytes=_MAX_KEY_FILE_BYTES, follow=True).strip()
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({reason_of(error)})", hint=hint) from error
    else:
        raise ConfigError(
            f"{what} is missing", hint="name an environment variable or a file that holds it"
        )
    if not secret:
        raise ConfigError(f"{what} is missing: {where} is empty", hint=hint)
    return secret


def kept_key(path: Path) -> str:
    """The API key in a file; without one a new key, written there for the user's eyes alone.

    Raises:
        StateError: The file cannot be written.
    """
    try:
        return read_key(path, hint="")
    except StateError:
        key = secrets.token_urlsafe(32)
    with writing(path):
        write_private(path, f'header = "x-api-key: {key}"\n')
    return key


def key_digest(key: str) -> str:
    """SHA-256 of an API key, hexadecimal, which is all that a checker of keys has to know."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
