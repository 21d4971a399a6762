"""Deliver alerts: to a command, and each channel by itself.

A failed delivery delays nothing: `Outbox` gives each channel a queue and records what became of
each alert. `webhook.py` has the other channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from newsclf.common.errors import reason_of
from newsclf.common.visible import visible
from newsclf.watch.record.rows import Delivery
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.source_alerts import SourceAlert

AnyAlert = Alert | SourceAlert | DriftAlert

_COMMAND_LIMIT_S = 30.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What a command gets of the environment: no API key of a source is among them."""
_SHOWN_BYTES = 300
_LONGEST_QUEUE = 1000


class Channel(Protocol):
    """Where alerts go."""

    @property
    def name(self) -> str:
        """What its deliveries are recorded under."""

    async def deliver(self, alert: AnyAlert) -> Delivery:
        """Send an alert and say what became of it."""


def alert_body(alert: AnyAlert) -> bytes:
    """An alert as it is sent: JSON, of the published schema."""
    return alert.model_dump_json().encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Runs a command for each alert, which it gets as JSON on standard input."""

    name: str
    arguments: Sequence[str]
    """The program and its arguments; no shell reads them."""
    environ: Mapping[str, str]
    limit_s: float = _COMMAND_LIMIT_S

    async def deliver(self, alert: AnyAlert) -> Delivery:
        """Run the command; after its time limit it is killed with all that it started."""
        problem = await self._problem(alert)
        return Delivery(
            alert=alert.id,
            channel=self.name,
            delivered=problem is None,
            attempts=1,
            problem=problem,
        )

    async def _problem(self, alert: AnyAlert) -> str | None:
        kept = {name: self.environ[name] for name in _KEPT_VARIABLES if name in self.environ}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.arguments,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=PIPE,
                env=kept | {"NEWSCLF_ALERT_ID": alert.id},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"it could not be started ({reason_of(error)})"
        try:
            async with asyncio.timeout(self.limit_s):
                _, said = await asyncio.gather(_feed(process, alert_body(alert)), _end_of(process))
                code = await process.wait()
        except TimeoutError:
            await _kill(process)
            return f"it took longer than {self.limit_s:g} s and was killed"
        except asyncio.CancelledError:
            await _kill(process)
            raise
        if code == 0:
            return None
        return f"it ended with {code}" + (f": {said}" if said else "")


class Outbox:
    """Queues of alerts, one for each channel, so that a slow channel delays no other.

    Use it as an asynchronous context manager. What is still queued at its end has no delivery on
    record, and so is sent when the watch goes on.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        record: Callable[[Delivery], None],
        *,
        may_send: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Take the channels.

        Args:
            channels: Where alerts go.
            record: Called with what became of each alert.
            may_send: Whether alerts may still be sent to a channel, given by its name; what is
                queued is dropped otherwise.
        """
        self._channels = channels
        self._record = record
        self._may_send = may_send
        self._queues: dict[str, asyncio.Queue[AnyAlert]] = {}
        self._given: dict[str, set[str]] = {channel.name: set() for channel in channels}
        """Ids of alerts that were queued or sent."""
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to deliver."""
        for channel in self._channels:
            queue = self._queues[channel.name] = asyncio.Queue(_LONGEST_QUEUE)
            self._tasks.append(asyncio.create_task(self._deliver_all(channel, queue)))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def send(self, alert: AnyAlert, *, to: str | None = None) -> None:
        """Queue an alert for a channel, or each, unless it was queued before; returns at once."""
        for name, queue in self._queues.items():
            if to not in (None, name) or alert.id in self._given[name]:
                continue
            self._given[name].add(alert.id)
            try:
                queue.put_nowait(alert)
            except asyncio.QueueFull:
                self._fail(alert, name, f"{_LONGEST_QUEUE} others are waiting")

    async def settle_of(self, channel: str) -> None:
        """Wait until everything queued so far for a channel was delivered or given up."""
        await self._queues[channel].join()

    async def _deliver_all(self, channel: Channel, queue: asyncio.Queue[AnyAlert]) -> None:
        while True:
            alert = await queue.get()
            try:
                if self._may_send(channel.name):
                    self._record(await channel.deliver(alert))
                else:
                    self._given[channel.name].discard(alert.id)
            except Exception as error:  # noqa: BLE001 - one alert must not stop those behind it
                self._fail(alert, channel.name, f"an unexpected {type(error).__name__}")
            finally:
                queue.task_done()

    def _fail(self, alert: AnyAlert, channel: str, problem: str) -> None:
        self._record(
            Delivery(alert=alert.id, channel=channel, delivered=False, attempts=0, problem=problem)
        )


async def _feed(process: Process, body: bytes) -> None:
    """Write an alert to a command, which may end without reading it."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(body)
            await process.stdin.drain()
        process.stdin.close()


async def _end_of(process: Process) -> str:
    """The last line that a command writes to standard error, which may be endless."""
    end = b""
    if process.stderr is not None:
        while chunk := await process.stderr.read(1 << 16):
            end = (end + chunk)[-_SHOWN_BYTES:]
    lines = end.decode(errors="replace").strip().splitlines()
    return visible(lines[-1]) if lines else ""


async def _kill(process: Process) -> None:
    """Kill a command and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
