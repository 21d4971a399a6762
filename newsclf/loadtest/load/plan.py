"""Plan of a load test: loads, schedules and seeds, from what the user chose."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from newsclf.common.errors import ConfigError, reason_of
from newsclf.loadtest.load import arrivals
from newsclf.loadtest.load.arrivals import Schedule
from newsclf.loadtest.store.records import Load

_CLOSED_CHOICES = 100_000
DEFAULT_CONCURRENCY = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded arrival times of requests."""

    timestamps_s: Sequence[float]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadChoice:
    """What the user chose; nothing chosen means a closed loop of 1 to 32 users."""

    concurrency: Sequence[int] = ()
    rates_per_s: Sequence[float] = ()
    arrival: Literal["poisson", "constant"] = "poisson"
    stairs_per_s: Sequence[float] = ()
    burst: int | None = None
    replay: Replay | None = None
    warmup_s: float
    duration_s: float
    max_in_flight: int = 256
    """Most requests of an open loop that wait for an answer at once."""


def make_loads(choice: LoadChoice) -> list[Load]:
    """The loads of a run, in the order in which they are measured."""
    timing: dict[str, Any] = {"warmup_s": choice.warmup_s, "duration_s": choice.duration_s}
    open_loop = timing | {"max_in_flight": choice.max_in_flight}
    at_once = open_loop | {"warmup_s": 0.0, "duration_s": 1.0}
    loads = [
        Load(model=choice.arrival, rate_per_s=rate, **open_loop) for rate in choice.rates_per_s
    ]
    if choice.stairs_per_s:
        loads.append(Load(model="stairs", rates_per_s=list(choice.stairs_per_s), **open_loop))
    if choice.burst is not None:
        loads.append(Load(model="burst", requests=choice.burst, **at_once))
    if choice.replay is not None:
        moments = choice.replay.timestamps_s
        at_once["duration_s"] = max(moments) - min(moments) + 1
        loads.append(Load(model="replay", timestamps_sha256=choice.replay.sha256, **at_once))
    concurrency = choice.concurrency or (() if loads else DEFAULT_CONCURRENCY)
    return [
        Load(model="closed", concurrency=users, max_in_flight=users, **timing)
        for users in concurrency
    ] + loads


def read_replay(path: Path) -> Replay:
    """Read seconds, one per line; ConfigError if the file holds something else, or nothing."""
    hint = "--replay reads seconds, one per line"
    try:
        text = path.read_bytes()
        moments = [float(line) for line in text.split()]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {reason_of(error)}", hint=hint) from None
    if not moments or not all(map(math.isfinite, moments)):
        raise ConfigError(f"{path}: no seconds in it", hint=hint)
    return Replay(moments, hashlib.sha256(text).hexdigest())


def point_id(load: Load, repeat: int, prefix: str = "") -> str:
    """The name of a point: `closed-8-r1`, `poisson-120-r2`."""
    size = load.concurrency or load.rate_per_s or load.requests or len(load.rates_per_s or ())
    parts = [prefix, load.model, f"{size:g}" if size else "", f"r{repeat}"]
    return "-".join(filter(None, parts))


def interleaved(loads: Sequence[Load], repeats: int) -> list[tuple[Load, int]]:
    """Every load with its repeat: ABC CBA ABC, so that a slow drift does not favour one."""
    return [
        (load, repeat)
        for repeat in range(1, repeats + 1)
        for load in (loads if repeat % 2 else reversed(loads))
    ]


def make_schedule(
    load: Load, seed: int, timestamps_s: Sequence[float] | None = None
) -> Schedule | None:
    """When requests are due, warm-up included; None for a closed loop."""
    whole_s = load.warmup_s + load.duration_s
    if load.model == "constant" and load.rate_per_s:
        return arrivals.constant(load.rate_per_s, whole_s)
    if load.model == "poisson" and load.rate_per_s:
        return arrivals.poisson(load.rate_per_s, whole_s, seed=seed)
    if load.model == "stairs" and load.rates_per_s:
        step_s = load.duration_s / len(load.rates_per_s)
        return arrivals.stairs(load.rates_per_s, step_s, warmup_s=load.warmup_s, seed=seed)
    if load.model == "burst" and load.requests:
        return arrivals.burst(load.requests)
    if load.model == "replay" and timestamps_s is not None:
        return arrivals.replay(timestamps_s)
    return None


def choose_payloads(due: Schedule | None, payloads: int, seed: int) -> Schedule:
    """Index of the payload of each request; in a closed loop, of the first 100,000."""
    rng = np.random.default_rng([seed, 1])
    return rng.integers(0, payloads, size=_CLOSED_CHOICES if due is None else len(due))


def point_seed(seed: int, point: str) -> int:
    """The seed of a point, which does not depend on the order of the points."""
    return int.from_bytes(hashlib.sha256(f"{seed} {point}".encode()).digest()[:8])
