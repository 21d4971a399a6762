"""The command `newsclf loadtest`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.durations import duration_from, duration_s
from newsclf.cli.option_groups import grouped
from newsclf.cli.option_values import only_one
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    DeploymentOpt,
    PayloadsOpt,
    PricesOpt,
    ProfileOpt,
    RuleOptions,
    StateOptions,
    TextColumnOpt,
    YesOpt,
)
from newsclf.contract.limits import MAX_HEADLINES

if TYPE_CHECKING:
    from newsclf.loadtest.generator.expectation import Expectation
    from newsclf.loadtest.load.body_template import BodyTemplate


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Options for what is sent, and when."""

    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="N,…",
            help="Closed loop: number of users who each wait for their answer.",
            show_default="1,2,4,8,16,32",
        ),
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="R,…", help="Open loop: requests per second, sent whether or not answers come."
        ),
    ] = None
    arrival: Annotated[
        Literal["poisson", "constant"], typer.Option(help="Arrival process for --rate.")
    ] = "poisson"
    stairs: Annotated[
        str | None,
        typer.Option(
            metavar="START:STOP:STEP", help="Raise the rate step by step, in requests per second."
        ),
    ] = None
    burst: Annotated[int | None, typer.Option(min=1, help="Send this many requests at once.")] = (
        None
    )
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Replay recorded arrival times: seconds from the start, one per line.",
        ),
    ] = None
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="p95=200ms",
            help="Search for the highest Poisson rate that meets this objective; repeatable.",
        ),
    ] = None
    warmup: Annotated[
        float,
        typer.Option(
            parser=duration_s,
            metavar="TIME",
            help="Warm-up before each measurement, such as 5s; not counted.",
            show_default="5s",
        ),
    ] = 5
    duration: Annotated[
        float,
        typer.Option(
            parser=duration_from(1),
            metavar="TIME",
            help="Length of each measurement, such as 20s or 2m.",
            show_default="20s",
        ),
    ] = 20
    repeats: Annotated[int, typer.Option(min=1, help="Repeats of each load, interleaved.")] = 1
    max_in_flight: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, help="Most requests of an open loop that wait for an answer at once."
        ),
    ] = 256
    timeout: Annotated[
        float,
        typer.Option(
            parser=duration_from(0.1),
            metavar="TIME",
            help="Time-out of a request, counted from the moment when it is due.",
            show_default="30s",
        ),
    ] = 30
    payloads: PayloadsOpt = None
    text_column: TextColumnOpt = None
    batch: Annotated[
        int, typer.Option(min=1, max=MAX_HEADLINES, help="Headlines in each request.")
    ] = 1


@dataclass(frozen=True, kw_only=True)
class SubjectOptions:
    """Options for what is measured, apart from --deployment."""

    PANEL: ClassVar = "Target"
    direct: Annotated[
        bool, typer.Option("--direct", help="Load the endpoint itself, not its API.")
    ] = False
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Load this URL instead of a deployment.")
    ] = None
    header_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Headers to send, such as a token: `name: value`, one per line."
        ),
    ] = None
    body: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help='Request of another API at --url, such as {"text": "{headline}"};'
            " {headlines} is a list, @FILE reads a file.",
            show_default="that of newsclf",
        ),
    ] = None
    expect: Annotated[
        str | None,
        typer.Option(
            metavar="status|json:PATH",
            help="What is a good answer of --url: any 2xx, or JSON with a value at a path, such as"
            " json:0.label.",
            show_default="newsclf's; status with --body",
        ),
    ] = None
    i_own_this: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Confirm that you may put load on this host of --url."),
    ] = None
    sign: Annotated[
        Literal["execute-api", "sagemaker"] | None,
        typer.Option(help="Sign requests to --url with your AWS credentials."),
    ] = None
    instances: Annotated[
        str | None,
        typer.Option(
            metavar="ml.c5.large,…",
            help="Deploy, measure and remove each; local:1 is a core of this machine.",
        ),
    ] = None
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Archive that `newsclf package` made, to deploy with --instances on AWS.",
        ),
    ] = None
    recommender: Annotated[
        bool,
        typer.Option(
            "--recommender",
            help="Also run SageMaker's Inference Recommender (AWS), and compare.",
        ),
    ] = False
    region: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.regions,
            help="AWS region of --instances and of prices.",
            show_default="AWS's own; the deployment's; us-east-1",
        ),
    ] = None
    profile: ProfileOpt = None


