"""Limits that the user sets: on requests and on cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from newsclf.loadtest.stop_conditions.condition import StopCondition


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
    """The limit of --max-cost: what is measured is billed by the hour; earlier parts count."""

    limit_usd: float | None
    usd_per_hour: float
    spent_usd: float = 0.0
    """By earlier parts of a resumed run."""
    began_s: float = field(default_factory=time.monotonic)
    option = "--max-cost"

    def reason(self) -> str | None:
        cost_usd = self.spent_usd + (self.clock() - self.began_s) / 3600 * self.usd_per_hour
        if self.limit_usd is None or cost_usd < self.limit_usd:
            return None
        return f"{self.option} {self.limit_usd:g} was reached"
