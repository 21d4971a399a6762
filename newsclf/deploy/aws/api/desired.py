"""Desired state of an API on AWS: what was asked for, on top of what is there."""

from __future__ import annotations

from newsclf.common.errors import ConfigError
from newsclf.deploy.aws.api.authorizer import Jwt
from newsclf.deploy.aws.api.resources import ApiSpec
from newsclf.deploy.records import ApiRequest, AwsApi, AwsApiSettings


def desired_api(request: ApiRequest, earlier: AwsApi | None) -> ApiSpec:
    """Complete a request with the settings of the API that is there, else with the defaults.

    An API is open only if that is asked for each time.

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
    cors = request.cors_origins
    reserved = None if request.unreserved else request.runtimes or settings.reserved_concurrency
    return ApiSpec(
        auth=auth,
        jwt=Jwt(jwt.issuer, jwt.audience) if jwt else None,
        cors_origins=settings.cors_origins if cors is None else cors,
        rate_per_s=request.rate_per_s or settings.rate_per_s,
        burst=request.burst or settings.burst,
        reserved_concurrency=reserved,
        must_reserve=request.runtimes is not None,
    )


def settings_of(spec: ApiSpec) -> AwsApiSettings:
    """The settings to record, from which a later request is completed."""
    jwt = spec.jwt and {"issuer": spec.jwt.issuer, "audience": spec.jwt.audience}
    return AwsApiSettings.model_validate(
        {
            "rate_per_s": spec.rate_per_s,
            "burst": spec.burst,
            "cors_origins": spec.cors_origins,
            "reserved_concurrency": spec.reserved_concurrency,
            "jwt": jwt,
        }
    )
