"""The command `newsclf cost`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from newsclf.cli import completion
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import PricesOpt, StateOptions

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.loadtest.analysis.costs import CostBasis
    from newsclf.loadtest.cost_table import Costs


@grouped
def cost(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="Folder of a load test, such as .newsclf/runs/RUN.",
            show_default="the latest; with --rate, all and the frontier",
        ),
    ] = None,
    *,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="50/s",
            help="Peak rate to serve: which measured model, on how many of which instance.",
        ),
    ] = None,
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="p95=200ms",
            help="Latency objective that --rate is to be served within; repeatable.",
            show_default="p95=200ms",
        ),
    ] = None,
    frontier: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of `newsclf frontier`.",
            show_default="frontier, in the state directory",
        ),
    ] = None,
    volume: Annotated[
        str | None,
        typer.Option(metavar="N,N,…", help="Requests per month.", show_default="1e5 to 1e8"),
    ] = None,
    utilisation: Annotated[
        float | None,
        typer.Option(
            help="Share of its measured rate that an instance is to carry at the peak.",
            show_default="the run's; with --rate, 1",
        ),
    ] = None,
    peak_factor: Annotated[
        float, typer.Option(min=1, help="Peak rate divided by the mean rate of the month.")
    ] = 3,
    ha: Annotated[
        bool, typer.Option("--ha", help="Plan at least two instances, for high availability.")
    ] = False,
    api: Annotated[
        Literal["http", "rest", "none"],
        typer.Option(help="API Gateway in front of the endpoint."),
    ] = "http",
    memory: Annotated[
        int | None,
        typer.Option(
            min=128,
            max=10240,
            help="Memory of the Lambda function, MB.",
            show_default="256, as wire-api makes it",
        ),
    ] = None,
    serverless_memory: Annotated[
        int,
        typer.Option(
            min=1024,
            max=6144,
            help="Memory of serverless inference, MB.",
        ),
    ] = 2048,
    data_bytes: Annotated[
        int,
        typer.Option(min=0, help="Bytes of a request and its answer; 0 leaves data transfer out."),
    ] = 300,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            autocompletion=completion.regions,
            help="AWS region of the prices.",
            show_default="the run's, or us-east-1",
        ),
    ] = None,
    price_as: Annotated[
        str | None,
        typer.Option(metavar="INSTANCE", help="Price machines outside AWS as this instance type."),
    ] = None,
    prices_file: PricesOpt = None,
    state: StateOptions,
) -> None:
    """Estimate the cost per million requests, and per month at rising volumes.

    With --rate: which of the measured models serves that rate within --slo at the least cost, on
    how many of which instance, and what is next.
    """
    output = state.start()
    from newsclf.common.errors import ConfigError
    from newsclf.costs.formulas import FUNCTION_MEMORY_MB, RequestPath
    from newsclf.costs.prices import prices_at
    from newsclf.loadtest.analysis.costs import CostBasis
    from newsclf.loadtest.cost_table import VOLUMES, read_summary
    from newsclf.loadtest.cost_table import cost as price
    from newsclf.loadtest.listing import latest_run

    if utilisation is not None and not 0 < utilisation <= 1:
        raise ConfigError(f"--utilisation {utilisation:g}: must be above 0, and 1 at most")
    if not math.isfinite(peak_factor):
        raise ConfigError(f"--peak-factor {peak_factor:g}: must be a finite number")
    if serverless_memory % 1024:
        raise ConfigError(f"--serverless-memory {serverless_memory}: must be a multiple of 1024")
    path = RequestPath(api=api, memory_mb=memory or FUNCTION_MEMORY_MB, data_bytes=data_bytes)
    folder = state.settings().state_dir
    if rate is not None:
        _check_absent({"--volume": volume})
        from newsclf.cli.measure.cost_capacity import find_records, show_capacity
        from newsclf.frontier.capacity import CapacityRequest
        from newsclf.loadtest.load.options import parse_objective, parse_rate

        runs, frontiers = find_records(folder, run, frontier)
        request = CapacityRequest(
            rate_per_s=parse_rate(rate),
            objectives=[parse_objective(text) for text in slo or ["p95=200ms"]],
            runs=runs,
            frontiers=frontiers,
            prices=prices_at(folder, prices_file),
            region=region,
            price_as=price_as,
            utilisation=utilisation or 1.0,
            peak_factor=peak_factor,
            minimum=2 if ha else 1,
            path=path,
        )
        show_capacity(output, request)
        return
    _check_absent({"--slo": slo, "--frontier": frontier})
    if run is None:
        run = latest_run(folder / "runs", finished=True)
        output.note(f"load test: {run}")
    volumes = _volumes(volume) if volume is not None else list(VOLUMES)
    summary = read_summary(run)
    measured = CostBasis.of_run(summary.run)
    basis = replace(
        measured,
        region=region or measured.region,
        price_as=price_as or measured.price_as,
        utilisation=utilisation or measured.utilisation,
        peak_factor=peak_factor,
        minimum=2 if ha else 1,
        path=path,
        memory_mb=serverless_memory,
    )
    costs = price(summary, prices_at(folder, prices_file), basis, volumes=volumes)
    output.data(costs.model_dump(mode="json"))
    _show(output, costs, basis)


def _check_absent(options: Mapping[str, object]) -> None:
    from newsclf.common.errors import ConfigError

    for option, value in options.items():
        if value is not None:
            without = "cannot be combined with" if option == "--volume" else "needs"
            raise ConfigError(f"{option} {without} --rate")


def _volumes(text: str) -> list[float]:
    from newsclf.common.errors import ConfigError

    try:
        volumes = [float(part) for part in text.split(",")]
    except ValueError:
        volumes = []
    if not volumes or not all(1 <= volume < math.inf for volume in volumes):
        raise ConfigError(f"--volume {text}: expected requests per month, such as 1e6,1e8")
    return sorted(set(volumes))


def _show(output: Output, costs: Costs, basis: CostBasis) -> None:
    from newsclf.common.intervals import percent
    from newsclf.loadtest.report.tables import cost_table, month_table, price_words

    title = f"Cost, $ per million successful requests, {basis.region}"
    output.show(
        output.rendered(title, cost_table(costs.costs)),
        "",
        output.rendered(
            "$ per month, by successful requests per month; (instances); * is the cheapest",
            month_table(costs.months),
        ),
        "",
    )
    for line in price_words(costs.costs):
        output.note(line)
    path = f"behind API Gateway ({basis.path.api}) and a Lambda of {basis.path.memory_mb} MB"
    output.note(
        f"{'called directly' if basis.path.api == 'none' else path}; at {basis.peak_factor:g}"
        f" times the month's mean rate an instance carries {percent(basis.utilisation, 0)} of its"
        " measured rate, and more instances are assumed to carry more in proportion; at 100 %: as"
        " SageMaker's Inference Recommender computes it; break-even: requests per month from which"
        " instances are cheaper than serverless inference, which is taken to be as fast as the"
        " slowest instance with one user, without cold starts"
    )
