"""Ask all sources, each in a task of its own, so that none waits for another.

A source's next request waits until its last answer has been taken. So one that floods fills one
place in the queue, answers are taken in the order in which they came, and what was fetched is in
the record before its validators are used.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.schedule import DAY_S, Heard, Pace, quota_wait_s, wait_s

log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Requests in 24 hours that several sources share, such as those with one API key."""

    name: str
    per_day: int
    asked_at_s: tuple[float, ...] = ()
    """Requests before this run, ascending, on the clock of the poller (so mostly negative ages)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """A source in the eyes of the poller."""

    name: str
    host: str
    pace: Pace
    quota: Quota | None = None
    first_in_s: float = 0.0
    """Wait before the first request, so that a restart asks nothing twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Clock, sleep and chance of a poller."""

    clock: Callable[[], float]
    """Seconds, never set back."""
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]
    """Uniform in [0, 1)."""


class HostGate:
    """Lets requests to one host through: a few at a time, apart from each other, in order.

    Args:
        timing: Clock and sleep.
        at_once: Requests that may be under way.
        apart_s: Between the starts of two requests.
    """

    def __init__(self, timing: Timing, *, at_once: int, apart_s: float) -> None:
        self._timing = timing
        self._least_apart_s = self._apart_s = apart_s
        self._slots = asyncio.Semaphore(at_once)
        self._next = asyncio.Lock()
        self._open_at_s = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep a slot until the block ends."""
        async with self._slots:
            async with self._next:
                await self._until_open()
                self._open_at_s = self._timing.clock() + self._apart_s
            yield

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while, because the host asked so."""
        self._open_at_s = max(self._open_at_s, self._timing.clock() + min(seconds, DAY_S))

    def keep_apart(self, seconds: float) -> None:
        """Let requests through at this distance, if it is more than the usual one."""
        before, self._apart_s = self._apart_s, max(self._least_apart_s, min(seconds, DAY_S))
        if self._apart_s > before:
            self.hold(self._apart_s)

    async def _until_open(self) -> None:
        # The host may ask for more while this waits.
        while (left_s := self._open_at_s - self._timing.clock()) > 0:
            await self._timing.sleep(left_s)


class QuotaGate:
    """Lets as many requests through as a quota allows, in order."""

    def __init__(self, timing: Timing, quota: Quota) -> None:
        self._timing = timing
        self._per_day = quota.per_day
        self._asked_at_s = list(quota.asked_at_s)
        self._next = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until the quota has room, and use it."""
        async with self._next:
            while left_s := quota_wait_s(
                self._per_day, self._asked_at_s, now_s=self._timing.clock()
            ):
                await self._timing.sleep(left_s)
            now_s = self._timing.clock()
            del self._asked_at_s[: bisect_left(self._asked_at_s, now_s - DAY_S)]
            self._asked_at_s.append(now_s)


class Poller(Generic[_T]):
    """Asks each source when it is due.

    Args:
        sources: With different names.
        ask: Asks a source once: fetches and reads it. Returns what the answer says about the next
            request, and the answer.
        timing: Clock, sleep and chance.
        at_once: Requests to one host that may be under way.
        apart_s: Between the starts of two requests to one host.
    """

    def __init__(
        self,
        sources: Sequence[Polled],
        ask: Callable[[str], Awaitable[tuple[Heard, _T]]],
        timing: Timing,
        *,
        at_once: int = 2,
        apart_s: float = 1.0,
    ) -> None:
        self._sources = sources
        self._ask = ask
        self._timing = timing
        self._hosts = {s.host: HostGate(timing, at_once=at_once, apart_s=apart_s) for s in sources}
        quotas = {s.quota.name: s.quota for s in sources if s.quota}
        self._quotas = {name: QuotaGate(timing, quota) for name, quota in quotas.items()}
        # It holds one answer of each source at most: the next is asked for when that was taken.
        self._answers: asyncio.Queue[tuple[str, _T, asyncio.Event]] = asyncio.Queue()

    async def run(self, take: Callable[[str, _T], Awaitable[None]]) -> None:
        """Ask for ever, and hand the answers over, one at a time, in the order in which they came.

        Args:
            take: Takes a source's name and its answer. What it raises ends the run.
        """
        async with asyncio.TaskGroup() as tasks:
            for source in self._sources:
                tasks.create_task(self._poll(source), name=source.name)
            while True:
                name, answer, taken = await self._answers.get()
                await take(name, answer)
                taken.set()

    async def _poll(self, source: Polled) -> None:
        await self._timing.sleep(source.first_in_s)
        broken = 0
        while True:
            if source.quota:
                await self._quotas[source.quota.name].turn()
            answer: _T | None = None
            try:
                async with self._hosts[source.host].turn():
                    heard, answer = await self._ask(source.name)
                broken = 0
            except Exception as problem:  # noqa: BLE001 - one source must not end the others
                # The text of an unforeseen error may hold the URL with its key.
                log.error("%s: could not be read (%s)", source.name, type(problem).__name__)  # noqa: TRY400
                broken += 1
                heard = Heard(outcome=Outcome.FAILED, failures=broken)
            answered_at_s = self._timing.clock()
            if heard.crawl_delay_s is not None:
                self._hosts[source.host].keep_apart(heard.crawl_delay_s)
            if heard.retry_after_s and not heard.outcome.delivers:
                self._hosts[source.host].hold(heard.retry_after_s)
            if answer is not None:
                taken = asyncio.Event()
                await self._answers.put((source.name, answer, taken))
                await taken.wait()
            pause_s = wait_s(self._share(source), heard, chance=self._timing.chance())
            await self._timing.sleep(max(0.0, answered_at_s + pause_s - self._timing.clock()))

    def _share(self, source: Polled) -> Pace:
        """The pace with an equal share of the quota, lest the first source use it up."""
        if source.quota is None:
            return source.pace
        sharing = sum(1 for s in self._sources if s.quota and s.quota.name == source.quota.name)
        per_day = source.quota.per_day / sharing
        pace = source.pace
        return Pace(
            every_s=pace.every_s,
            at_least_s=pace.at_least_s,
            at_most_s=pace.at_most_s,
            per_day=min(per_day, pace.per_day) if pace.per_day else per_day,
        )
