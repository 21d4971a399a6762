"""The commands `newsclf deploy`, `status`, `logs` and `teardown`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    ModelOpt,
    QuietOpt,
    StateDirOpt,
    VerboseOpt,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.core.deployment import Auth
    from newsclf.targets.local.target import LocalTarget, Status

NameArg = Annotated[str, typer.Argument(metavar="[NAME]", help="Deployment.")]


def _target(config: Path | None, state_dir: Path | None) -> LocalTarget:
    from newsclf.targets.local.target import LocalTarget

    return LocalTarget(settings_from(config, {"state_dir": state_dir}).state_dir)


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
    deployment, started = _target(config, state_dir).deploy(
        name, settings.model, port=port, workers=workers or available_cores()
    )
    output.data(deployment.model_dump(mode="json"))
    output.show(f"{name}: {deployment.model} on {deployment.server.url}")
    output.note("started, and answers as it should" if started else "was up already; left as it is")
    output.note('next: newsclf wire-api, newsclf predict "headline", newsclf teardown')


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
    deployment, started = _target(config, state_dir).wire_api(
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
    target = _target(config, state_dir)
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

    deployment = _target(config, state_dir).get(name)
    log = deployment.gateway_log if api else deployment.server_log
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    for line in text.splitlines()[-lines:]:
        output.show(visible(line))


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
    target = _target(config, state_dir)
    names = list(target.names()) if everything else [name or DEFAULT_DEPLOYMENT]
    for each in names:
        target.teardown(each)
        output.note(f"{each}: removed")
    output.data({"removed": names})
    if not names:
        output.note("nothing is deployed")


def _auth(word: str) -> Auth:
    from newsclf.core.errors import ConfigError

    known: tuple[Auth, ...] = ("api-key", "iam", "none")
    for auth in known:
        if word == auth:
            return auth
    raise ConfigError(f"--auth {word}: there are {', '.join(known)}")


def _api(status: Status) -> str:
    api = status.deployment.api
    if api is None:
        return "–"
    return f"port {api.port}" if status.api_running else "down"


def _duration(seconds: float) -> str:
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"
