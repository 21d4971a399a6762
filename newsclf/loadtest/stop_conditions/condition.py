"""What each stop condition is, and several of them together."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final

DRAIN: Final = 1
"""Send no more requests, and wait for the answers to those in flight."""
CANCEL: Final = 2
"""Give up the requests in flight, too."""
_CHECK_S = 0.2


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
