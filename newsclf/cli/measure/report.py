"""The command `newsclf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import JsonOpt, QuietOpt, VerboseOpt, start


def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a load test, such as .newsclf/runs/RUN."),
    ],
    *,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Rebuild the report of a load test from its raw samples."""
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.cli.measure.loadtest_view import show
    from newsclf.loadtest.report.run import report as run_report

    show(output, run, run_report(run))
