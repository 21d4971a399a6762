"""SIGTERM and SIGHUP end a command as Ctrl-C does, so that it cleans up after itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Ended(KeyboardInterrupt):
    """SIGTERM or SIGHUP has arrived; whatever cleans up after Ctrl-C does so now too."""


class Received:
    """The signal that ends this command, once there is one."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        """Ctrl-C, until another one arrives."""

    @property
    def has_ended(self) -> bool:
        """Whether SIGTERM or SIGHUP has arrived."""
        return self.number != signal.SIGINT

    @property
    def exit_code(self) -> int:
        """What a shell calls a process that such a signal has ended."""
        return 128 + self.number


@contextmanager
def ended_by_signals() -> Iterator[Received]:
    """Have SIGTERM and SIGHUP raise in the main thread.

    One that is ignored stays so, which is how `nohup` works. Only the first one raises: a terminal
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
