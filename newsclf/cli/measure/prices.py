"""The commands `newsclf prices show` and `newsclf prices refresh`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from newsclf.cli import completion
from newsclf.cli.failures import HELP_NAMES, Group, with_examples
from newsclf.cli.option_groups import grouped
from newsclf.cli.options import PricesOpt, StateOptions

prices = typer.Typer(
    name="prices",
    cls=Group,
    context_settings=HELP_NAMES,
    help="Show the AWS prices that costs are computed with, or refresh them.",
)


@prices.command(**with_examples("newsclf prices show --instance ml.c5.large"))
@grouped
def show(
    *,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="REGION",
            autocompletion=completion.regions,
            help="Show only this region.",
            show_default="all known",
        ),
    ] = None,
    instance: Annotated[
        str | None,
        typer.Option(metavar="INSTANCE", help="Show only this instance type, such as ml.c5.large."),
    ] = None,
    prices_file: PricesOpt = None,
    state: StateOptions,
) -> None:
    """Show the prices that costs are computed with, each with its date and source."""
    output = state.start()
    from newsclf.common.visible import visible
    from newsclf.costs.prices import prices_at
    from newsclf.deploy.aws.price_refresh import list_prices
    from newsclf.reporting.text import exact_usd

    folder = state.settings().state_dir
    lines = list_prices(prices_at(folder, prices_file), region=region, instance=instance)
    output.data([asdict(line) for line in lines])
    sources = list(dict.fromkeys(line.source for line in lines))
    for each in dict.fromkeys(line.region for line in lines):
        rows = [
            (p.what, exact_usd(p.usd), p.unit, p.date, f"[{sources.index(p.source) + 1}]")
            for p in lines
            if p.region == each
        ]
        title = f"{each}: on demand, without free tiers and taxes"
        output.show(output.table(title, ["", "USD", "per", "date", "source"], rows), "")
    output.show(*(f"[{i}] {visible(source)}" for i, source in enumerate(sources, start=1)))


@prices.command(**with_examples("newsclf prices refresh --region eu-west-1"))
@grouped
def refresh(
    *,
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION",
            autocompletion=completion.regions,
            help="Region to fetch; repeatable.",
            show_default="all known",
        ),
    ] = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INSTANCE", help="Instance type to fetch besides the known ones; repeatable."
        ),
    ] = None,
    state: StateOptions,
) -> None:
    """Fetch current prices from AWS; needs credentials with pricing:GetProducts."""
    output = state.start()
    from newsclf.deploy.aws.price_refresh import refresh_prices
    from newsclf.reporting.text import exact_usd

    folder: Path = state.settings().state_dir
    done = refresh_prices(folder, regions=region or (), instances=instance or ())
    output.data(
        [
            {
                "region": new.region,
                "instance": new.instance,
                "old_usd_per_hour": old.usd_per_hour if old else None,
                "usd_per_hour": new.usd_per_hour,
            }
            for old, new in done.changes
        ]
    )
    rows = [
        (
            *(new.instance, new.region, exact_usd(old.usd_per_hour if old else None)),
            exact_usd(new.usd_per_hour),
            "" if old and old.usd_per_hour == new.usd_per_hour else "changed",
        )
        for old, new in done.changes
    ]
    output.show(output.table("USD per hour", ["instance", "region", "was", "is", ""], rows))
    for each in dict.fromkeys(where for _, where in done.not_offered):
        names = ", ".join(name for name, where in done.not_offered if where == each)
        output.note(f"not offered in {each}: {names}")
    output.note(f"written to {done.file}")
