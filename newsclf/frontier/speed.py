"""Speed of models behind their real server, measured by the load generator in turns."""

from __future__ import annotations

import datetime as dt
import math
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean, median
from typing import Any

from newsclf.common.errors import ConfigError, InterruptedRunError, ServiceError
from newsclf.common.intervals import Interval
from newsclf.common.machine import available_cores, cpu_name, instruction_sets
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.store import temporary_name
from newsclf.frontier.records import FAILED, OPEN_LOAD, Host, Speed
from newsclf.frontier.rows import Named
from newsclf.frontier.store import StartUp, Store, key_of
from newsclf.loadtest.generator import preflight
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.load.payloads import make_bodies
from newsclf.loadtest.load.plan import point_id
from newsclf.loadtest.points import Callbacks, RunContext, StoppedError, measure
from newsclf.loadtest.stop_conditions.condition import StopConditions
from newsclf.loadtest.stop_conditions.interrupt import Interrupt
from newsclf.loadtest.stop_conditions.limits import RequestLimit
from newsclf.loadtest.store.records import Load, PointSummary
from newsclf.loadtest.store.run_folder import RunFolder
from newsclf.model.directory import ENGINE_FILES

_PACKAGES = ("newsclf", "onnxruntime", "openvino", "tokenizers", "aiohttp", "uvloop")
_TIMEOUT_S = 30.0
_IN_FLIGHT = 256
_SEED = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRequest:
    """How speeds are measured."""

    cores: int = 1
    """Cores that a server is pinned to."""
    users: int = 8
    """Users of the full load, on each core."""
    utilisation: float = 0.5
    """Rate of the open load, as a share of what the full load gave."""
    rounds: int = 3
    warmup_s: float = 2.0
    duration_s: float = 10.0
    texts: Sequence[str] = field(default_factory=list)
    """Headlines to send, one in each request."""
    state_dir: Path
    again: bool = False
    """Measure again what is already there."""

    def __post_init__(self) -> None:
        """Check the cores.

        Raises:
            ConfigError: The machine has fewer.
        """
        if self.cores > available_cores():
            raise ConfigError(f"--cores {self.cores}: this machine has {available_cores()}")

    @property
    def words(self) -> str:
        """The loads in words."""
        rounds = f"{self.rounds} round{'s' * (self.rounds > 1)}"
        return (
            f"{self.users * self.cores} users who wait for their answer, then Poisson arrivals at"
            f" {100 * self.utilisation:g} % of that rate, {self.duration_s:g} s each after"
            f" {self.warmup_s:g} s of warm-up; {rounds}, in which the models take turns; one"
            " headline in each request"
        )


def this_machine() -> Host:
    """The machine and the software that decide a speed."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # of an extra
            continue
    return Host(
        cpu=cpu_name(),
        instruction_sets=instruction_sets(),
        cores=available_cores(),
        versions=versions,
    )


def speeds_of(
    models: Sequence[Named], request: SpeedRequest, store: Store, callbacks: Callbacks
) -> dict[str, Speed]:
    """Measure models in turns, so that a drift of the machine favours none.

    Rounds that are kept are not measured again. One Ctrl-C ends it in order.

    Returns:
        Digest of each model → its speed.

    Raises:
        InterruptedRunError: Ctrl-C; what was complete is kept.
        TargetError: A server did not become ready.
        ServiceError: A server answered nothing at all.
    """
    interrupt = Interrupt()
    measuring = _Measuring(
        request=request, store=store, callbacks=callbacks, stop=StopConditions(interrupt)
    )
    rounds: dict[str, list[_Round]] = {each.digest: [] for each in models}
    with interrupt.on_signals():
        if request.again:  # all at once, so that what goes on after Ctrl-C finds no old ones
            for each in models:
                for number in range(1, request.rounds + 1):
                    store.discard(store.round_folder(each.digest, _key(request), number))
        for number in range(1, request.rounds + 1):
            # ABC CBA ABC: a slow drift of the machine is the same for all.
            for named in models if number % 2 else reversed(models):
                rounds[named.digest].append(_measure(named, number, measuring))
    return {each.digest: _speed(each, rounds[each.digest], request) for each in models}


@dataclass(frozen=True, slots=True)
class _Round:
    full: PointSummary
    open: PointSummary
    start_up: StartUp


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measuring:
    """What all rounds share."""

    request: SpeedRequest
    store: Store
    callbacks: Callbacks
    stop: StopConditions


def _measure(named: Named, number: int, measuring: _Measuring) -> _Round:
    """One round of a model; one that is kept is read instead.

    Raises:
        InterruptedRunError: Ctrl-C.
    """
    request, store = measuring.request, measuring.store
    folder = store.round_folder(named.digest, _key(request), number)
    start_up = store.start_up(folder)
    place = f"{named.name}, round {number} of {request.rounds}"
    if start_up is None and measuring.stop.met():
        raise _interrupted()
    try:
        if start_up is not None:  # both points of it are on the disk, so no server is asked
            context = _context(folder, "", measuring)
            return _Round(*_points(context, request, number, place), start_up)
        with _served(named, request) as (url, seconds):
            context = _context(folder, url, measuring)
            preflight.check(context.target)
            full, opened = _points(context, request, number, place)
    except StoppedError:
        raise _interrupted() from None
    start_up = StartUp(seconds=seconds, measured_on=dt.datetime.now(dt.UTC).date().isoformat())
    store.keep_start_up(folder, start_up)
    return _Round(full, opened, start_up)


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError(
        "interrupted; what was measured is kept",
        hint="the same command, without --again, goes on from there",
    )


def _points(
    context: RunContext, request: SpeedRequest, number: int, place: str
) -> tuple[PointSummary, PointSummary]:
    """The full load, and the open load at a share of its rate."""

    def measured(load: Load) -> PointSummary:
        point, _, summary = measure(context, load, number, point_id(load, number), place)
        if point.interrupted:
            raise StoppedError
        if summary.throughput_per_s <= 0:
            raise ServiceError(
                f"{place}: not one of {summary.requests} requests was answered well",
                hint="newsclf serve MODEL shows the server in the foreground",
            )
        return summary

    timing: dict[str, Any] = {"warmup_s": request.warmup_s, "duration_s": request.duration_s}
    users = request.users * request.cores
    full = measured(Load(model="closed", concurrency=users, max_in_flight=users, **timing))
    rate = float(f"{request.utilisation * full.throughput_per_s:.3g}")
    return full, measured(
        Load(model="poisson", rate_per_s=rate, max_in_flight=_IN_FLIGHT, **timing)
    )


def _context(folder: RunFolder, url: str, measuring: _Measuring) -> RunContext:
    request = measuring.request
    return RunContext(
        folder=folder,
        target=Target(
            url=url,
            headers={},
            auth=None,
            bodies=make_bodies(request.texts, "endpoint", 1),
            headlines_per_request=1,
            timeout_s=_TIMEOUT_S,
        ),
        instance=f"local:{request.cores}",
        seed=_SEED,
        workers=1,
        stop=measuring.stop,
        request_limit=RequestLimit(None),
        callbacks=measuring.callbacks,
    )


@contextmanager
def _served(named: Named, request: SpeedRequest) -> Iterator[tuple[str, float]]:
    """A model's server on its cores: address, and the seconds that its start took."""
    target = LocalTarget(request.state_dir)
    name = temporary_name("frontier")
    began_s = time.monotonic()
    deployment, _ = target.deploy(
        name, named.model.folder, workers=request.cores, cores=request.cores
    )
    seconds = time.monotonic() - began_s
    try:
        yield target.address(deployment, direct=True).url, seconds
    finally:
        target.teardown(name)


