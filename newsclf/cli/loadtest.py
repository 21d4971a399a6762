"""The command `newsclf loadtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli.options import (
    DEFAULT_DEPLOYMENT,
    ConfigOpt,
    JsonOpt,
    ProfileOpt,
    QuietOpt,
    StateDirOpt,
    TextColumnOpt,
    VerboseOpt,
    YesOpt,
    settings_from,
    start,
)

_LOAD = "Load"
_TARGET = "Target"
_COST = "Cost"
_RUN = "Run"


def loadtest(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Deployment.")] = DEFAULT_DEPLOYMENT,
    *,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="N,…",
            help="Users who each wait for their answer.",
            show_default="1,2,4,8,16,32",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="R,…", help="Requests/s, whether or not answers come.", rich_help_panel=_LOAD
        ),
    ] = None,
    arrival: Annotated[
        str, typer.Option(metavar="poisson|constant", help="Of --rate.", rich_help_panel=_LOAD)
    ] = "poisson",
    stairs: Annotated[
        str | None,
        typer.Option(metavar="START:STOP:STEP", help="A rising rate.", rich_help_panel=_LOAD),
    ] = None,
    burst: Annotated[
        int | None, typer.Option(min=1, help="Requests, all at once.", rich_help_panel=_LOAD)
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Moments in seconds, one a line.", rich_help_panel=_LOAD),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="p95=200ms",
            help="Find the highest rate that meets it; repeatable.",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    warmup: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds not counted.", rich_help_panel=_LOAD)
    ] = 5,
    duration: Annotated[
        float, typer.Option(min=1, metavar="S", help="Seconds measured.", rich_help_panel=_LOAD)
    ] = 20,
    repeats: Annotated[
        int, typer.Option(min=1, help="Of each point, interleaved.", rich_help_panel=_LOAD)
    ] = 1,
    max_in_flight: Annotated[
        int,
        typer.Option(min=1, max=10_000, help="Connections of an open loop.", rich_help_panel=_LOAD),
    ] = 256,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="S", help="Counted from when a request is due.", rich_help_panel=_LOAD
        ),
    ] = 30,
    payloads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Headlines: .txt, .csv, .jsonl or .parquet.",
            show_default="the shipped sample",
            rich_help_panel=_LOAD,
        ),
    ] = None,
    text_column: TextColumnOpt = None,
    headlines_per_request: Annotated[int, typer.Option(min=1, rich_help_panel=_LOAD)] = 1,
    direct: Annotated[
        bool, typer.Option("--direct", help="The endpoint, not its API.", rich_help_panel=_TARGET)
    ] = False,
    url: Annotated[
        str | None, typer.Option(help="Something else than a deployment.", rich_help_panel=_TARGET)
    ] = None,
    header_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Headers, such as a token.", rich_help_panel=_TARGET),
    ] = None,
    i_own_this: Annotated[
        str | None,
        typer.Option(
            metavar="HOST", help="The host of --url, which may be loaded.", rich_help_panel=_TARGET
        ),
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(
            metavar="execute-api|sagemaker",
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
            help="Of --instances on AWS: a model.tar.gz of newsclf package.",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    recommender: Annotated[
        bool,
        typer.Option(
            "--recommender",
            help="Run SageMaker's Inference Recommender too (AWS), and set it beside ours.",
            rich_help_panel=_TARGET,
        ),
    ] = False,
    price_as: Annotated[
        str | None,
        typer.Option(
            metavar="ml.c5.large",
            help="Price this machine as that instance.",
            rich_help_panel=_COST,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Of --instances on AWS, and of prices.",
            show_default="AWS's own; the deployment's; us-east-1",
            rich_help_panel=_TARGET,
        ),
    ] = None,
    profile: ProfileOpt = None,
    yes: YesOpt = False,
    utilisation: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share that is used.", rich_help_panel=_COST)
    ] = 0.5,
    prices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Other prices.", rich_help_panel=_COST)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, rich_help_panel=_RUN)] = 42,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that send.", rich_help_panel=_RUN)
    ] = 1,
    max_requests: Annotated[int | None, typer.Option(min=1, rich_help_panel=_RUN)] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, metavar="USD", rich_help_panel=_RUN)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run.", rich_help_panel=_RUN)
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="RUN_A RUN_B", help="Only say whether B is slower than A.", rich_help_panel=_RUN
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
    from newsclf.core.extras import require_extra

    require_extra("httptools", "jinja2", "scipy", extra="loadtest", purpose="a load test")
    from newsclf.cli import loadtest_view as view

    if compare is not None:
        view.show_comparison(output, *compare)
        return

    from newsclf.cli.loadtest_instances import ask, billed
    from newsclf.cli.loadtest_live import live
    from newsclf.cli.loadtest_recommender import find_recommender
    from newsclf.cli.loadtest_subjects import Where, find_subjects
    from newsclf.core.cost import RequestPath, path_prices
    from newsclf.core.errors import ConfigError
    from newsclf.core.prices import prices_at
    from newsclf.lifecycle.loadtest import LoadtestRequest
    from newsclf.lifecycle.loadtest import loadtest as run
    from newsclf.loadtest.budget import Limits
    from newsclf.loadtest.plan import (
        LoadChoice,
        make_loads,
        parse_arrival,
        parse_numbers,
        parse_objective,
        parse_stairs,
        parse_users,
        read_replay,
    )

    settings = settings_from(config, {"state_dir": state_dir, "data": {"text_column": text_column}})
    book = prices_at(settings.state_dir, prices)
    where = Where(
        settings=settings, name=name, direct=direct, url=url, header_file=header_file,
        owned_host=i_own_this,
        sign=sign, instances=instances, archive=archive, region=region,
        profile=profile, prices=book,
    )  # fmt: skip
    choice = LoadChoice(
        concurrency=parse_users(concurrency) if concurrency else [],
        rates_per_s=parse_numbers(rate, "--rate") if rate else [],
        arrival=parse_arrival(arrival),
        stairs_per_s=parse_stairs(stairs) if stairs else [],
        burst=burst,
        replay=read_replay(replay) if replay else None,
        warmup_s=warmup,
        duration_s=duration,
        max_in_flight=max_in_flight,
    )
    subjects = find_subjects(output, where)
    theirs = find_recommender(output, where) if recommender else None
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
        objectives=[parse_objective(text) for text in slo or []],
        payloads=payloads,
        text_column=settings.data.text_column,
        headlines_per_request=headlines_per_request,
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
