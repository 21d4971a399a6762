"""What a load test may use up: it ends in order when it has."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from newsclf.loadtest.generator.controller import Stop


@dataclass(frozen=True, slots=True)
class Limits:
    """When a load test ends by itself."""

    max_requests: int | None = None
    max_cost_usd: float | None = None
    usd_per_hour: float = 0.0


class Budget:
    """What a run may use up, and has; that of earlier tries of the same run counts."""

    def __init__(self, limits: Limits, stop: Stop, sent: int) -> None:
        self._limits = limits
        self._stop = stop
        self._began_s = time.monotonic()
        self._sent = sent
        self.over = False

    @property
    def option(self) -> Literal["--max-requests", "--max-cost"] | None:
        """The option whose limit was reached."""
        if self.requests_left() == 0:
            return "--max-requests"
        return "--max-cost" if self.over else None

    @property
    def reason(self) -> str | None:
        """Why the run ended, if it was for this."""
        if self.option is None:
            return None
        requests, usd = self._limits.max_requests, self._limits.max_cost_usd
        limit = f"{requests}" if self.option == "--max-requests" else f"{usd:g}"
        return f"{self.option} {limit} was reached"

    def requests_left(self) -> int | None:
        """How many requests may still be sent."""
        limit = self._limits.max_requests
        return None if limit is None else max(0, limit - self._sent)

    def spend(self, requests: int) -> None:
        """Note the requests of a point that was run."""
        self._sent += requests

    def look(self) -> None:
        """See whether the time so far cost too much."""
        cost_usd = (time.monotonic() - self._began_s) / 3600 * self._limits.usd_per_hour
        limit = self._limits.max_cost_usd
        if limit is not None and cost_usd >= limit and not self.over:
            self.over = True
            self._stop.ask()
