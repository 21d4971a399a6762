"""The command `newsclf wire-api`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli import completion
from newsclf.cli.next_commands import after_deployment
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    BoundaryOpt,
    ConfigOpt,
    DeploymentOpt,
    JsonOpt,
    QuietOpt,
    RoleOpt,
    StateDirOpt,
    TagOpt,
    VerboseOpt,
    rules_from,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.cli.console import Output
    from newsclf.common.account_rules import AccountRules
    from newsclf.deploy.aws.api.authorizer import Jwt
    from newsclf.deploy.aws.api.resources import ApiSpec
    from newsclf.deploy.records import Auth, AwsApi, AwsAuth, AwsDeployment

_LOCAL, _AWS = "On this machine", "On AWS"
_AWS_RUNTIMES, _AWS_RATE = 50, 500
_RATE_DEFAULT = "as it is wired on this machine; else 500"
_BODY = """-H 'content-type: application/json' -d '{"headline": "Profit rose by a third"}'"""
# curl reads the credentials from a pipe, so that they stand in no command line.
_FROM_ENVIRONMENT = (
    """printf 'user = "%s:%s"\\n%s\\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" """
    '''"${AWS_SESSION_TOKEN:+header = \\"x-amz-security-token: $AWS_SESSION_TOKEN\\"}"'''
)


def wire_api(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="iam|jwt|api-key|none",
            autocompletion=completion.one_of("iam", "jwt", "api-key", "none"),
            help="Who may call the API; jwt only on AWS.",
            show_default="as it is wired; else api-key, on AWS iam",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="Most requests per second.", show_default=_RATE_DEFAULT),
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(min=1, help="Most requests in one burst.", show_default=_RATE_DEFAULT),
    ] = None,
    runtimes: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Lambda runtimes, each of which works on one request at a time.",
            show_default=f"as it is wired, else 4; on AWS {_AWS_RUNTIMES} reserved",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port to listen on; 0 takes a free one.", rich_help_panel=_LOCAL
        ),
    ] = 0,
    jwt_issuer: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Issuer (iss) of accepted tokens.", rich_help_panel=_AWS),
    ] = None,
    jwt_audience: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Audience (aud) of accepted tokens; repeatable.",
            rich_help_panel=_AWS,
        ),
    ] = None,
    cors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Web origin that may call the API; repeatable.",
            show_default="none",
        ),
    ] = None,
    unreserved: Annotated[
        bool,
        typer.Option(
            "--unreserved",
            help="Reserve no Lambda concurrency; the API shares what the account has.",
            rich_help_panel=_AWS,
        ),
    ] = False,
    role: RoleOpt = None,
    permissions_boundary: BoundaryOpt = None,
    tag: TagOpt = None,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Put an HTTP API in front of a deployment: a gateway, authentication, the Lambda handler."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.records import AwsDeployment
    from newsclf.deploy.store import Deployments

    rules = rules_from(role, permissions_boundary, tag)
    settings = settings_from(config, {"state_dir": state_dir, "aws": rules})
    folder = settings.state_dir
    deployment = Deployments(folder).get(name)
    only_aws = [
        jwt_issuer,
        *(jwt_audience or []),
        unreserved or None,
        role,
        permissions_boundary,
        *(tag or []),
    ]
    if not isinstance(deployment, AwsDeployment):
        if any(each is not None for each in only_aws):
            raise ConfigError(
                "--jwt-issuer, --jwt-audience, --unreserved, --role,"
                " --permissions-boundary and --tag go with a deployment on AWS"
            )
        _wire_local(
            output,
            folder,
            name,
            auth=auth,
            port=port,
            runtimes=runtimes,
            rate=rate,
            burst=burst,
            cors=_origins(cors or []),
        )
        return
    from newsclf.common.extras import require_extra

    require_extra("boto3", extra="api", purpose="an API on AWS")
    from newsclf.deploy.aws.api.resources import ApiSpec

    if port:
        raise ConfigError("--port goes with a deployment on this machine")
    if unreserved and runtimes is not None:
        raise ConfigError("--unreserved reserves nothing, so there is nothing for --runtimes")
    chosen = _aws_auth(auth, deployment)
    spec = ApiSpec(
        auth=chosen,
        jwt=_jwt(chosen, jwt_issuer, jwt_audience or []),
        cors_origins=_origins(cors or []),
        rate_per_s=rate or _AWS_RATE,
        burst=burst or _AWS_RATE,
        reserved_concurrency=None if unreserved else runtimes or _AWS_RUNTIMES,
        must_reserve=runtimes is not None,
    )
    _wire_aws(output, folder, deployment, spec, settings.aws)


