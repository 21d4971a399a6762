"""The command `newsclf open`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import DEFAULT_DEPLOYMENT, DeploymentOpt, ModelOpt, StateOptions

if TYPE_CHECKING:
    from newsclf.cli.console import Output


@grouped
def open(  # noqa: A001 - the name of the command
    *,
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="REPORT",
            help="A report.html, or the folder of a load test or an evaluation.",
            show_default="the page of a deployment",
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Open the latest report of a load test or evaluation.")
    ] = False,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    model: ModelOpt = None,
    general: StateOptions,
) -> None:
    """Open a page in the browser: to try headlines on a deployment of this machine, or a report.

    Prints the address; where there is no browser, it does only that.
    """
    output = general.start()
    from newsclf.common.errors import ConfigError
    from newsclf.reporting.latest import report_in

    if path is not None and report:
        raise ConfigError("--report finds the latest report; name one, or leave it to --report")
    settings = general.settings(model=model)
    if path is not None:
        _open(output, report_in(path).resolve().as_uri())
    elif report:
        _open(output, _latest(settings.state_dir, settings.model).resolve().as_uri())
    else:
        _open_deployment(output, name, settings.state_dir)


def _latest(state_dir: Path, model: Path) -> Path:
    """The report that was written last: of the load tests, and of the evaluations of a model."""
    from newsclf.common.errors import StateError
    from newsclf.common.state_dir import StateDir
    from newsclf.reporting.latest import latest_report

    StateDir(state_dir).check()
    found = latest_report([*(state_dir / "runs").glob("*"), *model.glob("evaluation*")])
    if found is None:
        raise StateError(
            f"neither {state_dir / 'runs'} nor {model} holds a report",
            hint="newsclf evaluate and newsclf loadtest write one; newsclf open FOLDER shows it",
        )
    return found


def _open_deployment(output: Output, name: str, state_dir: Path) -> None:
    from newsclf.common.errors import ConfigError
    from newsclf.deploy.local.target import LocalTarget
    from newsclf.deploy.store import Deployments

    deployment = Deployments(state_dir).get(name)
    if deployment.target == "aws":
        raise ConfigError(
            f"'{name}' is on AWS, where no page is served",
            hint=f'newsclf predict --deployment {name} "headline"',
        )
    address = LocalTarget(state_dir).page(deployment)
    is_open = _open(output, address)
    if deployment.api is not None and deployment.api.auth == "api-key":
        output.note(f"the page asks for the API key, which is in {deployment.key_file}")
    if not is_open:
        port = address.rstrip("/").rpartition(":")[2]
        output.note(f"from another machine: ssh -L {port}:127.0.0.1:{port} HOST, then the address")


def _open(output: Output, address: str) -> bool:
    """Print an address and open it; whether there is a browser to do so."""
    is_open = _in_browser(address)
    output.data({"address": address, "opened": is_open})
    output.show(address)
    output.note("opened in the browser" if is_open else "there is no browser here to open it")
    return is_open


def _in_browser(address: str) -> bool:
    """Open an address in the browser of the desktop, or in that of the variable BROWSER."""
    import webbrowser

    screens = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform == "linux" and not any(os.environ.get(each) for each in screens):
        return False  # a browser for terminals would take this one over
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
