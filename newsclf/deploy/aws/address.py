"""Addresses of a deployment on AWS, and the signatures of requests to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import Any

import httpx

from newsclf.common.errors import ConfigError, CredentialsError, StateError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import NO_CREDENTIALS, TO_LOG_IN, aws_errors
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.client import Address
from newsclf.deploy.credentials import ApiKey, Signature, read_key
from newsclf.deploy.records import AwsDeployment
from newsclf.deploy.sigv4 import Credentials
from newsclf.deploy.sigv4 import Scope as SigningScope

_NEW_KEY = "newsclf wire-api --auth api-key makes a new key"


class AwsSignature(httpx.Auth):
    """Signs requests with the credentials that a boto3 session has at that moment.

    Sent to another process, it becomes a signature with the credentials of that moment, which are
    not renewed there. botocore renews temporary ones 15 minutes before they end, so a process may
    sign for at least 10 minutes.
    """

    requires_request_body = True

    def __init__(self, session_credentials: Any, scope: SigningScope) -> None:
        """Take credentials and what they sign.

        Args:
            session_credentials: botocore's credentials, which renew themselves.
            scope: The region and service that the signatures are valid for.
        """
        self._session_credentials = session_credentials
        self._scope = scope

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers of the signature."""
        return self._now().auth_flow(request)

    def __reduce__(self) -> tuple[Callable[..., Signature], tuple[Credentials, SigningScope]]:
        """As a signature whose credentials are not renewed."""
        return Signature, (self._frozen(), self._scope)

    def _now(self) -> Signature:
        return Signature(self._frozen(), self._scope)

    def _frozen(self) -> Credentials:
        with aws_errors("signing a request", permission="sts:AssumeRole"):
            frozen = self._session_credentials.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def signature_for(clients: Clients, service: str) -> AwsSignature:
    """A signature of requests to `execute-api` or `sagemaker`.

    Raises:
        CredentialsError: no credentials were found.
    """
    with aws_errors("signing a request", permission="sts:AssumeRole"):
        found = clients.session.get_credentials()
    if found is None:
        raise CredentialsError(NO_CREDENTIALS, hint=TO_LOG_IN)
    return AwsSignature(found, SigningScope(clients.region, service))


def endpoint_address(scope: Scope) -> Address:
    """The SageMaker endpoint itself, which only signed requests reach."""
    host = scope.clients.client("sagemaker-runtime").meta.endpoint_url
    url = f"{host}/endpoints/{scope.names.endpoint}/invocations"
    return Address(url, "endpoint", auth=signature_for(scope.clients, "sagemaker"))


def address_of(
    deployment: AwsDeployment,
    clients: Clients,
    *,
    direct: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Address:
    """The address of a deployment's API, if it has one, else of its endpoint.

    Args:
        deployment: The recorded deployment.
        clients: The clients of its region and profile.
        direct: Whether to take the endpoint also where there is an API.
        headers: Headers to send too, such as a token where the API asks for one.

    Raises:
        ConfigError: the API asks for a token, and none is given.
        StateError: the API's key is missing, or the recorded address is not one of AWS.
        CredentialsError: no credentials were found.
    """
    if deployment.api is None or direct:
        return endpoint_address(Scope.of(clients, deployment))
    _check_url(deployment.api.url, clients)
    url = f"{deployment.api.url}/classify"
    auth: httpx.Auth | None = None
    if deployment.api.auth == "iam":
        auth = signature_for(clients, "execute-api")
    elif deployment.api.auth == "api-key":
        auth = ApiKey(read_key(deployment.key_file, hint=_NEW_KEY))
    elif deployment.api.auth == "jwt" and "authorization" not in (headers or {}):
        raise ConfigError(
            f"the API of '{deployment.name}' asks for a token",
            hint="put `authorization: Bearer <token>` into a file, and add --header-file FILE; "
            "newsclf loadtest --direct asks the endpoint",
        )
    return Address(url, "api", headers or {}, auth)


def _check_url(url: str, clients: Clients) -> None:
    """Refuse an address that does not belong to AWS: a record may be forged.

    An emulator of AWS serves its APIs where the environment sends the calls of API Gateway.

    Raises:
        StateError: it belongs to somebody else.
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
