"""The command `newsclf teardown`."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    QuietOpt,
    StateDirOpt,
    VerboseOpt,
    local_target,
    start,
)


def teardown(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Deployment.", show_default=DEFAULT_DEPLOYMENT),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every deployment.")] = False,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Stop a deployment and remove all that is left of it, from any half-built state."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.core.errors import ConfigError

    if everything and name is not None:
        raise ConfigError("--all removes every deployment, so name none beside it")
    target = local_target(config, state_dir)
    names = list(target.names()) if everything else [name or DEFAULT_DEPLOYMENT]
    for each in names:
        target.teardown(each)
        output.note(f"{each}: removed")
    output.data({"removed": names})
    if not names:
        output.note("nothing is deployed")