def _wire_local(
    output: Output,
    folder: Path,
    name: str,
    *,
    auth: str | None,
    port: int,
    runtimes: int | None,
    rate: float | None,
    burst: int | None,
    cors: tuple[str, ...],
) -> None:
    from newsclf.deploy.local.target import LocalTarget

    deployment, started = LocalTarget(folder).wire_api(
        name,
        auth=_local_auth(auth) if auth is not None else None,
        port=port,
        runtimes=runtimes,
        rate_per_s=rate,
        burst=burst,
        cors_origins=cors or None,
    )
    if deployment.api is None:
        raise AssertionError  # it was wired, or an error was raised
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.api.url}/classify")
    if not started:
        output.note("already running; nothing changed")
    option = ""
    if deployment.api.auth != "none":
        option = _key_option(output, deployment.key_file)
    output.note(f"curl -s{option} {deployment.api.url}/classify {_BODY}")
    output.note(after_deployment(name, folder, wired=True))


def _wire_aws(
    output: Output, folder: Path, deployment: AwsDeployment, spec: ApiSpec, rules: AccountRules
) -> None:
    from newsclf.deploy.aws.api.wire import wire_api as wire
    from newsclf.deploy.aws.call.clients import Clients

    if spec.auth == "none":
        output.note(
            "warning: whoever knows the address can call this API, and you pay for it;"
            f" newsclf wire-api --deployment {deployment.name} --auth iam closes it"
        )
    clients = Clients(deployment.region, deployment.profile)
    deployment = wire(folder, clients, deployment.name, spec, rules=rules)
    if deployment.api is None:
        raise AssertionError  # it was wired, or an error was raised
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{deployment.name}: {deployment.api.url}/classify")
    _show_curl(output, deployment, deployment.api)
    output.note(after_deployment(deployment.name, folder, wired=True))


def _show_curl(output: Output, deployment: AwsDeployment, api: AwsApi) -> None:
    """A line that asks the API, and says where its credential comes from."""
    request = f"{api.url}/classify {_BODY}"
    if api.auth == "iam":
        profile = f" --profile {shlex.quote(deployment.profile)}" if deployment.profile else ""
        output.note("with credentials in the environment, such as by")
        output.note(f'eval "$(aws configure export-credentials --format env{profile})"')
        scope = f"aws:amz:{deployment.region}:execute-api"
        output.note(f"{_FROM_ENVIRONMENT} | curl -s -K - --aws-sigv4 {scope} {request}")
    elif api.auth == "jwt":
        output.note("with a file token.txt that holds `authorization: Bearer <token>`:")
        output.note(f"curl -s -H @token.txt {request}")
    elif api.auth == "api-key":
        output.note(f"curl -s{_key_option(output, deployment.key_file)} {request}")
    else:
        output.note(f"curl -s {request}")


def _key_option(output: Output, key_file: Path) -> str:
    # In a file, since other users can read the command line of a process.
    output.note(f"credential (readable only by you): {key_file}")
    return f" -K {shlex.quote(str(key_file))}"


def _local_auth(word: str) -> Auth:
    from newsclf.common.errors import ConfigError

    known: tuple[Auth, ...] = ("api-key", "iam", "none")
    for auth in known:
        if word == auth:
            return auth
    raise ConfigError(f"--auth {word}: on this machine there are {', '.join(known)}")


def _aws_auth(word: str | None, deployment: AwsDeployment) -> AwsAuth:
    """As named; else as it is wired, but never open without being named."""
    from newsclf.common.errors import ConfigError

    wired = deployment.api.auth if deployment.api else "iam"
    known: tuple[AwsAuth, ...] = ("iam", "jwt", "api-key", "none")
    for auth in known:
        if (word or (wired if wired != "none" else "iam")) == auth:
            return auth
    raise ConfigError(f"--auth {word}: there are {', '.join(known)}")


def _jwt(auth: AwsAuth, issuer: str | None, audience: list[str]) -> Jwt | None:
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.aws.api.authorizer import Jwt

    if auth != "jwt":
        if issuer or audience:
            raise ConfigError("--jwt-issuer and --jwt-audience go with --auth jwt")
        return None
    if not issuer or not audience:
        raise ConfigError(
            "--auth jwt needs to know whose tokens pass",
            hint="--jwt-issuer https://… --jwt-audience ID",
        )
    if not issuer.startswith("https://"):
        raise ConfigError(f"--jwt-issuer {issuer}: expected an address that begins with https://")
    return Jwt(issuer, tuple(audience))


def _origins(origins: list[str]) -> tuple[str, ...]:
    from newsclf.common.errors import ConfigError

    for origin in origins:
        if origin != "*" and not origin.startswith(("https://", "http://")):
            raise ConfigError(f"--cors {origin}: expected https://host, or * for every page")
    return tuple(origins)
