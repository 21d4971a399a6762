"""A limit on cost that also holds while several requests run at once.

Before a request its worst case is set aside, and after it the rest is given back. What the server
may have billed without saying so, such as for an answer that was cut off, stays spent.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal


class Budget:
    """What may be spent.

    Args:
        limit_usd: None: any amount.
        spent_usd: What was spent before.
    """

    def __init__(self, limit_usd: Decimal | None, spent_usd: Decimal = Decimal(0)) -> None:
        self._limit_usd = limit_usd
        self.spent_usd = spent_usd
        self._reserved_usd = Decimal(0)
        self._settled = asyncio.Condition()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self._limit_usd is not None

    async def reserve(self, most_usd: Decimal) -> bool:
        """Set the worst case of a request aside.

        While it fits only without what is set aside for others, it waits for these.

        Returns:
            Whether the request may be sent.
        """
        async with self._settled:
            while not self._fits(self.spent_usd + self._reserved_usd + most_usd):
                if not self._fits(self.spent_usd + most_usd):
                    return False
                await self._settled.wait()
            self._reserved_usd += most_usd
            return True

    async def settle(self, most_usd: Decimal, cost_usd: Decimal) -> None:
        """Replace what was set aside for a request by what it cost."""
        async with self._settled:
            self._reserved_usd -= most_usd
            self.spent_usd += cost_usd
            self._settled.notify_all()

    def _fits(self, usd: Decimal) -> bool:
        return self._limit_usd is None or usd <= self._limit_usd
