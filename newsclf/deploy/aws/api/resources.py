"""The resources of an API, in the order of creation: nothing is live before it is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from newsclf.common.errors import ConfigError
from newsclf.costs.formulas import FUNCTION_MEMORY_MB
from newsclf.deploy.auth import AwsAuth
from newsclf.deploy.aws.api.authorizer import Authorizer, jwt_settings, key_settings
from newsclf.deploy.aws.api.function import MODEL_VARIABLE, Function, FunctionSpec
from newsclf.deploy.aws.api.function_code import API_MODULES, AUTHORIZER_MODULES, zipped
from newsclf.deploy.aws.api.function_permission import FunctionPermission
from newsclf.deploy.aws.api.http_api import HttpApi, api_id_of
from newsclf.deploy.aws.api.routes import ROUTES, Integration, Routes
from newsclf.deploy.aws.api.stage import Stage
from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.iam.role import Role, without_replaced
from newsclf.deploy.aws.iam.statements import Statement, allow
from newsclf.deploy.aws.log_group import LogGroup
from newsclf.deploy.aws.walk.resource import Deletable, Resource
from newsclf.deploy.records import ApiRequest, AwsApi, AwsApiSettings

_FUNCTION_TIMEOUT_S = 29
"""Between API Gateway's 30 s and the 25 s that the handler gives the endpoint."""
_AUTHORIZER_TIMEOUT_S = 5
_AUTHORIZER_MEMORY_MB = 128
_LAMBDA = "lambda.amazonaws.com"
_API_LOG = "API log group"
_SUFFIX: Mapping[AwsAuth, Literal["jwt", "key"]] = {"jwt": "jwt", "api-key": "key"}
"""How requests are authorised → suffix of the authorizer's name."""
_AUTHORIZATION = {"iam": "AWS_IAM", "jwt": "JWT", "api-key": "CUSTOM", "none": "NONE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSpec:
    """The desired state of an API."""

    auth: AwsAuth
    settings: AwsApiSettings
    key_sha256: str | None = None
    """With `api-key`: the key's hash, hexadecimal."""
    must_reserve: bool = False
    """Whether it is an error if the account has no room to reserve so many."""


def desired_api(request: ApiRequest, earlier: AwsApi | None) -> ApiSpec:
    """Complete a request with the settings of the API that is there, else with the defaults.

    An API is open only if every request says so.

    Raises:
        ConfigError: JWTs are to be accepted and their issuer is unknown, or the other way round.
    """
    settings = (earlier and earlier.settings) or AwsApiSettings()
    auth = request.auth or (earlier.auth if earlier and earlier.auth != "none" else "iam")
    jwt = request.jwt or (settings.jwt if auth == "jwt" else None)
    if auth == "jwt" and jwt is None:
        raise ConfigError(
            "--auth jwt needs the issuer and the audience of the accepted tokens",
            hint="--jwt-issuer https://… --jwt-audience ID",
        )
    if auth != "jwt" and jwt is not None:
        raise ConfigError("--jwt-issuer and --jwt-audience go with --auth jwt")
    changes = {
        "rate_per_s": request.rate_per_s,
        "burst": request.burst,
        "cors_origins": request.cors_origins,
        "reserved_concurrency": request.runtimes,
    }
    given = {name: value for name, value in changes.items() if value is not None} | {"jwt": jwt}
    if request.unreserved:
        given["reserved_concurrency"] = None
    return ApiSpec(
        auth=auth,
        settings=settings.model_copy(update=given),
        must_reserve=request.runtimes is not None,
    )


def api_resources(scope: Scope, spec: ApiSpec, model_digest: str) -> Sequence[Resource]:
    """The resources from the function's log to the stage that makes the API answer.

    Without roles where the user has one of their own.
    """
    names, settings = scope.names, spec.settings
    endpoint = names.arn("sagemaker", f"endpoint/{names.endpoint}")
    environment = {
        "ENDPOINT_NAME": names.endpoint,
        MODEL_VARIABLE: model_digest,
        "API_AUTH": spec.auth,
    }
    log, role, function = _function(
        scope,
        "function",
        FunctionSpec(
            handler="lambda_src.handler.handle",
            code=zipped(API_MODULES),
            environment=environment,
            memory_mb=FUNCTION_MEMORY_MB,
            timeout_s=_FUNCTION_TIMEOUT_S,
            reserved_concurrency=settings.reserved_concurrency,
        ),
        allow("sagemaker:InvokeEndpoint", endpoint),
    )
    integration = Integration(scope, function.arn)
    suffix = _SUFFIX.get(spec.auth)
    authorizer = Authorizer(scope, suffix) if suffix else None
    desired: Sequence[Resource] = [
        log,
        role,
        function,
        HttpApi(scope, settings.cors_origins),
        FunctionPermission(
            scope, function.name, "function permission", lambda: _route_sources(scope)
        ),
        integration,
        *_authorizer(scope, spec),
        Routes(scope, integration, _AUTHORIZATION[spec.auth], authorizer),
        LogGroup(scope, names.api_log, _API_LOG),
        Stage(scope, names.api_log, settings.rate_per_s, settings.burst),
    ]
    return without_replaced(desired, names)


def api_undesired(scope: Scope, spec: ApiSpec) -> Sequence[Deletable]:
    """What an API with another kind of authentication had, in the order of creation."""
    found: list[Deletable] = []
    if spec.auth != "api-key":
        found += [*_function(scope, "authorizer"), Authorizer(scope, "key")]
    if spec.auth != "jwt":
        found.append(Authorizer(scope, "jwt"))
    return without_replaced(found, scope.names)


def api_deletables(scope: Scope) -> Sequence[Deletable]:
    """Everything that `wire-api` can have created, in the order of creation.

    Routes, integrations, authorizers and stages are deleted with the API, permissions with their
    functions.
    """
    return [
        *_function(scope, "function"),
        *_function(scope, "authorizer"),
        LogGroup(scope, scope.names.api_log, _API_LOG),
        HttpApi(scope),
    ]


def _authorizer(scope: Scope, spec: ApiSpec) -> Sequence[Resource]:
    if (jwt := spec.settings.jwt) is not None:
        return [Authorizer(scope, "jwt", jwt_settings(jwt))]
    if spec.key_sha256 is None:
        return []
    log, role, function = _function(
        scope,
        "authorizer",
        FunctionSpec(
            handler="lambda_src.authorizer.handle",
            code=zipped(AUTHORIZER_MODULES),
            environment={"KEY_SHA256": spec.key_sha256},
            memory_mb=_AUTHORIZER_MEMORY_MB,
            timeout_s=_AUTHORIZER_TIMEOUT_S,
            reserved_concurrency=None,
        ),
    )
    authorizer = Authorizer(scope, "key", key_settings(function.arn))

    def sources() -> dict[str, str]:
        found = authorizer.found()
        if not found:
            return {}
        return {"authorizer": f"{authorizer.api_id}/authorizers/{found['AuthorizerId']}"}

    permission = FunctionPermission(scope, function.name, "authorizer permission", sources)
    return [log, role, function, authorizer, permission]


def _function(
    scope: Scope,
    part: Literal["function", "authorizer"],
    desired: FunctionSpec | None = None,
    *statements: Statement,
) -> tuple[LogGroup, Role, Function]:
    """A function with its log group and its role, which may write to that log.

    Args:
        part: The function that answers requests, or the one that checks keys.
        desired: Its desired state; None to delete it.
        statements: What its role may do besides.
    """
    names = scope.names
    if part == "function":
        name, role, kind = names.endpoint, names.role("api"), "function"
    else:
        name, role, kind = names.authorizer, names.role("authorizer"), "authorizer function"
    group = names.function_log(name)
    writes = allow(
        "logs:CreateLogStream logs:PutLogEvents", names.arn("logs", f"log-group:{group}:*")
    )
    return (
        LogGroup(scope, group, f"{part} log group"),
        Role(scope, role, f"{part} role", _LAMBDA, (*statements, writes)),
        Function(scope, name, kind, role, desired),
    )


def _route_sources(scope: Scope) -> dict[str, str]:
    """Each route of the API, on its one stage; `$default` must be written as `*`."""
    api_id = api_id_of(scope)
    return {
        route.replace(" /", "-").replace(".", "-"): f"{api_id}/*/{route.replace(' ', '')}"
        for route in ROUTES
        if api_id is not None
    }
