"""Where a deployment on AWS takes requests, and how they are signed."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from newsclf.common.errors import ConfigError, CredentialsError, StateError
from newsclf.common.files import read_regular
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import NO_CREDENTIALS, TO_LOG_IN, aws_errors
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.client import Address
from newsclf.deploy.credentials import MAX_KEY_FILE_BYTES, ApiKey, Signature, key_in
from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.sigv4 import Credentials, Scope


class AwsSignature(httpx.Auth):
    """Signs with the credentials that a boto3 session has at that moment.

    Sent to another process, it becomes a signature with the credentials of that moment, which are
    not renewed there. botocore renews temporary ones 15 minutes before they end, so a process may
    sign for at least 10 minutes.
    """

    requires_request_body = True

    def __init__(self, session_credentials: Any, scope: Scope) -> None:
        """Nothing is signed yet.

        Args:
            session_credentials: botocore's, which renew themselves.
            scope: What the signatures are good for.
        """
        self._session_credentials = session_credentials
        self._scope = scope

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers."""
        return self._now().auth_flow(request)

    def __reduce__(self) -> tuple[Callable[..., Signature], tuple[Credentials, Scope]]:
        """As a signature that stays as it is."""
        return Signature, (self._frozen(), self._scope)

    def _now(self) -> Signature:
        return Signature(self._frozen(), self._scope)

    def _frozen(self) -> Credentials:
        with aws_errors("signing a request", permission="sts:AssumeRole"):
            frozen = self._session_credentials.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def signature_for(clients: Clients, service: str) -> AwsSignature:
    """Signs requests to `execute-api` or `sagemaker`.

    Raises:
        CredentialsError: there are none.
    """
    with aws_errors("signing a request", permission="sts:AssumeRole"):
        found = clients.session.get_credentials()
    if found is None:
        raise CredentialsError(NO_CREDENTIALS, hint=TO_LOG_IN)
    return AwsSignature(found, Scope(clients.region, service))


def endpoint_address(clients: Clients, names: Names) -> Address:
    """The SageMaker endpoint itself, which only signed requests reach."""
    host = clients.client("sagemaker-runtime").meta.endpoint_url
    url = f"{host}/endpoints/{names.endpoint}/invocations"
    return Address(url, "endpoint", auth=signature_for(clients, "sagemaker"))


def address_of(
    deployment: AwsDeployment,
    clients: Clients,
    *,
    direct: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Address:
    """A deployment's API, if it has one, else its endpoint.

    Args:
        deployment: As it is recorded.
        clients: Of its region and profile.
        direct: The endpoint, also where there is an API.
        headers: To be sent too, such as a token where the API asks for one.

    Raises:
        ConfigError: the API asks for a token, and none is given.
        StateError: the API's key is not there, or its address is none of AWS.
        CredentialsError: there are none.
    """
    if deployment.api is None or direct:
        return endpoint_address(clients, Names.of(deployment))
    _check_url(deployment.api.url, clients)
    url = f"{deployment.api.url}/classify"
    auth: httpx.Auth | None = None
    if deployment.api.auth == "iam":
        auth = signature_for(clients, "execute-api")
    elif deployment.api.auth == "api-key":
        auth = ApiKey(read_key(deployment.key_file))
    elif deployment.api.auth == "jwt" and "authorization" not in (headers or {}):
        raise ConfigError(
            f"the API of '{deployment.name}' asks for a token",
            hint="put `authorization: Bearer <token>` into a file, and add --header-file FILE; "
            "newsclf loadtest --direct asks the endpoint",
        )
    return Address(url, "api", headers or {}, auth)


def read_key(path: Path) -> str:
    """The API key in its file; StateError if it is not there."""
    problem = "not what newsclf wire-api writes"
    try:
        text = read_regular(path, at_most_bytes=MAX_KEY_FILE_BYTES).decode(errors="replace")
    except OSError as error:
        problem = error.strerror or "cannot be read"
    else:
        key = key_in(text)
        if key is not None:
            return key
    raise StateError(f"{path}: {problem}", hint="newsclf wire-api --auth api-key makes a new key")


def _check_url(url: str, clients: Clients) -> None:
    """Let nothing be sent to an address that AWS does not vouch for; a record may be forged.

    An emulator of AWS has its APIs where the environment sends the calls of API Gateway.

    Raises:
        StateError: it is another address.
    """
    host = rf"[a-z0-9]+\.execute-api\.{re.escape(clients.region)}\.amazonaws\.com(\.cn)?"
    if re.fullmatch(rf"https://{host}", url):
        return
    emulator = clients.client("apigatewayv2").meta.endpoint_url
    if url.startswith(f"{emulator.rstrip('/')}/"):
        return
    raise StateError(
        f"the record says that the API is at {url}, which is no address of API Gateway in"
        f" {clients.region}; nothing was sent",
        hint="newsclf wire-api asks AWS for the address and records it again",
    )
