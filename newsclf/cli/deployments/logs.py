"""The command `newsclf logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import DEFAULT_DEPLOYMENT, CommonOptions, DeploymentOpt, StateDirOpt

_METRICS = '{"_aws"'
"""How a line of CloudWatch metrics begins (embedded metric format), which Lambda functions log."""


@grouped
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
        bool, typer.Option("--follow", "-f", help="Keep showing new lines; Ctrl-C ends it.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Also show the lines with metrics for CloudWatch.")
    ] = False,
    state_dir: StateDirOpt = None,
    general: CommonOptions,
) -> None:
    """Show the last lines of a deployment's log."""
    output = general.start()
    from newsclf.common.visible import visible
    from newsclf.deploy.store import Deployments
    from newsclf.deploy.target import target_of

    folder = general.settings(state_dir=state_dir).state_dir
    deployment = Deployments(folder).get(name)
    target = target_of(deployment, folder)
    for line in target.log(deployment, lines, api=api, follow=follow):
        if raw or not line.startswith(_METRICS):
            output.show(visible(line))
