"""The command `newsclf serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import CommonOptions


@grouped
def serve(
    *,
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Model directory.", show_default="model"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes.", show_default="one per core")
    ] = None,
    descriptor: Annotated[int | None, typer.Option("--socket", hidden=True)] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each worker process.")] = 1,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Serve no page to try headlines on at /.")
    ] = False,
    general: CommonOptions,
) -> None:
    """Serve a model over HTTP in the foreground, as a SageMaker container would.

    Its address also shows a page to try headlines on in a browser.
    """
    output = general.start()
    from newsclf.common.machine import available_cores
    from newsclf.common.urls import is_loopback
    from newsclf.data.examples import counted
    from newsclf.serving.server import ServerOptions
    from newsclf.serving.server import serve as run

    if not is_loopback(host):
        output.note(
            f"warning: the server has no authentication: anybody who reaches {host} can use it;"
            " newsclf wire-api puts an API with keys in front of a deployment"
        )
    options = ServerOptions(
        model=general.settings(model=model).model,
        host=host,
        port=port,
        descriptor=descriptor,
        workers=workers or available_cores(),
        threads=threads,
        page=not no_page,
    )
    run(
        options,
        on_listening=lambda url: output.note(
            f"serving {options.model} on {url} with"
            f" {counted(options.workers, 'worker', 'workers')}; Ctrl-C stops it"
        ),
    )
