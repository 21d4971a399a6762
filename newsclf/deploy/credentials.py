"""How requests carry a credential, and the file in which curl and we find it.

The file is a configuration of curl (`curl -K FILE`), so that one option works for every kind of
credential and no secret stands in a command line, where other users of the machine can read it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator

import httpx

from newsclf.deploy.sigv4 import Credentials, Scope, sign

MAX_KEY_FILE_BYTES = 10_000
"""Of a file that holds a credential; ours have some hundred."""


class ApiKey(httpx.Auth):
    """Puts an API key into each request."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["x-api-key"] = self._key
        yield request


class Signature(httpx.Auth):
    """Signs each request with credentials that stay as they are."""

    requires_request_body = True

    def __init__(self, credentials: Credentials, scope: Scope) -> None:
        self._credentials = credentials
        self._scope = scope

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        signed = {k: v for k, v in request.headers.items() if k == "content-type"}
        added = sign(
            request.method,
            str(request.url),
            signed,
            request.content,
            self._credentials,
            scope=self._scope,
            time_s=time.time(),
        )
        request.headers.update(added)
        yield request


def key_config(key: str) -> str:
    """What curl needs to send an API key."""
    return f'header = "x-api-key: {key}"\n'


def key_in(config: str) -> str | None:
    """The API key in a configuration of `key_config`; None if there is none."""
    found = re.search(r'^header = "x-api-key: (\S+)"$', config, re.MULTILINE)
    return found[1] if found else None