def _key(request: SpeedRequest) -> str:
    """What decides a speed, apart from the model."""
    return key_of(
        [request.cores, request.users, request.utilisation, request.warmup_s, request.duration_s],
        list(request.texts),
        this_machine().model_dump(),
    )


def _speed(named: Named, rounds: Sequence[_Round], request: SpeedRequest) -> Speed:
    opened = [each.open for each in rounds]
    names = opened[0].response_ms.keys()
    return Speed(
        cores=request.cores,
        rounds=len(rounds),
        per_core_per_s=_rate([each.full for each in rounds], request.cores),
        users=request.users * request.cores,
        open_per_s=fmean(each.throughput_per_s for each in opened),
        percentiles_ms={
            name: middle_of_rounds([p.response_ms[name] for p in opened]) for name in names
        },
        mean_ms=fmean(each.mean_ms for each in opened),
        failed_fraction=max(each.error_fraction for each in opened),
        start_up_s=median(each.start_up.seconds for each in rounds),
        serving_bytes=sum((named.model.folder / name).stat().st_size for name in ENGINE_FILES),
        measured_on=max(each.start_up.measured_on for each in rounds),
        doubts=_doubts(rounds),
    )


def _rate(points: Sequence[PointSummary], cores: int) -> Interval:
    """Requests per second and core, with the t interval of the rounds' geometric mean."""
    rates = [each.throughput_per_s / cores for each in points]
    if len(rates) == 1:
        known = points[0].throughput_interval
        ends = [None if end is None else end / cores for end in (known.low, known.high)]
        return Interval(value=rates[0], low=ends[0], high=ends[1])
    from scipy import stats

    logs = [math.log(rate) for rate in rates]
    mean, error = fmean(logs), float(stats.sem(logs))
    reach = float(stats.t.ppf(0.975, len(logs) - 1)) * error
    return Interval(value=math.exp(mean), low=math.exp(mean - reach), high=math.exp(mean + reach))


def middle_of_rounds(figures: Sequence[Interval]) -> Interval:
    """The median figure, from the least low end to the greatest high one, if each round has one."""
    values = [each.value for each in figures if each.value is not None]
    lows = [each.low for each in figures if each.low is not None]
    highs = [each.high for each in figures if each.high is not None]
    return Interval(
        value=median(values) if values else None,
        low=min(lows) if len(lows) == len(figures) else None,
        high=max(highs) if len(highs) == len(figures) else None,
    )


def _doubts(rounds: Sequence[_Round]) -> list[str]:
    """Verdicts other than OK, in words."""
    words = {
        "CLIENT-LIMITED": "the load generator was the limit, so the server can do more",
        "UNSTABLE": "no steady state was reached",
        "ERRORS": FAILED,
    }
    found = []
    for name, points in (
        ("full load", [each.full for each in rounds]),
        (OPEN_LOAD, [each.open for each in rounds]),
    ):
        for verdict, meaning in words.items():
            if count := sum(point.verdict == verdict for point in points):
                found.append(f"{name}: in {count} of {len(points)} rounds {meaning}")
    return found
