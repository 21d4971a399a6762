"""What an API consists of, in the order of creation: nothing is live before it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from newsclf.costs.formulas import FUNCTION_MEMORY_MB
from newsclf.deploy.aws.api.authorizer import (
    Authorizer,
    AuthorizerRemains,
    Jwt,
    KeyCheck,
    find_authorizer,
)
from newsclf.deploy.aws.api.function import Function, FunctionRemains, FunctionSpec
from newsclf.deploy.aws.api.function_code import API_MODULES, AUTHORIZER_MODULES, zipped
from newsclf.deploy.aws.api.function_permission import FunctionPermission
from newsclf.deploy.aws.api.http_api import HttpApi, find_api_id
from newsclf.deploy.aws.api.integration import Integration
from newsclf.deploy.aws.api.routes import ROUTES, Routes
from newsclf.deploy.aws.api.stage import Stage
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.walk.resource import Remains, Resource
from newsclf.deploy.records import AwsAuth

_FUNCTION_TIMEOUT_S = 29
"""Between API Gateway's 30 s and the 25 s that the handler gives the endpoint."""
_AUTHORIZER_TIMEOUT_S = 5
_AUTHORIZER_MEMORY_MB = 128
_LAMBDA = "lambda.amazonaws.com"
_AUTHORIZATION = {"iam": "AWS_IAM", "jwt": "JWT", "api-key": "CUSTOM", "none": "NONE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpec:
    """How an API is wanted."""

    auth: AwsAuth
    jwt: Jwt | None = None
    """With `jwt`: whose tokens pass."""
    key_sha256: str | None = None
    """With `api-key`: the key's hash, hexadecimal."""
    cors_origins: tuple[str, ...] = ()
    rate_per_s: float
    burst: int
    reserved_concurrency: int | None
    """Requests that the function may have at once; None: what the account has left."""
    must_reserve: bool = False
    """Whether it is an error if the account has no room to reserve so many."""


def api_resources(
    clients: Clients, names: Names, spec: ApiSpec, model_digest: str
) -> Sequence[Resource]:
    """From the function's log to the stage that makes the API answer, as they are wanted.

    Without roles where the user has one of their own.
    """
    function = Function(
        clients,
        names,
        names.endpoint,
        "function",
        names.function_role,
        FunctionSpec(
            handler="lambda_src.handler.handle",
            code=zipped(API_MODULES),
            environment={
                "ENDPOINT_NAME": names.endpoint,
                "MODEL_DIGEST": model_digest,
                "API_AUTH": spec.auth,
            },
            memory_mb=FUNCTION_MEMORY_MB,
            timeout_s=_FUNCTION_TIMEOUT_S,
            reserved_concurrency=spec.reserved_concurrency,
        ),
    )
    invoke = _allow(
        ["sagemaker:InvokeEndpoint"], names.arn("sagemaker", f"endpoint/{names.endpoint}")
    )
    integration = Integration(clients, names, function.arn)
    authorizer = _authorizer(clients, names, spec)
    wanted: Sequence[Resource] = [
        LogGroup(clients, names, names.function_log(function.name), "function log group"),
        Role(
            clients,
            names,
            names.function_role,
            "function role",
            _LAMBDA,
            (invoke, _may_log(names, function.name)),
        ),
        function,
        HttpApi(clients, names, spec.cors_origins),
        FunctionPermission(
            clients,
            names,
            function.name,
            lambda: _of_routes(clients, names),
            "function permission",
        ),
        integration,
        *authorizer,
        Routes(
            clients,
            names,
            integration,
            _AUTHORIZATION[spec.auth],
            f"{names.endpoint}-{_SUFFIX[spec.auth]}" if spec.auth in _SUFFIX else None,
        ),
        LogGroup(clients, names, names.api_log, "API log group"),
        Stage(clients, names, names.api_log, spec.rate_per_s, spec.burst),
    ]
    return without_replaced(wanted, names)


def unwanted(clients: Clients, names: Names, spec: ApiSpec) -> Sequence[Remains]:
    """What an API with another kind of authentication had, in the order of creation."""
    remains: list[Remains] = []
    if spec.auth != "api-key":
        remains += [*_key_check_remains(clients, names), AuthorizerRemains(clients, names, "key")]
    if spec.auth != "jwt":
        remains.append(AuthorizerRemains(clients, names, "jwt"))
    return without_replaced(remains, names)


def api_remains(clients: Clients, names: Names) -> Sequence[Remains]:
    """All that `wire-api` can have made, in the order of creation.

    Routes, integrations, authorizers and stages go with the API, permissions with their functions.
    """
    return [
        LogGroup(clients, names, names.function_log(names.endpoint), "function log group"),
        Role(clients, names, names.function_role, "function role", _LAMBDA),
        FunctionRemains(clients, names, names.endpoint, "function"),
        *_key_check_remains(clients, names),
        LogGroup(clients, names, names.api_log, "API log group"),
        HttpApi(clients, names),
    ]


_SUFFIX = {"jwt": "jwt", "api-key": "key"}


def _authorizer(clients: Clients, names: Names, spec: ApiSpec) -> Sequence[Resource]:
    if spec.jwt is not None:
        return [Authorizer(clients, names, "jwt", spec.jwt)]
    if spec.key_sha256 is None:
        return []
    function = Function(
        clients,
        names,
        names.authorizer,
        "authorizer function",
        names.authorizer_role,
        FunctionSpec(
            handler="lambda_src.authorizer.handle",
            code=zipped(AUTHORIZER_MODULES),
            environment={"KEY_SHA256": spec.key_sha256},
            memory_mb=_AUTHORIZER_MEMORY_MB,
            timeout_s=_AUTHORIZER_TIMEOUT_S,
            reserved_concurrency=None,
        ),
    )
    authorizer = Authorizer(clients, names, "key", KeyCheck(function.arn))
    return [
        LogGroup(clients, names, names.function_log(function.name), "authorizer log group"),
        Role(
            clients,
            names,
            names.authorizer_role,
            "authorizer role",
            _LAMBDA,
            (_may_log(names, function.name),),
        ),
        function,
        authorizer,
        FunctionPermission(
            clients,
            names,
            function.name,
            lambda: _of_authorizer(clients, names, authorizer.name),
            "authorizer permission",
        ),
    ]


def _key_check_remains(clients: Clients, names: Names) -> Sequence[Remains]:
    return [
        LogGroup(clients, names, names.function_log(names.authorizer), "authorizer log group"),
        Role(clients, names, names.authorizer_role, "authorizer role", _LAMBDA),
        FunctionRemains(clients, names, names.authorizer, "authorizer function"),
    ]


def _may_log(names: Names, function: str) -> Mapping[str, object]:
    group = names.arn("logs", f"log-group:{names.function_log(function)}:*")
    return _allow(["logs:CreateLogStream", "logs:PutLogEvents"], group)


def _allow(actions: Sequence[str], resource: str) -> Mapping[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _of_routes(clients: Clients, names: Names) -> dict[str, str]:
    """Each route of the API, on its one stage; `$default` must be written as `*`."""
    api_id = find_api_id(clients, names)
    return {
        route.replace(" /", "-").replace(".", "-"): f"{api_id}/*/{route.replace(' ', '')}"
        for route in ROUTES
        if api_id is not None
    }


def _of_authorizer(clients: Clients, names: Names, name: str) -> dict[str, str]:
    api_id, found = find_api_id(clients, names), find_authorizer(clients, names, name)
    if api_id is None or found is None:
        return {}
    return {"authorizer": f"{api_id}/authorizers/{found['AuthorizerId']}"}
