"""The commands `newsclf status` and `newsclf logs`."""

from __future__ import annotations

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
    from newsclf.targets.local.target import Status


def status(
    *,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show everything that is deployed, and how it is doing."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    target = local_target(config, state_dir)
    found = [target.status(target.get(name)) for name in target.names()]
    output.data(
        [
            {
                "deployment": s.deployment.model_dump(mode="json"),
                "running": s.running,
                "healthy": s.healthy,
                "api_running": s.api_running,
                "uptime_s": s.uptime_s,
                "requests": s.requests,
            }
            for s in found
        ]
    )
    if not found:
        output.note("nothing is deployed")
        return
    output.show(
        output.table(
            "Deployments",
            ["name", "target", "pid", "port", "API", "health", "uptime", "requests", "USD/h"],
            [
                [
                    s.deployment.name,
                    s.deployment.target,
                    s.deployment.server.pid or "–",
                    s.deployment.server.port,
                    _api(s),
                    "healthy" if s.healthy else "not ready" if s.running else "down",
                    "–" if s.uptime_s is None else _duration(s.uptime_s),
                    "–" if s.requests is None else s.requests,
                    "0.00",
                ]
                for s in found
            ],
        )
    )
    if down := [s.deployment.name for s in found if not s.running]:
        output.note(f"{', '.join(down)}: down; newsclf deploy starts it again")


def logs(
    name: NameArg = DEFAULT_DEPLOYMENT,
    *,
    api: Annotated[
        bool, typer.Option("--api", help="The gateway's and the handler's log.")
    ] = False,
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 50,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show the last lines of a deployment's log."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.cli.output import visible

    deployment = local_target(config, state_dir).get(name)
    log = deployment.gateway_log if api else deployment.server_log
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    for line in text.splitlines()[-lines:]:
        output.show(visible(line))


def _api(status: Status) -> str:
    api = status.deployment.api
    if api is None:
        return "–"
    return f"port {api.port}" if status.api_running else "down"


def _duration(seconds: float) -> str:
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"
