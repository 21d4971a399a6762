"""Time that passes when everything waits for it, for asynchronous code with a clock passed in."""

from __future__ import annotations

import asyncio
import heapq
import itertools


class VirtualTime:
    """A clock and a sleep that belong together."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> float:
        """Seconds since the start."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Wait until that much has passed."""
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, next(self._order), woken))
        await woken

    async def run(self, until_s: float) -> None:
        """Let time pass."""
        while True:
            for _ in range(30):  # whoever can go on does so first
                await asyncio.sleep(0)
            if not self._sleepers or self._sleepers[0][0] > until_s:
                self.now_s = until_s
                return
            self.now_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
