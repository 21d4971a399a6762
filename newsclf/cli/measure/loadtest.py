"""The command `newsclf loadtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.durations import duration_from, duration_s
from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    BoundaryOpt,
    ConfigOpt,
    DeploymentOpt,
    JsonOpt,
    ProfileOpt,
    QuietOpt,
    RoleOpt,
    StateDirOpt,
    TagOpt,
    TextColumnOpt,
    VerboseOpt,
    YesOpt,
    only_one,
    rules_from,
    settings_from,
    start,
)
from newsclf.contract.limits import MAX_HEADLINES

_TARGET = "Target"
_COST = "Cost"
_RUN = "Run"


def loadtest(
    *,
    name: DeploymentOpt = DEFAULT_DEPLOYMENT,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="N,…",
            help="Closed loop: number of users who each wait for their answer.",
            show_default="1,2,4,8,16,32",
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="R,…", help="Open loop: requests per second, sent whether or not answers come."
        ),
    ] = None,
    arrival: Annotated[
        Literal["poisson", "constant"],
        typer.Option(help="Arrival process of the requests of --rate."),
    ] = "poisson",
    stairs: Annotated[
        str | None,
        typer.Option(
            metavar="START:STOP:STEP", help="Raise the rate step by step, in requests per second."
        ),
    ] = None,
    burst: Annotated[
        int | None,
        typer.Option(min=1, help="Send this many requests at once."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Replay recorded arrival times: seconds from the start, one per line.",
        ),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="p95=200ms",
            help="Search for the highest Poisson rate that meets this objective; repeatable.",
        ),
    ] = None,
    warmup: Annotated[
        float,
        typer.Option(
            parser=duration_s,
            metavar="TIME",
            help="Warm-up before each measurement, such as 5s; not counted.",
            show_default="5s",
        ),
    ] = 5,
    duration: Annotated[
        float,
        typer.Option(
            parser=duration_from(1),
            metavar="TIME",
            help="Length of each measurement, such as 20s or 2m.",
            show_default="20s",
        ),
    ] = 20,
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Repeats of each load, interleaved."),
    ] = 1,
    max_in_flight: Annotated[
        int,
        typer.Option(
            min=1, max=10_000, help="Most requests of an open loop that wait for an answer at once."
        ),
    ] = 256,
    timeout: Annotated[
        float,
        typer.Option(
            parser=duration_from(0.1),
            metavar="TIME",
            help="Time-out of a request, counted from the moment when it is due.",
            show_default="30s",
        ),
    ] = 30,
    payloads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Headlines to send: a .txt, .csv, .jsonl or .parquet file.",
            show_default="the shipped sample",
        ),
    ] = None,
    text_column: TextColumnOpt = None,
    batch: Annotated[
        int, typer.Option(min=1, max=MAX_HEADLINES, help="Headlines in each request.")
    ] = 1,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Load the endpoint itself, not its API.", rich_help_panel=_TARGET
        ),
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Load this URL instead of a deployment.", rich_help_panel=_TARGET
        ),
    ] = None,
    header_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Headers to send, such as a token: `name: value`, one per line.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    i_own_this: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            help="Confirm that you may put load on this host of --url.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(
            metavar="execute-api|sagemaker",
            autocompletion=completion.one_of("execute-api", "sagemaker"),
            help="Sign requests to --url with your AWS credentials.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    instances: Annotated[
        str | None,
        typer.Option(
            metavar="ml.c5.large,…",
            help="Deploy, measure and remove each; local:1 is a core of this machine.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Archive that `newsclf package` made, to deploy with --instances on AWS.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    recommender: Annotated[
        bool,
        typer.Option(
            "--recommender",
            help="Also run SageMaker's Inference Recommender (AWS), and compare.",
            rich_help_panel=_TARGET,
        ),
    ] = False,
    price_as: Annotated[
        str | None,
        typer.Option(
            metavar="ml.c5.large",
            autocompletion=completion.instances,
            help="Price this machine as if it were this instance.",
            rich_help_panel=_COST,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="AWS region of --instances and of prices.",
            show_default="AWS's own; the deployment's; us-east-1",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    profile: ProfileOpt = None,
    role: RoleOpt = None,
    permissions_boundary: BoundaryOpt = None,
    tag: TagOpt = None,
    yes: YesOpt = False,
    utilisation: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=1,
            help="Share of its capacity that an instance is planned to carry.",
            rich_help_panel=_COST,
        ),
    ] = 0.5,
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your own prices; see configs/prices.toml.",
            rich_help_panel=_COST,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Seed of arrivals and headlines.", rich_help_panel=_RUN),
    ] = 42,
    workers: Annotated[
        int,
        typer.Option(min=1, max=64, help="Processes of the load generator.", rich_help_panel=_RUN),
    ] = 1,
    max_requests: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after this many requests.", rich_help_panel=_RUN),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="USD",
            help="Stop when the run has cost this much.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Continue an interrupted run: its folder.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="RUN_A RUN_B",
            help="Only compare two runs: is B slower than A? Exit 6 if it is.",
            rich_help_panel=_RUN,
        ),
    ] = None,
    state_dir: StateDirOpt = None,
    config: ConfigOpt = None,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
    verbose: VerboseOpt = False,
) -> None:
    """Measure what a deployment can take, and what an inference costs.

    Without a choice of load: 1 to 32 users, each of whom waits for an answer.
    """
    output = start(as_json=as_json, quiet=quiet, verbose=verbose)
    from newsclf.common.errors import require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.cli.measure import loadtest_view as view

    if compare is not None:
        view.show_comparison(output, *compare)
        return

    from newsclf.loadtest.load.options import (
        parse_numbers,
        parse_objective,
        parse_stairs,
        parse_users,
    )

    # Before the imports that take a while.
    objectives = [parse_objective(text) for text in slo or []]
    users = parse_users(concurrency) if concurrency else []
    rates_per_s = parse_numbers(rate, "--rate") if rate else []
    stairs_per_s = parse_stairs(stairs) if stairs else []

    from newsclf.cli.measure.loadtest_instances import ask, billed
    from newsclf.cli.measure.loadtest_live import live
    from newsclf.cli.measure.loadtest_recommender import find_recommender
    from newsclf.cli.measure.loadtest_subjects import Where, find_subjects
    from newsclf.common.errors import ConfigError
    from newsclf.costs.formulas import RequestPath, path_prices
    from newsclf.costs.prices import prices_at
    from newsclf.loadtest.load.plan import LoadChoice, make_loads, read_replay
    from newsclf.loadtest.run import LoadtestRequest
    from newsclf.loadtest.run import loadtest as run
    from newsclf.loadtest.stop_conditions import Limits

    column = only_one(text_column, "--text-column")
    rules = rules_from(role, permissions_boundary, tag)
    settings = settings_from(
        config, {"state_dir": state_dir, "data": {"text_column": column}, "aws": rules}
    )
    book = prices_at(settings.state_dir, prices)
    where = Where(
        settings=settings,
        name=name,
        direct=direct,
        url=url,
        header_file=header_file,
        owned_host=i_own_this,
        sign=sign,
        instances=instances,
        archive=archive,
        region=region,
        profile=profile,
        prices=book,
    )
    choice = LoadChoice(
        concurrency=users,
        rates_per_s=rates_per_s,
        arrival=arrival,
        stairs_per_s=stairs_per_s,
        burst=burst,
        replay=read_replay(replay) if replay else None,
        warmup_s=warmup,
        duration_s=duration,
        max_in_flight=max_in_flight,
    )
    theirs = find_recommender(where) if recommender else None
    subjects = find_subjects(where)
    priced_in = region or subjects[0].region or "us-east-1"
    # What has no price is said before anything is measured.
    path_prices(book, priced_in, RequestPath())
    book.serverless_price(priced_in)
    usd_per_hour = max(subject.usd_per_hour for subject in subjects)
    if price_as:
        usd_per_hour = book.hosting_usd_per_hour(price_as, priced_in)
    usd_per_hour += theirs.usd_per_hour if theirs else 0
    if max_cost is not None and not usd_per_hour:
        raise ConfigError("--max-cost needs a price", hint="--price-as ml.c5.large gives it one")
    request = LoadtestRequest(
        subjects=subjects,
        loads=make_loads(choice),
        objectives=objectives,
        payloads=payloads,
        text_column=settings.data.text_column,
        headlines_per_request=batch,
        timeout_s=timeout,
        repeats=repeats,
        seed=seed,
        workers=workers,
        replay=choice.replay,
        price_as=price_as,
        region=priced_in,
        utilisation=utilisation,
        prices=book,
        limits=Limits(max_requests, max_cost, usd_per_hour),
        runs=settings.state_dir / "runs",
        resume=resume,
        recommend=theirs.recommend if theirs else None,
    )
    bills = billed(subjects) if instances is not None else []
    ask(output, [*bills, *([theirs.words] if theirs else [])], yes=yes)
    with live(output) as watch:
        folder, summary = run(request, watch)
    view.show(output, folder, summary)
    view.check(folder, summary)
