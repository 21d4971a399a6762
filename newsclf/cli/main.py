"""The app, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from newsclf import __version__
from newsclf.cli.cost import cost
from newsclf.cli.demo import demo
from newsclf.cli.deploy import deploy
from newsclf.cli.doctor import doctor
from newsclf.cli.evaluate import evaluate
from newsclf.cli.failures import Command, failure_of
from newsclf.cli.loadtest import loadtest
from newsclf.cli.optimize import optimize
from newsclf.cli.output import Output, drop_stdout, make_streams_usable
from newsclf.cli.package import package
from newsclf.cli.policy import policy
from newsclf.cli.predict import predict
from newsclf.cli.prices import prices
from newsclf.cli.report import report
from newsclf.cli.serve import serve
from newsclf.cli.signals import ended_by_signals
from newsclf.cli.status import logs, status
from newsclf.cli.teardown import teardown
from newsclf.cli.train import train
from newsclf.cli.wire_api import wire_api
from newsclf.core.errors import InterruptedRunError

app = typer.Typer(
    name="newsclf",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From labelled news headlines to a measured sentiment API.",
    epilog="Start with: newsclf demo",
)
for command in (
    *(train, evaluate, optimize, predict, serve, package),
    *(deploy, wire_api, status, logs, teardown),
    *(loadtest, report, cost),
    *(doctor, policy),
    demo,
):
    app.command(command.__name__.replace("_", "-"), cls=Command)(command)
app.add_typer(prices)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if wanted:
        sys.stdout.write(f"newsclf {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; what the user can act on is one line and a hint, with an exit code."""
    make_streams_usable()
    with ended_by_signals() as received:
        try:
            code: object = app(prog_name="newsclf", standalone_mode=False)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read it has seen enough
            drop_stdout()
            code = 1
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            logging.getLogger(__name__).info("in full:", exc_info=error)  # with --verbose
            if failure.message:
                Output().error(failure.message, failure.hint)
            _flush_or_drop()
            code = failure.exit_code
    if code == InterruptedRunError.exit_code:
        code = received.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _flush_or_drop() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()
