"""Run a load test, and keep everything that its figures come from."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

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
from newsclf.costs.formulas import RequestPath, path_prices
from newsclf.costs.instances import check_measured_on_cpu
from newsclf.costs.prices import PriceBook
from newsclf.deploy.client import Address
from newsclf.loadtest.generator import preflight
from newsclf.loadtest.generator.expectation import PREDICTIONS, Expectation
from newsclf.loadtest.generator.messages import Target
from newsclf.loadtest.load import plan
from newsclf.loadtest.load.body_template import BodyTemplate
from newsclf.loadtest.load.payloads import SAMPLE_NAME, describe, make_bodies, read_headlines
from newsclf.loadtest.points import Callbacks, RunContext, StoppedError, measure, search_rate
from newsclf.loadtest.recommender import recommended
from newsclf.loadtest.report.run import report
from newsclf.loadtest.server_figures import read_figures
from newsclf.loadtest.stop_conditions.condition import StopCondition, StopConditions
from newsclf.loadtest.stop_conditions.interrupt import Interrupt
from newsclf.loadtest.stop_conditions.limits import CostLimit, RequestLimit
from newsclf.loadtest.store.records import Load, Machine, Objective, Run, Search, Summary
from newsclf.loadtest.store.run_folder import RunFolder, file_name
from newsclf.loadtest.subjects import Subjects

_COOLDOWN_S = 1.0
_PACKAGES = ("newsclf", "httptools", "httpx", "numpy", "scipy", "uvloop")
_DEFAULT_REGION = "us-east-1"
FAILED = "not all could be measured: "
"""Beginning of the reason why a run ended without an instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadtestRequest:
    """What to measure, and how."""

    subjects: Subjects
    loads: Sequence[Load]
    objectives: Sequence[Objective] = ()
    payloads: Path | None = None
    text_column: str | None = None
    headlines_per_request: int = 1
    body: BodyTemplate | None = None
    """Of the requests to an API that is not newsclf's."""
    expected: Expectation = PREDICTIONS
    """What counts as a good answer."""
    timeout_s: float = 30.0
    repeats: int = 1
    seed: int = 42
    workers: int = 1
    replay: plan.Replay | None = None
    prices: PriceBook
    price_as: str | None = None
    region: str | None = None
    """AWS region of the prices; None: that of the first subject."""
    utilisation: float = 0.5
    max_requests: int | None = None
    max_cost_usd: float | None = None
    runs: Path
    """Folder for the folder of a new run."""
    resume: Path | None = None
    """Folder of a run to resume."""


def loadtest(request: LoadtestRequest, callbacks: Callbacks) -> tuple[Path, Summary]:
    """Run the points of a load test that are not yet done, search for rates, and report.

    One Ctrl-C ends it in order: what was measured so far is a valid run, which can be resumed. An
    instance that the target refuses is left out, and named in the reason why the run ended.

    Returns:
        The run's folder and summary.

    Raises:
        StateError: The folder to resume holds another load test.
        TargetError: None of the instances could be deployed.
        RequestRejectedError: The target refuses what is sent.
        ServiceError: The target can't be reached, or answered nothing at all under a load.
        ConfigError: A price is missing, or two points would have the same name.
        CheckFailedError: A limit of the request ended the run before its first point was complete.
        InterruptedRunError: Ctrl-C did.
    """
    billed_usd_per_hour = usd_per_hour(request)
    texts = read_headlines(request.payloads, request.text_column)
    run = _describe(request, texts)
    _check_names(request)
    folder, run = _open_folder(request, run)
    interrupt = Interrupt()
    request_limit = RequestLimit(request.max_requests, sent=_sent(folder))
    spent_usd = _measured_s(folder) / 3600 * billed_usd_per_hour
    cost_limit = CostLimit(request.max_cost_usd, billed_usd_per_hour, spent_usd)
    stop = StopConditions(request_limit, cost_limit, interrupt)
    searches: list[Search] = []
    failed: list[TargetError] = []
    bodies = make_bodies(texts, "endpoint", request.headlines_per_request)
    with interrupt.on_signals():
        with (
            suppress(StoppedError),
            recommended(request.subjects.recommend, bodies, folder, lambda: stop.met() is None),
        ):
            for subject in request.subjects.found:
                if stop.met():
                    break
                try:
                    with subject.open() as address:
                        context = RunContext(
                            folder=folder,
                            target=_target(address, texts, request),
                            instance=subject.hosting.instance,
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
            if failed and not folder.points():
                raise failed[0]
        stopped_by = stop.met()
        hostings = [subject.hosting for subject in request.subjects.found]
        figures = {each.instance: each.figures for each in hostings if each.figures}
        unread = read_figures(figures, folder, lambda: not interrupt.asked)
    if interrupt.asked:
        stopped_by = stopped_by or interrupt
    reason = stopped_by.reason() if stopped_by else None
    if failed and reason is None:
        reason = FAILED + "; ".join(error.message for error in failed)
    ended = {"interrupted": bool(reason), "stop_reason": reason, "server_unread": unread}
    folder.write_run(run.model_copy(update={**ended, **_instances(run, request)}))
    folder.write_searches(searches)
    if not folder.points():
        raise _nothing_measured(reason, stopped_by)
    return folder.path, report(folder.path)


def _instances(run: Run, request: LoadtestRequest) -> dict[str, object]:
    """How many instances there were at most, and whether autoscaling changed their number."""
    counts = {run.instance_count}
    for subject in request.subjects.found:
        if subject.hosted_now is not None:
            looks = (subject.hosting, subject.hosted_now())
            counts |= {each.instance_count for each in looks if each.is_counted}
    return {"instance_count": max(counts), "rescaled": run.rescaled or len(counts) > 1}


def _sent(folder: RunFolder) -> int:
    """Requests of the points that are complete."""
    run = folder.load()
    return sum(len(run.samples(point.id)) for point in run.points)


def _measured_s(folder: RunFolder) -> float:
    """How long the points that are complete were loaded."""
    return sum(point.window_end_ns for point in folder.points()) / 1e9


def usd_per_hour(request: LoadtestRequest) -> float:
    """What the run is billed by the hour; a machine of your own counts at the price of --price-as.

    Raises:
        ConfigError: A price is missing, which is said before anything is measured.
    """
    region, prices = _region(request), request.prices
    path_prices(prices, region, RequestPath())
    prices.serverless_price(region)
    billed = max(each.hosting.usd_per_hour for each in request.subjects.found)
    if request.price_as:
        if any(subject.hosting.kind == "local" for subject in request.subjects.found):
            check_measured_on_cpu(request.price_as, "--price-as")
        billed = billed or prices.hosting_usd_per_hour(request.price_as, region)
    billed += request.subjects.recommender_usd_per_hour
    if request.max_cost_usd is not None and not billed:
        raise ConfigError("--max-cost needs a price", hint="--price-as ml.c5.large gives it one")
    return billed


def _region(request: LoadtestRequest) -> str:
    return request.region or request.subjects.found[0].hosting.region or _DEFAULT_REGION


def _nothing_measured(reason: str | None, stopped_by: StopCondition | None) -> NewsclfError:
    """Why there is no point to report, and what to do about it."""
    message = f"the load test ended before its first point was complete ({reason})"
    if stopped_by is not None and stopped_by.option:  # the same limit would end it again
        return CheckFailedError(message, hint=f"raise {stopped_by.option}")
    return InterruptedRunError(message, hint="run it again")


def _check_names(request: LoadtestRequest) -> None:
    """Raise ConfigError if two points have the same name, since they would be one."""
    names = [
        plan.point_id(load, 1, file_name(subject.hosting.instance))
        for subject in request.subjects.found
        for load in request.loads
    ]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"the same point is asked for twice: {', '.join(sorted(twice))}",
            hint="--repeats measures each point again",
        )


