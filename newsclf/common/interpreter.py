"""Command lines for subprocesses of this Python interpreter."""

from __future__ import annotations

import sys


def module_command(module: str, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """The command line that runs an installed module.

    Python puts the working directory first in `sys.path` for `-m` and `-c`, so a `struct.py` among
    the user's files would run in place of the standard library's. `-P` leaves it out.

    Args:
        module: What `python -m` runs.
        arguments: What follows.
        options: Other options of the interpreter, which come first.
    """
    return [sys.executable, *options, "-P", "-m", module, *arguments]
