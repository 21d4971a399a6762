"""The command `newsclf wire-api`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    NameArg,
    QuietOpt,
    StateDirOpt,
    VerboseOpt,
    local_target,
    start,
)

if TYPE_CHECKING:
    from newsclf.core.deployment import Auth


def wire_api(
    name: NameArg = DEFAULT_DEPLOYMENT,
    *,
    auth: Annotated[
        str, typer.Option(metavar="api-key|iam|none", help="Who may call the API.")
    ] = "api-key",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    runtimes: Annotated[
        int, typer.Option(min=1, help="Lambda runtimes: requests at the same time.")
    ] = 4,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests per second.")] = 500,
    burst: Annotated[int, typer.Option(min=1, help="Requests at once.")] = 500,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Put the API before a deployment: a gateway and the Lambda handler, on this machine."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    deployment, started = local_target(config, state_dir).wire_api(
        name,
        auth=_auth(auth),
        port=port,
        runtimes=runtimes,
        rate_per_s=rate,
        burst=burst,
    )
    if deployment.api is None:
        raise AssertionError  # it was wired, or an error was raised
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.api.url}/classify")
    if not started:
        output.note("was up already; left as it is")
    option = ""
    if deployment.api.auth != "none":
        # In a file, since other users can read the command line of a process.
        option = f" -K {shlex.quote(str(deployment.key_file))}"
        output.note(f"its credential, readable by you alone: {deployment.key_file}")
    output.note(
        f"curl -s{option} {deployment.api.url}/classify -H 'content-type: application/json'"
        """ -d '{"headline": "Profit rose by a third"}'"""
    )


def _auth(word: str) -> Auth:
    from newsclf.core.errors import ConfigError

    known: tuple[Auth, ...] = ("api-key", "iam", "none")
    for auth in known:
        if word == auth:
            return auth
    raise ConfigError(f"--auth {word}: there are {', '.join(known)}")