def _describe(request: LoadtestRequest, texts: Sequence[str]) -> Run:
    payloads = describe(texts, request.payloads.name if request.payloads else SAMPLE_NAME)
    subjects, region = request.subjects.found, _region(request)
    first = subjects[0].hosting
    # Everything that decides what is sent, and what is made of it.
    decisive = {
        "subjects": [(s.hosting.instance, s.identity, s.model_digest) for s in subjects],
        "loads": [load.model_dump() for load in request.loads],
        "objectives": [objective.model_dump() for objective in request.objectives],
        "payloads": payloads.sha256,
        "headlines_per_request": request.headlines_per_request,
        "body": request.body.sha256 if request.body else None,
        "expect": str(request.expected),
        "timeout_s": request.timeout_s,
        "repeats": request.repeats,
        "seed": request.seed,
        "workers": request.workers,
        "priced": [request.price_as, region, request.utilisation],
    }
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return Run(
        name=first.instance if len(subjects) == 1 else f"{len(subjects)} instances",
        started_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        config_sha256=digest,
        target=", ".join(subject.identity for subject in subjects),
        kind=first.kind,
        model_digest=subjects[0].model_digest,
        seed=request.seed,
        loads=list(request.loads),
        repeats=request.repeats,
        objectives=list(request.objectives),
        payloads=payloads,
        headlines_per_request=request.headlines_per_request,
        body_sha256=request.body.sha256 if request.body else None,
        expect=str(request.expected),
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
        region=region,
        instance_count=first.instance_count,
        utilisation=request.utilisation,
    )


def _open_folder(request: LoadtestRequest, run: Run) -> tuple[RunFolder, Run]:
    """Folder and record of a new run, or of the one to resume."""
    if request.resume is not None:
        folder = RunFolder(request.resume)
        begun = folder.read_run()
        if begun.config_sha256 != run.config_sha256:
            raise StateError(
                f"{request.resume} is a load test of something else, or with other loads, options"
                " or payloads",
                hint="give --resume the options of the first time, or start a new run",
            )
        if begun.machine != run.machine:
            raise StateError(
                f"{request.resume} was begun on another machine or with other versions",
                hint="figures of two machines do not mix: start a new run",
            )
        return folder, begun
    moment = run.started_utc.replace("+00:00", "Z").replace(":", "").replace("-", "")
    private_folder(request.runs)
    folder = RunFolder.create(request.runs / f"{moment}-{file_name(run.name)}")
    # Whatever ends the run, it is unfinished until its end is written.
    folder.write_run(run.model_copy(update={"interrupted": True, "stop_reason": "not finished"}))
    folder.write_prices(request.prices)
    return folder, run


def _target(address: Address, texts: Sequence[str], request: LoadtestRequest) -> Target:
    return Target(
        url=address.url,
        headers=address.headers,
        auth=address.auth,
        bodies=make_bodies(texts, address.form, request.headlines_per_request, request.body),
        headlines_per_request=request.headlines_per_request,
        timeout_s=request.timeout_s,
        expected=request.expected,
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
                hint=f"newsclf status; newsclf loadtest --resume {context.folder.path} continues",
            )
        service_ms = summary.service_ms["p50"].value
        if load.concurrency == 1 and service_ms is not None:
            alone_s = service_ms / 1000
    return alone_s
