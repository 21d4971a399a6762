"""The command `newsclf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.option_groups import grouped
from newsclf.cli.options import StateOptions


@grouped
def report(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="Folder of a load test, such as .newsclf/runs/RUN.",
            show_default="the latest",
        ),
    ] = None,
    *,
    state: StateOptions,
) -> None:
    """Rebuild the report of a load test from its raw samples."""
    output = state.start()
    from newsclf.common.errors import require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.cli.measure.loadtest_view import show
    from newsclf.loadtest.listing import latest_run
    from newsclf.loadtest.report.run import report as run_report

    run = run or latest_run(state.settings().state_dir / "runs")
    show(output, run, run_report(run))
