"""Messages between the load generator and its worker processes.

A worker gets a WorkerTask, answers with the Outcome for which it could not connect, or None, and
gets the start, a time of time.perf_counter_ns (on Linux and macOS one clock for all processes).
Then it sends a Progress several times a second, and at last a Result. Meanwhile it may be sent
DRAIN or CANCEL of `stop_conditions.condition`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from newsclf.loadtest.generator.expectation import PREDICTIONS, Expectation
from newsclf.loadtest.load.arrivals import Schedule
from newsclf.loadtest.store.records import Load, WorkerHealth
from newsclf.loadtest.store.samples import Samples


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go, and what is in them."""

    url: str
    headers: Mapping[str, str]
    """In addition to the content type; may hold a credential, so they are never written anywhere.
    """
    auth: httpx.Auth | None
    """Puts a credential into each request."""
    bodies: Sequence[bytes]
    headlines_per_request: int
    timeout_s: float
    """From the moment a request is due."""
    expected: Expectation = PREDICTIONS
    """What counts as a good answer."""


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """The part of a load that one worker sends."""

    target: Target
    load: Load
    """The whole load."""
    worker: int
    workers: int
    schedule: Schedule | None
    """None for a closed loop, where each connection sends when it has its answer."""
    choices: Schedule
    """Indices of payloads, in turn; a closed loop begins again at the end."""
    max_requests: int | None


@dataclass(slots=True)
class Progress:
    """What happened since the last one."""

    worker: int
    ok: int = 0
    failed: int = 0
    in_flight: int = 0
    response_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that a worker measured."""

    samples: Samples
    health: WorkerHealth
    connections_opened: int
    ended_early_ns: int | None
    """When it had sent as many requests as it may, on the clock of the samples."""
