"""The command `newsclf logs`."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    DeploymentOpt,
    QuietOpt,
    StateDirOpt,
    VerboseOpt,
    settings_from,
    start,
)

_LOOK_AGAIN_S = 0.3
_METRICS = '{"_aws"'
"""How a line of CloudWatch metrics begins (embedded metric format), which Lambda functions log."""


def logs(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    api: Annotated[
        bool, typer.Option("--api", help="Log of the API and its Lambda handler.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, help="Number of last lines to show.")
    ] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing new lines; Ctrl-C ends it.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Also show the lines with metrics for CloudWatch.")
    ] = False,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Show the last lines of a deployment's log."""
    output = start(as_json=False, quiet=quiet, verbose=verbose)
    from newsclf.cli.targets import aws_target
    from newsclf.common.errors import ConfigError
    from newsclf.common.visible import visible
    from newsclf.deploy.records import AwsDeployment
    from newsclf.deploy.store import Deployments

    folder = settings_from(config, {"state_dir": state_dir}).state_dir
    deployment = Deployments(folder).get(name)
    if isinstance(deployment, AwsDeployment):
        target = aws_target(folder, deployment.region, deployment.profile)
        if follow:
            raise ConfigError(
                f"--follow: '{name}' is on AWS, whose logs newsclf does not follow",
                hint=f"aws logs tail {target.log_group(name, api=api)} --follow"
                f" --region {deployment.region}",
            )
        found = iter(target.log(name, lines, api=api))
    else:
        log = deployment.gateway_log if api else deployment.server_log
        found = _lines(log, lines, follow=follow)
    for line in found:
        if raw or not line.startswith(_METRICS):
            output.show(visible(line))


def _lines(log: Path, count: int, *, follow: bool) -> Iterator[str]:
    """The last lines of a file, and then with `follow` those that are added to it."""
    if not log.is_file():
        return
    with log.open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, maxlen=count):
            yield line.rstrip("\n")
        while follow:
            for line in file:
                yield line.rstrip("\n")
            threading.Event().wait(_LOOK_AGAIN_S)
