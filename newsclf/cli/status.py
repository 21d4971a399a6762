"""The commands `newsclf status` and `newsclf logs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    NameArg,
    ProfileOpt,
    QuietOpt,
    RegionOpt,
    StateDirOpt,
    VerboseOpt,
    local_target,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from newsclf.cli.output import Output
    from newsclf.targets.aws.status import AwsStatus
    from newsclf.targets.local.target import Status


def status(
    *,
    region: RegionOpt = None,
    profile: ProfileOpt = None,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show everything that is deployed, how it is doing, and what it costs.

    AWS is asked where a deployment is recorded, and in the region named with --region.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.cli.targets import aws_targets
    from newsclf.core.prices import prices_at

    here = local_target(config, state_dir)
    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    found = [here.status(here.get(name)) for name in here.names()]
    if found:
        _show_local(output, found)  # whatever AWS says
    prices = prices_at(folder)
    targets = aws_targets(output, folder, region, profile)
    on_aws = [each for target in targets for each in target.status(prices)]
    output.data(
        [
            *(_local_document(each) for each in found),
            *({"target": "aws", **asdict(each)} for each in on_aws),
        ]
    )
    if not found and not on_aws:
        output.note("nothing is deployed")
    if on_aws:
        _show_aws(output, on_aws)


def _local_document(status: Status) -> dict[str, object]:
    return {
        "deployment": status.deployment.model_dump(mode="json"),
        "running": status.running,
        "healthy": status.healthy,
        "api_running": status.api_running,
        "uptime_s": status.uptime_s,
        "requests": status.requests,
    }


def _show_local(output: Output, found: Sequence[Status]) -> None:
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


def _show_aws(output: Output, found: Sequence[AwsStatus]) -> None:
    output.show(
        output.table(
            "On AWS",
            ["name", "region", "on", "endpoint", "API", "age", "USD/h", "USD/day", "USD so far"],
            [
                [
                    s.name,
                    s.region,
                    s.on or "–",
                    s.endpoint,
                    s.api or "–",
                    "–" if s.age_s is None else _duration(s.age_s),
                    _usd(s, s.usd_per_hour),
                    _usd(s, None if s.usd_per_hour is None else 24 * s.usd_per_hour),
                    _usd(s, s.usd_so_far),
                ]
                for s in found
            ],
        )
    )
    for s in found:
        if s.recorded and s.endpoint == "none":
            output.note(
                f"{s.name}: its endpoint is gone; newsclf teardown {s.name} removes the rest"
            )
        if not s.recorded:
            output.note(
                f"warning: nothing here has recorded {s.name} in {s.region};"
                f" newsclf teardown {s.name} --region {s.region} removes it"
            )


def _usd(status: AwsStatus, usd: float | None) -> str:
    if usd is not None:
        return f"{usd:.2f}"
    if status.on == "serverless":
        return "by use"
    return "–" if status.endpoint == "none" else "?"


def logs(
    name: NameArg = DEFAULT_DEPLOYMENT,
    *,
    api: Annotated[bool, typer.Option("--api", help="The API's and its handler's log.")] = False,
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 50,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show the last lines of a deployment's log."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.cli.output import visible
    from newsclf.cli.targets import aws_target
    from newsclf.core.deployment import AwsDeployment, Deployments

    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    deployment = Deployments(folder).get(name)
    if isinstance(deployment, AwsDeployment):
        target = aws_target(output, folder, deployment.region, deployment.profile)
        text = target.log(name, lines, api=api)
    else:
        log = deployment.gateway_log if api else deployment.server_log
        whole = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        text = whole.splitlines()[-lines:]
    for line in text:
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
