"""The command `newsclf wire-api`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from newsclf.cli.deployments.aws_options import AWS_PANEL
from newsclf.cli.option_groups import grouped, options_given
from newsclf.cli.option_values import naming_options
from newsclf.cli.options import DEFAULT_DEPLOYMENT, DeploymentOpt, RuleOptions, StateOptions
from newsclf.deploy.auth import AwsAuth

if TYPE_CHECKING:
    from newsclf.common.account_rules import AccountRules
    from newsclf.deploy.records import ApiRequest

_UNCHANGED = "as it is wired"
_OPTIONS = {
    "rate_per_s": "--rate",
    "cors_origins": "--cors",
    "jwt.issuer": "--jwt-issuer",
    "jwt.audience": "--jwt-audience",
    "jwt": "--jwt-issuer and --jwt-audience",
}
"""Field of the request → the option that it comes from, if it has another name."""


@dataclass(frozen=True, kw_only=True)
class ApiOptions:
    """Options for an API on both targets."""

    auth: Annotated[
        AwsAuth | None,
        typer.Option(
            help="Authentication of callers; jwt only on AWS.",
            show_default=f"{_UNCHANGED}; else api-key, on AWS iam",
        ),
    ] = None
    rate_per_s: Annotated[
        float | None,
        typer.Option(
            "--rate", help="Most requests per second.", show_default=f"{_UNCHANGED}; else 500"
        ),
    ] = None
    burst: Annotated[
        int | None,
        typer.Option(help="Most requests in one burst.", show_default=f"{_UNCHANGED}; else 500"),
    ] = None
    runtimes: Annotated[
        int | None,
        typer.Option(
            help="Lambda runtimes, each of which works on one request at a time.",
            show_default=f"{_UNCHANGED}; else 4, on AWS 50 reserved",
        ),
    ] = None
    cors_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--cors",
            metavar="ORIGIN",
            help="Web origin that may call the API, or none; repeatable.",
            show_default=f"{_UNCHANGED}; else none",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class LocalApiOptions:
    """Options for an API on this machine."""

    PANEL: ClassVar = "On this machine"
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 0
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page",
            help="Whether to serve a page to try headlines on at /.",
            show_default=f"{_UNCHANGED}; else --page",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class AwsApiOptions:
    """Options for an API on AWS."""

    PANEL: ClassVar = AWS_PANEL
    jwt_issuer: Annotated[
        str | None, typer.Option(metavar="URL", help="Issuer (iss) of accepted tokens.")
    ] = None
    jwt_audience: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Audience (aud) of accepted tokens; repeatable."),
    ] = None
    unreserved: Annotated[
        bool,
        typer.Option(
            "--unreserved",
            help="Reserve no Lambda concurrency; the API shares what the account has.",
        ),
    ] = False


@grouped
def wire_api(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    api: ApiOptions,
    local: LocalApiOptions,
    aws: AwsApiOptions,
    rules: RuleOptions,
    general: StateOptions,
) -> None:
    """Put an HTTP API in front of a deployment: a gateway, authentication, the Lambda handler.

    Wired again, an API keeps whatever no option names.
    """
    output = general.start()
    from newsclf.cli.deployments.wire_api_view import show_api, warn_of_open_api
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import target_of

    settings = general.settings(aws=rules.rules())
    deployment = Deployments(settings.state_dir).get(name)
    if deployment.target == "aws":
        foreign, place = options_given(local), "this machine"
    else:
        foreign, place = [*options_given(aws), *options_given(rules)], "AWS"
    if foreign:
        raise ConfigError(f"{', '.join(foreign)}: only for a deployment on {place}")
    request = api_request(api, aws, settings.aws, local)
    if deployment.target == "aws" and request.auth == "none":
        warn_of_open_api(output, name)
    target = target_of(deployment, settings.state_dir)
    deployment, changed = target.wire_api(name, request)
    show_api(output, deployment, changed=changed, state_dir=settings.state_dir)


def api_request(
    api: ApiOptions, aws: AwsApiOptions, rules: AccountRules, local: LocalApiOptions
) -> ApiRequest:
    """The request that the options make; ConfigError names the one that is wrong."""
    from newsclf.deploy.records import ApiRequest

    jwt = {"issuer": aws.jwt_issuer, "audience": aws.jwt_audience or ()}
    given = {
        **{each.name: getattr(api, each.name) for each in fields(ApiOptions)},
        "cors_origins": () if api.cors_origins == ["none"] else api.cors_origins or None,
        "port": local.port,
        "page": local.page,
        "jwt": jwt if aws.jwt_issuer or aws.jwt_audience else None,
        "unreserved": aws.unreserved,
        "rules": rules.model_dump(),
    }
    with naming_options(_OPTIONS):
        return ApiRequest.model_validate(given)