@dataclass(frozen=True, kw_only=True)
class CostOptions:
    """Options for how an inference is priced."""

    PANEL: ClassVar = "Cost"
    price_as: Annotated[
        str | None,
        typer.Option(
            metavar="ml.c5.large",
            autocompletion=completion.instances,
            help="Price this machine as if it were this instance.",
        ),
    ] = None
    utilisation: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1,
            help="Share of its capacity that an instance is planned to carry.",
        ),
    ] = 0.5
    prices: PricesOpt = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options for how the load test is run, limited and resumed."""

    PANEL: ClassVar = "Run"
    seed: Annotated[int, typer.Option(min=0, help="Seed of arrivals and headlines.")] = 42
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes of the load generator.")
    ] = 1
    max_requests: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many requests.")
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="USD",
            help="Stop when the run, with as many instances as at its start, has cost this much.",
        ),
    ] = None
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue an interrupted run: its folder.")
    ] = None
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="RUN_A RUN_B",
            help="Only compare two runs: is B slower than A? Exit 6 if it is.",
        ),
    ] = None


@grouped
def loadtest(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    load: LoadOptions,
    subject: SubjectOptions,
    pricing: CostOptions,
    rules: RuleOptions,
    yes: YesOpt = False,
    run: RunOptions,
    general: StateOptions,
) -> None:
    """Measure what a deployment can take, and what an inference costs.

    Without a choice of load: 1 to 32 users, each of whom waits for an answer.
    """
    output = general.start()
    from newsclf.common.errors import require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.cli.measure import loadtest_view as view

    if run.compare is not None:
        view.show_comparison(output, *run.compare)
        return
    from newsclf.loadtest.load.options import (
        parse_numbers,
        parse_objective,
        parse_stairs,
        parse_users,
    )

    # Before the imports that take a while.
    objectives = [parse_objective(text) for text in load.slo or []]
    users = parse_users(load.concurrency) if load.concurrency else []
    rates_per_s = parse_numbers(load.rate, "--rate") if load.rate else []
    stairs_per_s = parse_stairs(load.stairs) if load.stairs else []
    from newsclf.cli.measure.loadtest_live import live
    from newsclf.costs.prices import prices_at
    from newsclf.loadtest.load.plan import LoadChoice, make_loads, read_replay
    from newsclf.loadtest.run import LoadtestRequest
    from newsclf.loadtest.run import loadtest as measure
    from newsclf.loadtest.subjects import SubjectRequest, find_subjects

    body, expected = _requests(subject, load.batch)
    column = only_one(load.text_column, "--text-column")
    settings = general.settings(data={"text_column": column}, aws=rules.rules())
    prices = prices_at(settings.state_dir, pricing.prices)
    replay = read_replay(load.replay) if load.replay else None
    choice = LoadChoice(
        concurrency=users,
        rates_per_s=rates_per_s,
        arrival=load.arrival,
        stairs_per_s=stairs_per_s,
        burst=load.burst,
        replay=replay,
        warmup_s=load.warmup,
        duration_s=load.duration,
        max_in_flight=load.max_in_flight,
    )
    wanted = SubjectRequest(
        settings=settings,
        prices=prices,
        deployment=name,
        direct=subject.direct,
        url=subject.url,
        header_file=subject.header_file,
        owned_host=subject.i_own_this,
        sign=subject.sign,
        instances=subject.instances,
        archive=subject.archive,
        region=subject.region,
        profile=subject.profile,
        recommender=subject.recommender,
    )
    with find_subjects(wanted) as subjects:
        request = LoadtestRequest(
            subjects=subjects,
            loads=make_loads(choice),
            objectives=objectives,
            payloads=load.payloads,
            text_column=settings.data.text_column,
            headlines_per_request=load.batch,
            body=body,
            expected=expected,
            timeout_s=load.timeout,
            repeats=load.repeats,
            seed=run.seed,
            workers=run.workers,
            replay=replay,
            prices=prices,
            price_as=pricing.price_as,
            region=subject.region,
            utilisation=pricing.utilisation,
            max_requests=run.max_requests,
            max_cost_usd=run.max_cost,
            runs=settings.state_dir / "runs",
            resume=run.resume,
        )
        for note in subjects.cost_notes:
            output.note(note)
        if subjects.cost_notes:
            output.approve(yes=yes)
        with live(output) as callbacks:
            folder, summary = measure(request, callbacks)
    view.show(output, folder, summary)
    view.check(folder, summary)


def _requests(subject: SubjectOptions, batch: int) -> tuple[BodyTemplate | None, Expectation]:
    """The template of the requests, if they are another API's, and what a good answer is.

    Raises:
        ConfigError: They go with --url alone, can't be read, or don't fit --batch.
    """
    from newsclf.common.errors import ConfigError
    from newsclf.loadtest.generator.expectation import Expectation, parse_expectation
    from newsclf.loadtest.load.body_template import HEADLINES, read_template

    if subject.url is None and (subject.body or subject.expect):
        raise ConfigError(
            "--body and --expect describe another API, which --url names",
            hint="newsclf loadtest --url http://127.0.0.1:8000/predict --body '{...}'",
        )
    body = None if subject.body is None else read_template(subject.body)
    if body is not None and batch > 1 and not body.takes_many:
        raise ConfigError(
            f"--batch {batch}: --body has room for one headline",
            hint=f'"{HEADLINES}" in it stands for a list',
        )
    if subject.expect is not None:
        return body, parse_expectation(subject.expect)
    return body, Expectation("newsclf" if body is None else "status")
