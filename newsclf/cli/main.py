"""Run the command line: the one place where errors become messages and exit codes."""

from __future__ import annotations

import logging
import sys

from newsclf.cli.app import app
from newsclf.cli.console import Output, drop_stdout, make_streams_usable
from newsclf.cli.failures import failure_of
from newsclf.cli.signals import ended_by_signals
from newsclf.common.errors import InterruptedRunError


def main() -> None:
    """Run the command line; report user errors as one line and a hint, with an exit code."""
    make_streams_usable()
    with ended_by_signals() as received:
        try:
            code: object = app(prog_name="newsclf", standalone_mode=False)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read it has seen enough
            drop_stdout()
            code = 1
        except Exception as error:
            failure = failure_of(error, has_ended=received.has_ended)
            if failure is None:
                raise
            logging.getLogger(__name__).debug("in full:", exc_info=error)  # with --verbose
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
