"""Measure what a deployment can take, and write down everything that the figures come from."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from newsclf.common.errors import (
    CheckFailedError,
    ConfigError,
    InterruptedRunError,
    NewsclfError,
    ServiceError,
    StateError,
    TargetError,
)
from newsclf.common.machine import available_cores, cpu_name
from newsclf.common.state_dir import private_folder
from newsclf.costs.prices import PriceBook
from newsclf.deploy.client import Address
from newsclf.loadtest.generator import preflight
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.load import plan
from newsclf.loadtest.load.payloads import SAMPLE_NAME, describe, make_bodies, read_headlines
from newsclf.loadtest.points import Callbacks, RunContext, StoppedError, measure, search_rate
from newsclf.loadtest.recommender import Recommend, recommended
from newsclf.loadtest.report.run import report
from newsclf.loadtest.server_figures import ReadFigures, read_figures
from newsclf.loadtest.stop_conditions import (
    CostLimit,
    Interrupt,
    Limits,
    RequestLimit,
    StopCondition,
    StopConditions,
)
from newsclf.loadtest.store.records import Load, Machine, Objective, Run, Search, Summary
from newsclf.loadtest.store.run_folder import RunFolder, file_name

_COOLDOWN_S = 1.0
_PACKAGES = ("newsclf", "httptools", "httpx", "numpy", "scipy", "uvloop")
FAILED = "not all could be measured: "
"""How the reason begins why a run ended without an instance."""
Kind = Literal["local", "url", "sagemaker", "api-gateway"]
"""What is measured: something on this machine, any address, an endpoint of AWS, or its API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something to measure."""

    instance: str
    """Such as `ml.c5.large`, `local:2` or `url`."""
    kind: Kind
    identity: str
    """What it is, the same the next time; a port may have changed."""
    model_digest: str | None
    shares_host: bool
    open: Callable[[], AbstractContextManager[Address]]
    """Brings it up, if need be, and takes away again what it brought up."""
    figures: ReadFigures | None = None
    """Reads what the service measured by itself, if it does that."""
    region: str | None = None
    """Of AWS, which decides the prices."""
    usd_per_hour: float = 0.0
    """Of all its instances."""
    instance_count: int = 1
    """When the load test begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadtestRequest:
    """What to measure, and how."""

    subjects: Sequence[Subject]
    loads: Sequence[Load]
    objectives: Sequence[Objective] = ()
    payloads: Path | None = None
    text_column: str | None = None
    headlines_per_request: int = 1
    timeout_s: float = 30.0
    repeats: int = 1
    seed: int = 42
    workers: int = 1
    replay: plan.Replay | None = None
    prices: PriceBook
    price_as: str | None = None
    region: str = "us-east-1"
    utilisation: float = 0.5
    limits: Limits = field(default_factory=Limits)
    runs: Path
    """Where the folder of a new run goes."""
    resume: Path | None = None
    """The folder of a run to go on with."""
    recommend: Recommend | None = None
    """Runs SageMaker's Inference Recommender beside it."""


def loadtest(request: LoadtestRequest, callbacks: Callbacks) -> tuple[Path, Summary]:
    """Run the points of a load test that are not yet done, search for rates, and report.

    Ctrl-C once ends it in order: what was measured so far is a valid run, which `--resume` goes on
    with.

    Returns:
        The run's folder and what was found.

    An instance that the target refuses is left out, and named in the reason why the run ended.

    Raises:
        StateError: the folder to go on with holds another load test.
        TargetError: none could be deployed.
        RequestRejectedError: the target refuses what is sent.
        ServiceError: the target can't be reached, or answered nothing at all under a load.
        ConfigError: a price is missing.
        CheckFailedError: a limit of the request ended it before its first point was complete.
        InterruptedRunError: Ctrl-C did.
    """
    texts = read_headlines(request.payloads, request.text_column)
    run = _describe(request, texts)
    _check_names(request)
    folder, run = _open_folder(request, run)
    limits = request.limits
    interrupt = Interrupt()
    request_limit = RequestLimit(limits.max_requests, sent=folder.count_requests())
    cost_limit = CostLimit(limits.max_cost_usd, limits.usd_per_hour)
    stop = StopConditions(request_limit, cost_limit, interrupt)
    searches: list[Search] = []
    failed: list[TargetError] = []
    bodies = make_bodies(texts, "endpoint", request.headlines_per_request)
    with interrupt.on_signals():
        with (
            suppress(StoppedError),
            recommended(request.recommend, bodies, folder, lambda: stop.met() is None),
        ):
            for subject in request.subjects:
                if stop.met():
                    break
                try:
                    with subject.open() as address:
                        context = RunContext(
                            folder=folder,
                            target=_target(address, texts, request),
                            instance=subject.instance,
                            seed=request.seed,
                            workers=request.workers,
                            stop=stop,
                            request_limit=request_limit,
                            callbacks=callbacks,
                            timestamps_s=request.replay.timestamps_s if request.replay else None,
                        )
                        preflight.check(context.target)
                        alone_s = _run_points(context, request)
                        if request.objectives:
                            searches.append(search_rate(context, request.objectives, alone_s))
                except TargetError as error:  # such as a quota: the others can still be measured
                    failed.append(error)
            if failed and not folder.point_ids():
                raise failed[0]
        stopped_by = stop.met()
        figures = {subject.instance: subject.figures for subject in request.subjects}
        server_unread = read_figures(figures, folder, lambda: not interrupt.asked)
    if interrupt.asked:
        stopped_by = stopped_by or interrupt
    reason = stopped_by.reason() if stopped_by else None
    if failed and reason is None:
        reason = FAILED + "; ".join(error.message for error in failed)
    ended = {
        "interrupted": bool(reason),
        "stop_reason": reason,
        "server_unread": server_unread,
    }
    folder.write_run(run.model_copy(update=ended))
    folder.write_searches(searches)
    if not folder.point_ids():
        raise _nothing_measured(reason, stopped_by)
    return folder.path, report(folder.path)


