"""Desired state of an API on AWS: the request, completed with the present settings."""

from __future__ import annotations

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.api.resources import ApiSpec
from newsclf.deploy.records import ApiRequest, AwsApi, AwsApiSettings


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
