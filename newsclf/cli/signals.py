"""Make SIGTERM and SIGHUP end a command like Ctrl-C, with its clean-up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """Raised on SIGTERM or SIGHUP; handled like Ctrl-C."""


class Received:
    """The signal that ended this command, if any."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        """Ctrl-C, until another one arrives."""

    @property
    def has_ended(self) -> bool:
        """Whether SIGTERM or SIGHUP has arrived."""
        return self.number != signal.SIGINT

    @property
    def exit_code(self) -> int:
        """Shell exit code of a process ended by this signal."""
        return 128 + self.number


@contextmanager
def ended_by_signals() -> Iterator[Received]:
    """Have SIGTERM and SIGHUP raise in the main thread.

    Ignored signals stay ignored, as `nohup` needs. Only the first one raises: a terminal
    that is closed sends several, and they must not interrupt the clean-up.
    """
    received = Received()

    def end(number: int, _frame: FrameType | None) -> None:
        if not received.has_ended:
            received.number = number
            raise Ended

    mine = [
        number
        for number in _NUMBERS
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is signal.SIG_DFL
    ]
    for number in mine:
        signal.signal(number, end)
    try:
        yield received
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
