"""Addresses of a deployment on AWS, and the signatures of requests to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

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


def signature_for(clients: Clients, service: str) -> Signature:
    """A signature of requests to `execute-api` or `sagemaker`; its credentials renew themselves.

    Raises:
        CredentialsError: no credentials were found.
    """
    with aws_errors("signing a request", permission="sts:AssumeRole"):
        found = clients.session.get_credentials()
    if found is None:
        raise CredentialsError(NO_CREDENTIALS, hint=TO_LOG_IN)

    def credentials() -> Credentials:
        with aws_errors("signing a request", permission="sts:AssumeRole"):
            frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token)

    return Signature(credentials, SigningScope(clients.region, service))


def address_of(
    deployment: AwsDeployment,
    clients: Clients,
    *,
    direct: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Address:
    """The address of a deployment's API, if it has one, else of its endpoint.

    Args:
        direct: Whether to take the endpoint also where there is an API.
        headers: Headers to send too, such as a token where the API needs one.

    Raises:
        ConfigError: the API needs a token, and none is given.
        StateError: it is paused, the API's key is missing, or the recorded address is not one of
            AWS.
        CredentialsError: no credentials were found.
    """
    if deployment.paused_since is not None:
        raise StateError(
            f"'{deployment.name}' is paused",
            hint=f"newsclf resume --deployment {deployment.name}",
        )
    if deployment.api is None or direct:
        host = clients.client("sagemaker-runtime").meta.endpoint_url
        url = f"{host}/endpoints/{Scope.of(clients, deployment).names.endpoint}/invocations"
        return Address(url, "endpoint", auth=signature_for(clients, "sagemaker"))
    _check_url(deployment.api.url, clients)
    url = f"{deployment.api.url}/classify"
    auth: httpx.Auth | None = None
    if deployment.api.auth == "iam":
        auth = signature_for(clients, "execute-api")
    elif deployment.api.auth == "api-key":
        auth = ApiKey(read_key(deployment.key_file, hint=_NEW_KEY))
    elif deployment.api.auth == "jwt" and "authorization" not in (headers or {}):
        raise ConfigError(
            f"the API of '{deployment.name}' needs a token",
            hint="put `authorization: Bearer <token>` into a file, and add --header-file FILE; "
            "newsclf loadtest --direct measures the endpoint",
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
        f"the record says that the API is at {url}, which is not an address of API Gateway in"
        f" {clients.region}; nothing was sent",
        hint="newsclf wire-api looks the address up on AWS and records it again",
    )
