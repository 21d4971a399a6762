"""Stop conditions: the reasons to end a load test, or one of its loads, early.

A new one is a subclass of StopCondition. Those of the whole test are listed in `run.loadtest`,
those of each load in `points.measure`; the generator checks them several times a second.
"""

from __future__ import annotations

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import ClassVar, Final

DRAIN: Final = 1
"""Send no more requests, and wait for the answers to those in flight."""
CANCEL: Final = 2
"""Give up the requests in flight, too."""
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHECK_S = 0.2


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that the user set for a load test; None: no limit."""

    max_requests: int | None = None
    max_cost_usd: float | None = None
    usd_per_hour: float = 0.0


@dataclass(slots=True)
class StopCondition(ABC):
    """One reason to end a load early."""

    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    option: ClassVar[str | None] = None
    """The option that sets the limit."""
    ends_test: ClassVar[bool] = True
    """False: only the load ends, which counts as complete, and the next one begins."""

    @abstractmethod
    def reason(self) -> str | None:
        """Why the load must end; None while it may go on."""

    @property
    def urgency(self) -> int:
        """0 while the load may go on, else DRAIN or CANCEL."""
        return DRAIN if self.reason() else 0

    def observe(self, ok: int, failed: int) -> None:  # noqa: B027 - few depend on it
        """Note how many requests succeeded and failed since the last call."""


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
        closes, too.
        """

        def count(_number: int, _frame: FrameType | None) -> None:
            self.asked += 1
            if self.asked > CANCEL:
                raise KeyboardInterrupt

        before = {
            number: signal.signal(number, count)
            for number in SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN  # which is how nohup works
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(slots=True)
class RequestLimit(StopCondition):
    """The limit of --max-requests; earlier parts of a resumed run count."""

    limit: int | None
    sent: int = 0
    option = "--max-requests"

    @property
    def left(self) -> int | None:
        """How many requests may still be sent; None: any number."""
        return None if self.limit is None else max(0, self.limit - self.sent)

    def reason(self) -> str | None:
        return f"{self.option} {self.limit} was reached" if self.left == 0 else None


@dataclass(slots=True)
class CostLimit(StopCondition):
    """The limit of --max-cost: what is measured is billed by the hour."""

    limit_usd: float | None
    usd_per_hour: float
    began_s: float = field(default_factory=time.monotonic)
    option = "--max-cost"

    def reason(self) -> str | None:
        cost_usd = (self.clock() - self.began_s) / 3600 * self.usd_per_hour
        if self.limit_usd is None or cost_usd < self.limit_usd:
            return None
        return f"{self.option} {self.limit_usd:g} was reached"


@dataclass(slots=True)
class Unresponsive(StopCondition):
    """Only failures for a while: many requests one after the other, for several seconds.

    An overloaded server that still answers some requests is not unresponsive: how many it answers
    is what the load test measures.
    """

    after_s: float = 5.0
    after_requests: int = 50
    _failed: int = field(default=0, init=False)
    _since_s: float = field(default=0.0, init=False)
    ends_test = False

    def observe(self, ok: int, failed: int) -> None:
        if self.reason():  # late answers do not undo it
            return
        if ok or not self._failed:
            self._since_s = self.clock()
        self._failed = 0 if ok else self._failed + failed

    def reason(self) -> str | None:
        lasted_s = self.clock() - self._since_s
        if self._failed < self.after_requests or lasted_s < self.after_s:
            return None
        return f"nothing was answered well for {self.after_s:g} s"


class StopConditions:
    """Several stop conditions; the first one that is met counts."""

    def __init__(self, *conditions: StopCondition) -> None:
        self._conditions = conditions

    def __or__(self, condition: StopCondition) -> StopConditions:
        """These conditions, or one more."""
        return StopConditions(*self._conditions, condition)

    def met(self) -> StopCondition | None:
        """The condition that is met, if any."""
        return next((each for each in self._conditions if each.reason()), None)

    def urgency(self) -> int:
        """0 while the load may go on, else DRAIN or CANCEL."""
        return max((each.urgency for each in self._conditions), default=0)

    def observe(self, ok: int, failed: int) -> None:
        """Note how many requests succeeded and failed since the last call."""
        for each in self._conditions:
            each.observe(ok, failed)

    def wait(self, seconds: float) -> None:
        """Wait, unless and until a condition is met."""
        deadline_s = time.monotonic() + seconds
        while not self.met() and (left_s := deadline_s - time.monotonic()) > 0:
            threading.Event().wait(min(left_s, _CHECK_S))
