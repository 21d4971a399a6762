"""Write lines without waiting for whoever reads them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

MAX_WAITING = 10_000
"""Lines that may wait for the reader of stdout."""


class LineQueue:
    """Lines on their way to a stream that may be slow, or stopped for a while.

    They are written in a thread, since a pager that waits for a key must not keep sources from
    being read. Beyond a limit lines are left out, and one says how many.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        missed: Callable[[int], str],
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Start empty.

        Args:
            write: Writes and flushes whole lines; called in a thread, one call at a time.
            missed: The line in place of so many that were left out.
            max_waiting: Lines that may wait.
        """
        self._write = write
        self._missed_line = missed
        self._max_waiting = max_waiting
        self._waiting: deque[str] = deque()
        self._missed = 0
        self._news = asyncio.Event()
        self._is_complete = False

    def put(self, line: str) -> None:
        """Add a line, without its end."""
        if len(self._waiting) < self._max_waiting:
            self._waiting.append(line)
        else:
            self._missed += 1
        self._news.set()

    @asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Write what is put in this block, all of it before the block ends.

        Raises:
            OSError: Writing failed, such as on a closed pipe; the block is cancelled then.
        """
        async with beside(self._drain()):
            yield
            self._is_complete = True
            self._news.set()

    async def _drain(self) -> None:
        is_last = False
        while not is_last:
            await self._news.wait()
            self._news.clear()
            is_last = self._is_complete
            while lines := self._take():
                await asyncio.to_thread(self._write, "".join(f"{line}\n" for line in lines))

    def _take(self) -> list[str]:
        lines = list(self._waiting)
        if self._missed:
            lines.append(self._missed_line(self._missed))
        self._waiting.clear()
        self._missed = 0
        return lines


@asynccontextmanager
async def beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run work beside a block, which waits for it at its end; if it fails, the block is cancelled.

    Raises:
        Exception: What the work or the block raised.
    """
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work)
            yield
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