def _nothing_measured(reason: str | None, stopped_by: StopCondition | None) -> NewsclfError:
    """Why there is no point to report, and what to do about it."""
    message = f"the load test ended before its first point was complete ({reason})"
    if stopped_by is not None and stopped_by.option:  # the same limit would end it again
        return CheckFailedError(message, hint=f"raise {stopped_by.option}")
    return InterruptedRunError(message, hint="run it again")


def _check_names(request: LoadtestRequest) -> None:
    """Two points of one name would be one; ConfigError if there are."""
    names = [
        plan.point_id(load, 1, file_name(subject.instance))
        for subject in request.subjects
        for load in request.loads
    ]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"the same point is asked for twice: {', '.join(sorted(twice))}",
            hint="--repeats measures each point again",
        )


def _describe(request: LoadtestRequest, texts: Sequence[str]) -> Run:
    payloads = describe(texts, request.payloads.name if request.payloads else SAMPLE_NAME)
    subjects = request.subjects
    # All that decides what is sent, and what is made of it.
    decisive = {
        "subjects": [(s.instance, s.identity, s.model_digest) for s in subjects],
        "loads": [load.model_dump() for load in request.loads],
        "objectives": [objective.model_dump() for objective in request.objectives],
        "payloads": payloads.sha256,
        "headlines_per_request": request.headlines_per_request,
        "timeout_s": request.timeout_s,
        "repeats": request.repeats,
        "seed": request.seed,
        "workers": request.workers,
        "priced": [request.price_as, request.region, request.utilisation],
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return Run(
        name=subjects[0].instance if len(subjects) == 1 else f"{len(subjects)} instances",
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        config_sha256=digest,
        target=", ".join(subject.identity for subject in subjects),
        kind=subjects[0].kind,
        model_digest=subjects[0].model_digest,
        seed=request.seed,
        loads=list(request.loads),
        repeats=request.repeats,
        objectives=list(request.objectives),
        payloads=payloads,
        headlines_per_request=request.headlines_per_request,
        timeout_s=request.timeout_s,
        machine=Machine(
            cpu=cpu_name(),
            cores=available_cores(),
            kernel=platform.platform(),
            python=platform.python_version(),
            packages={name: version(name) for name in _PACKAGES},
        ),
        shares_host=any(subject.shares_host for subject in subjects),
        price_as=request.price_as,
        region=request.region,
        instance_count=subjects[0].instance_count,
        utilisation=request.utilisation,
    )


def _open_folder(request: LoadtestRequest, run: Run) -> tuple[RunFolder, Run]:
    """The folder and the record of a new run, or of the one to go on with."""
    if request.resume is not None:
        folder = RunFolder(request.resume)
        begun = folder.read_run()
        if begun.config_sha256 != run.config_sha256:
            raise StateError(
                f"{request.resume} is a load test of something else, or with other loads, options"
                " or payloads",
                hint="give --resume the options of the first time, or begin a new run",
            )
        if begun.machine != run.machine:
            raise StateError(
                f"{request.resume} was begun on another machine or with other versions",
                hint="figures of two machines do not mix: begin a new run",
            )
        return folder, begun
    moment = run.started_utc.replace("+00:00", "Z").replace(":", "").replace("-", "")
    private_folder(request.runs)
    folder = RunFolder.create(request.runs / f"{moment}-{file_name(run.name)}")
    # Until it is, it is not finished, whatever ends it.
    folder.write_run(run.model_copy(update={"interrupted": True, "stop_reason": "not finished"}))
    folder.write_prices(request.prices)
    return folder, run


def _target(address: Address, texts: Sequence[str], request: LoadtestRequest) -> Target:
    return Target(
        url=address.url,
        headers=address.headers,
        auth=address.auth,
        bodies=make_bodies(texts, address.form, request.headlines_per_request),
        headlines_per_request=request.headlines_per_request,
        timeout_s=request.timeout_s,
    )


def _run_points(context: RunContext, request: LoadtestRequest) -> float | None:
    """Run all points; the service time of one request at a time, if it was among them."""
    prefix = file_name(context.instance)
    alone_s = None
    points = plan.interleaved(request.loads, request.repeats)
    for number, (load, repeat) in enumerate(points, start=1):
        if number > 1:
            context.stop.wait(_COOLDOWN_S)
        name = plan.point_id(load, repeat, prefix)
        summary = measure(context, load, repeat, name, f"{number} of {len(points)}").summary
        if summary.requests and summary.error_fraction == 1 and not context.stop.met():
            raise ServiceError(
                f"{summary.id}: not one of {summary.requests} requests was answered well"
                f" ({', '.join(f'{n} {what.lower()}' for what, n in summary.outcomes.items())})",
                hint=f"newsclf status; newsclf loadtest --resume {context.folder.path} goes on",
            )
        service_ms = summary.service_ms["p50"].value
        if load.concurrency == 1 and service_ms is not None:
            alone_s = service_ms / 1000
    return alone_s
