"""The command `newsclf status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from newsclf.cli.options import (
    ConfigOpt,
    JsonOpt,
    ProfileOpt,
    QuietOpt,
    RegionOpt,
    StateDirOpt,
    VerboseOpt,
    deployment_option,
    settings_from,
    start,
)

if TYPE_CHECKING:
    from pathlib import Path

    from newsclf.cli.console import Output
    from newsclf.common.errors import NewsclfError
    from newsclf.deploy.aws.status import AwsStatus
    from newsclf.deploy.local.target import Status


def status(
    *,
    name: Annotated[
        str | None, deployment_option("Deployment to show on its own.", "all of them")
    ] = None,
    region: RegionOpt = None,
    profile: ProfileOpt = None,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show everything that is deployed, how it is doing, and what it costs.

    AWS is asked where a deployment is recorded, and in the region named with --region. What can't
    be read or asked is an error, after everything else was shown.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.store import Deployments

    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    records = Deployments(folder)
    here = LocalTarget(folder)
    found = [here.status(each) for each in here.deployments() if name in (None, each.name)]
    _, damaged = records.load()
    for stray in records.strays():
        output.note(f"warning: {stray}: not the record of a deployment; passed over")
    if found:
        _show_local(output, found)  # whatever AWS says
    on_aws, problems = _on_aws(folder, region, profile)
    on_aws = [each for each in on_aws if name in (None, each.name)]
    problems = [
        *(error for each, error in damaged.items() if name in (None, each)),
        *problems,
    ]
    if name is not None and not found and not on_aws and not problems:
        raise records.unknown(name)
    output.data(
        [
            *(_local_document(each) for each in found),
            *({"target": "aws", **asdict(each)} for each in on_aws),
        ]
    )
    if not found and not on_aws and not problems:
        output.note("nothing is deployed")
    if on_aws:
        _show_aws(output, on_aws)
    for other in problems[1:]:
        output.error(other.message, other.hint)
    if problems:
        raise problems[0]


def _on_aws(
    folder: Path, region: str | None, profile: str | None
) -> tuple[list[AwsStatus], list[NewsclfError]]:
    """What is on AWS, as far as AWS answers, and why not where it does not."""
    from newsclf.cli.targets import aws_targets
    from newsclf.common.errors import NewsclfError
    from newsclf.costs.prices import prices_at

    found: list[AwsStatus] = []
    problems: list[NewsclfError] = []
    try:
        prices = prices_at(folder)
        for target in aws_targets(folder, region, profile):
            found += target.status(prices)
    except NewsclfError as error:
        problems.append(error)
    return found, problems


def _local_document(status: Status) -> dict[str, object]:
    return {
        "deployment": status.deployment.model_dump(mode="json"),
        "url": status.url,
        "server_url": status.deployment.server.url,
        "running": status.running,
        "copied_from": None if status.original is None else str(status.original),
        "answers": status.answers,
        "healthy": status.healthy,
        "api_running": status.api_running,
        "api_answers": status.api_answers,
        "uptime_s": status.uptime_s,
        "requests": status.requests,
    }


def _show_local(output: Output, found: Sequence[Status]) -> None:
    output.show(
        output.table(
            "On this machine",
            ["name", "model", "auth", "health", "uptime", "requests", "pid", "USD/h"],
            [
                [
                    s.deployment.name,
                    s.deployment.model.name,
                    _auth(s),
                    _server(s),
                    "–" if s.uptime_s is None else _duration(s.uptime_s),
                    "–" if s.requests is None else s.requests,
                    s.deployment.server.pid or "–",
                    "0.00",
                ]
                for s in found
            ],
            optional=["USD/h", "pid"],
        )
    )
    for s in found:
        output.show(f"{s.deployment.name}: {s.url}")
        if s.original is not None:
            output.note(
                f"{s.deployment.name}: its record was copied; the process that it names belongs to"
                f" the deployment in {s.original}"
            )
        elif s.deployment.api is not None and s.running and not s.api_running:
            output.note(f"{s.deployment.name}: its API is down; newsclf wire-api starts it again")
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
                f"{s.name}: its endpoint is gone;"
                f" newsclf teardown --deployment {s.name} removes the rest"
            )
        if not s.recorded:
            output.note(
                f"warning: nothing here has recorded {s.name} in {s.region};"
                f" newsclf teardown --deployment {s.name} --region {s.region} removes it"
            )


def _usd(status: AwsStatus, usd: float | None) -> str:
    if usd is not None:
        return f"{usd:.2f}"
    if status.on == "serverless":
        return "by use"
    return "–" if status.endpoint == "none" else "?"


def _server(status: Status) -> str:
    """How the model server is doing."""
    if not status.running:
        return "down"
    if not status.answers:
        return "does not answer"
    return "healthy" if status.healthy else "not ready"


def _auth(status: Status) -> str:
    """What the API asks for, if there is one."""
    api = status.deployment.api
    if api is None:
        return "no API"
    if not status.api_running:
        return f"{api.auth}, down"
    return api.auth if status.api_answers else f"{api.auth}, does not answer"


def _duration(seconds: float) -> str:
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}"
