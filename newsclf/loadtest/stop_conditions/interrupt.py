"""The user's request to stop, by Ctrl-C or another signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

from newsclf.loadtest.stop_conditions.condition import CANCEL, StopCondition

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Interrupt(StopCondition):
    """The user's request to stop: the first drains, the second cancels, the third kills."""

    asked: int = 0

    def reason(self) -> str | None:
        return "interrupted" if self.asked else None

    @property
    def urgency(self) -> int:
        return min(self.asked, CANCEL)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Count signals instead of ending at once; the third raises KeyboardInterrupt.

        This includes SIGHUP: what the load test has deployed must be removed when the terminal
        closes, too. Python hears signals in the main thread only; another one just runs the block.
        """

        def count(_number: int, _frame: FrameType | None) -> None:
            self.asked += 1
            if self.asked > CANCEL:
                raise KeyboardInterrupt

        before = {
            number: signal.signal(number, count)
            for number in SIGNALS
            if threading.current_thread() is threading.main_thread()
            and signal.getsignal(number) is not signal.SIG_IGN  # which is how nohup works
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
