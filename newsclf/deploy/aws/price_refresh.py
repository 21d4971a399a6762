"""List prices, and refresh them from AWS into the state directory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from newsclf.common.errors import ConfigError, TargetError, require_extra
from newsclf.common.files import write_text
from newsclf.common.state_dir import StateDir, writing
from newsclf.costs.prices import (
    PRICES_FILE,
    HostingPrice,
    PriceBook,
    Priced,
    Tier,
    merge,
    prices_at,
    read_prices,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """One price, for people."""

    region: str
    what: str
    usd: float
    unit: str
    date: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """The result of a refresh."""

    file: Path
    changes: list[tuple[HostingPrice | None, HostingPrice]]
    """Price before, if there was one, and now."""
    not_offered: list[tuple[str, str]]
    """(instance, region)"""


def list_prices(
    book: PriceBook, *, region: str | None = None, instance: str | None = None
) -> list[PriceLine]:
    """The prices in use: of one instance, or of all and of what is billed by the request.

    Args:
        region: Without one, all.

    Raises:
        ConfigError: No price of the instance or the region is known.
    """
    regions = [region] if region else book.regions()
    if instance is not None:
        offering = [each for each in regions if instance in book.instances(each)]
        prices = [book.hosting_price(instance, each) for each in offering or regions[:1]]
        return [_hosting_line(price) for price in prices]
    lines = []
    for each in regions:
        names = book.instances(each)
        if not names:
            raise ConfigError(
                f"no prices are known in '{each}' (regions: {', '.join(book.regions())})",
                hint=f"newsclf prices refresh --region {each}",
            )
        hosting = [_hosting_line(book.hosting_price(name, each)) for name in names]
        lines += sorted(hosting, key=lambda line: (line.what.rpartition(".")[0], line.usd))
        lines += _other_lines(book, each)
    return lines


def _line(price: HostingPrice | Priced, what: str, usd: float, unit: str) -> PriceLine:
    date = price.date.isoformat()
    return PriceLine(
        region=price.region, what=what, usd=usd, unit=unit, date=date, source=price.source
    )


def _hosting_line(price: HostingPrice) -> PriceLine:
    return _line(price, price.instance, price.usd_per_hour, "hour")


def _other_lines(book: PriceBook, region: str) -> list[PriceLine]:
    lines: dict[tuple[str, str], PriceLine] = {}
    for table, what, unit, tiers in _other_prices(book):
        begin = 0.0
        for tier in tiers if table.region == region else ():
            per = f"{unit} over {begin:,.0f} a month" if begin else unit
            lines.setdefault((what, per), _line(table, what, tier.usd, per))  # the first counts
            begin = tier.up_to or begin
    return list(lines.values())


def _other_prices(book: PriceBook) -> Iterator[tuple[Priced, str, str, Sequence[Tier]]]:
    """Each price by use: its table, what it is for, the unit, and its tiers."""
    for serverless in book.serverless:
        tier = Tier(usd=serverless.usd_per_gb_second)
        yield serverless, "SageMaker serverless", "GB-second", [tier]
    for function in book.functions:
        what = f"Lambda {function.architecture}"
        yield function, what, "request", [Tier(usd=function.usd_per_request)]
        yield function, what, "GB-second", function.usd_per_gb_second
    for api in book.api_gateway:
        yield api, f"API Gateway {api.kind.upper()}", "request", api.usd_per_request
    for data in book.data:
        yield data, f"data, {data.kind}", "GB", [Tier(usd=data.usd_per_gb)]


def refresh_prices(
    state_dir: Path, *, regions: Sequence[str] = (), instances: Sequence[str] = ()
) -> Refreshed:
    """Read current prices through the AWS Price List API, and write them beside the deployments.

    The file is written when all prices have been read, or not at all; prices of other regions that
    are in it stay.

    Args:
        regions: Without any, those that have prices now.
        instances: Besides those that have a price anywhere.

    Raises:
        MissingExtraError: boto3 is not installed.
        ConfigError: an instance is not named as one, or the file can't be read.
        TargetError: no usable credentials, they may not read prices, or a region has no prices.
        ServiceError: AWS can't be reached, is busy, or answers with something else than prices.
    """
    require_extra("boto3", extra="aws", purpose="asking AWS for prices")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.deploy.aws.price_list import PRICING_REGION, fetch_prices

    for instance in instances:
        if not instance.startswith("ml."):
            raise ConfigError(f"{instance} is not a hosting instance: their names begin with ml.")
    known = prices_at(state_dir)
    wanted = sorted({*known.instances(), *instances})
    clients, today = Clients(PRICING_REGION), dt.datetime.now(dt.UTC).date()
    found: dict[str, PriceBook] = {}
    for region in regions or known.regions():
        found[region] = fetch_prices(clients, region, wanted, today=today)
        if not found[region].hosting:
            raise TargetError(
                f"AWS has no hosting prices for '{region}'", hint="--region takes such as us-east-1"
            )
    now = merge(found.values())
    file = state_dir / PRICES_FILE
    _write(file, now, older=read_prices(file) if file.is_file() else None)
    offered = {region: book.instances(region) for region, book in found.items()}
    return Refreshed(
        file=file,
        changes=[
            (
                known.hosting_price(name, region) if name in known.instances(region) else None,
                now.hosting_price(name, region),
            )
            for region, names in offered.items()
            for name in names
        ],
        not_offered=[
            (name, region)
            for region, names in offered.items()
            for name in wanted
            if name not in names
        ],
    )


def _write(file: Path, new: PriceBook, older: PriceBook | None) -> None:
    document = new.model_dump(by_alias=True, exclude_none=True)
    if older is not None:
        replaced = new.regions()
        for name, tables in older.model_dump(by_alias=True, exclude_none=True).items():
            if name != "schema_version":
                kept = [table for table in tables if table["region"] not in replaced]
                document[name] = [*document[name], *kept]
    StateDir(file.parent).create()
    with writing(file):
        write_text(file, tomli_w.dumps(document))
