"""Make SIGTERM and SIGHUP end a command like Ctrl-C, with its clean-up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)
_T = TypeVar("_T")


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


def run_async(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine, which SIGTERM and SIGHUP cancel as Ctrl-C does, so that it cleans up.

    The handler of `ended_by_signals` would raise in whatever task is running, which need not be the
    one that the others wait for.

    Raises:
        Ended: After the coroutine has ended.
    """
    import asyncio

    handlers = {number: signal.getsignal(number) for number in _NUMBERS}
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    arrived: list[int] = []

    async def run() -> _T:
        task = asyncio.current_task()

        def end(number: int) -> None:
            arrived.append(number)
            if task is not None:
                task.cancel()

        for number in ours:
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        return await coroutine

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        if arrived:
            raise Ended from None
        raise
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])  # its own handler knows what follows
