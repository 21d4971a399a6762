"""The command `newsclf deploy`."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    ModelOpt,
    QuietOpt,
    StateDirOpt,
    VerboseOpt,
    local_target,
    settings_from,
    start,
)


def deploy(
    *,
    name: Annotated[str, typer.Option(help="Name of the deployment.")] = DEFAULT_DEPLOYMENT,
    model: ModelOpt = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one per core")
    ] = None,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Serve a model in the background on this machine, and wait until it answers."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.core.machine import available_cores

    settings = settings_from(config, {"model": model, "state_dir": state_dir})
    deployment, started = local_target(config, state_dir).deploy(
        name, settings.model, port=port, workers=workers or available_cores()
    )
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.model} on {deployment.server.url}")
    output.note("started, and answers as it should" if started else "was up already; left as it is")
    output.note('next: newsclf wire-api, newsclf predict "headline", newsclf teardown')
