"""A target that answers nothing any more."""

from __future__ import annotations

from dataclasses import dataclass, field

from newsclf.loadtest.stop_conditions.condition import StopCondition


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
