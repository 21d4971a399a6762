"""What the processes of the generator are told, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from newsclf.loadtest.load.arrivals import Schedule
from newsclf.loadtest.store.records import WorkerHealth
from newsclf.loadtest.store.samples import Samples


@dataclass(frozen=True, slots=True)
class Order:
    """What one worker is to send."""

    worker: int
    url: str
    headers: dict[str, str]
    auth: httpx.Auth | None
    bodies: list[bytes]
    headlines: int
    """In each body."""
    connections: int
    timeout_s: float
    """From the moment a request is due."""
    window_begin_ns: int
    window_end_ns: int
    schedule: Schedule | None
    """Of an open loop; in a closed loop each connection sends when it has its answer."""
    choices: Schedule
    """Payloads by number, in turn; a closed loop begins again at its end."""
    max_backlog: int
    max_requests: int | None
    """After which it sends no more."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What happened since the last one."""

    worker: int
    ok: int
    failed: int
    in_flight: int
    response_ms: list[float]


@dataclass(frozen=True, slots=True)
class Result:
    """All that a worker saw."""

    samples: Samples
    health: WorkerHealth
    connections_opened: int
    ended_early_ns: int | None
    """When it had sent all that it may, on the clock of the samples."""
