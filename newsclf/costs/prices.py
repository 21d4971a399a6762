"""The price book: AWS prices, each with its region, date and source.

`configs/prices.toml` ships with the package and shows the form. Files of the same form take
precedence: the one that `newsclf prices refresh` writes, and over that the user's own.

Prices are floats. They have at most ten significant digits and are multiplied by measured rates,
which have three, so binary rounding (1e-16) is far below both; Decimal would end at the first
measured figure anyway.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from newsclf.common.errors import ConfigError
from newsclf.common.records import StrictRecord, find_record, from_toml
from newsclf.common.settings import shipped_config
from newsclf.common.state_dir import StateDir
from newsclf.common.suggestions import INSTANCE, closest_instance, closest_region

PRICES_FILE = "prices.toml"
ApiKind = Literal["http", "rest"]
Architecture = Literal["x86_64", "arm64"]
Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Tier(StrictRecord):
    """A price up to a volume per month; without `up_to`, at any volume."""

    up_to: Annotated[float, Field(gt=0)] | None = None
    usd: Usd


def _check_tiers(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    limits = [tier.up_to for tier in tiers]
    if None in limits[:-1]:
        raise ValueError("only the last tier may be without up_to")
    bounded = [limit for limit in limits if limit is not None]
    if bounded != sorted(set(bounded)):
        raise ValueError("up_to must rise from tier to tier")
    return tiers


Tiers = Annotated[tuple[Tier, ...], Field(min_length=1), AfterValidator(_check_tiers)]


class Priced(StrictRecord):
    """Prices of one region, date and source."""

    region: str
    date: dt.date
    """Day on which the source listed them."""
    source: Annotated[str, Field(min_length=1)]


class HostingPrices(Priced):
    """SageMaker real-time hosting."""

    usd_per_hour: dict[Annotated[str, Field(pattern=f"^{INSTANCE.pattern}$")], Usd]
    """Instance type → price of one instance."""


class ServerlessPrice(Priced):
    """SageMaker serverless inference: per GB of memory and second, billed by the millisecond."""

    usd_per_gb_second: Usd


class LambdaPrice(Priced):
    """Lambda on demand, without the free tier."""

    architecture: Architecture
    usd_per_request: Usd
    usd_per_gb_second: Tiers
    """Tiers of GB-seconds per month."""


class ApiGatewayPrice(Priced):
    """API Gateway, without the free tier, for requests of up to 512 KB."""

    kind: ApiKind
    usd_per_request: Tiers
    """Tiers of requests per month."""


class DataPrice(Priced):
    """Data transfer through a SageMaker endpoint (in and out), or out to the internet."""

    kind: Literal["endpoint", "internet"]
    usd_per_gb: Usd


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingPrice:
    """Price of one instance, with its date and source."""

    instance: str
    region: str
    usd_per_hour: float
    date: dt.date
    source: str


_AnyPrice = TypeVar("_AnyPrice", bound=Priced)


class PriceBook(StrictRecord):
    """All prices; in each list the first match counts."""

    schema_version: Literal[1]
    hosting: tuple[HostingPrices, ...] = ()
    serverless: tuple[ServerlessPrice, ...] = ()
    functions: tuple[LambdaPrice, ...] = Field(default=(), alias="lambda")
    api_gateway: tuple[ApiGatewayPrice, ...] = ()
    data: tuple[DataPrice, ...] = ()

    def regions(self) -> list[str]:
        """Regions with any hosting price."""
        return sorted({table.region for table in self.hosting})

    def instances(self, region: str | None = None) -> list[str]:
        """Instances with a hosting price in a region, or anywhere."""
        tables = (table for table in self.hosting if region in (None, table.region))
        return sorted({instance for table in tables for instance in table.usd_per_hour})

    def hosting_price(self, instance: str, region: str) -> HostingPrice:
        """Price of an instance; ConfigError if it is not known."""
        for table in self.hosting:
            if table.region == region and instance in table.usd_per_hour:
                return HostingPrice(
                    instance=instance,
                    region=region,
                    usd_per_hour=table.usd_per_hour[instance],
                    date=table.date,
                    source=table.source,
                )
        if known := self.instances(region):
            meant, others = closest_instance(instance, known), f"known there: {_words(known)}"
        else:
            meant = closest_region(region, self.regions())
            others = f"regions: {_words(self.regions())}"
        names = f"did you mean {meant}?" if meant else others
        raise ConfigError(
            f"no price is known for {instance} in {region} ({names})",
            hint="newsclf prices show lists what is known"
            if meant
            else f"newsclf prices refresh --region {region} --instance {instance}",
        )

    def hosting_usd_per_hour(self, instance: str, region: str) -> float:
        """Price of one instance in USD per hour; ConfigError if it is not known."""
        return self.hosting_price(instance, region).usd_per_hour

    def serverless_price(self, region: str) -> ServerlessPrice:
        """Price of SageMaker serverless inference; ConfigError if it is not known."""
        return _first(self.serverless, region, "SageMaker serverless inference", _refresh(region))

    def lambda_price(self, region: str, architecture: Architecture) -> LambdaPrice:
        """Price of Lambda; ConfigError if it is not known."""
        fitting = [price for price in self.functions if price.architecture == architecture]
        return _first(fitting, region, f"Lambda on {architecture}", _refresh(region))

    def api_price(self, region: str, kind: ApiKind) -> ApiGatewayPrice:
        """Price of API Gateway; ConfigError if it is not known."""
        fitting = [price for price in self.api_gateway if price.kind == kind]
        return _first(fitting, region, f"API Gateway ({kind.upper()} API)", _refresh(region))

    def data_price(self, region: str, kind: Literal["endpoint", "internet"]) -> DataPrice:
        """Price of data transfer; ConfigError if it is not known."""
        fitting = [price for price in self.data if price.kind == kind]
        what = "an endpoint" if kind == "endpoint" else "the internet"
        hint = (
            "--prices FILE adds a price ([[data]], which refresh does not fetch);"
            " newsclf cost --data-bytes 0 leaves data transfer out"
        )
        return _first(fitting, region, f"data through {what}", hint)


def tiered_usd(tiers: Sequence[Tier], volume: float, *, what: str) -> float:
    """Cost of a month's volume, each part of it at the price of its tier.

    Raises:
        ConfigError: the volume goes beyond the last tier whose price is known.
    """
    usd = begin = 0.0
    for tier in tiers:
        end = volume if tier.up_to is None else min(volume, tier.up_to)
        usd += max(0.0, end - begin) * tier.usd
        begin = end
    if begin < volume:
        raise ConfigError(
            f"no price is known for {what} beyond {begin:,.0f} per month ({volume:,.0f} asked for)",
            hint="newsclf prices refresh, or a lower volume",
        )
    return usd


def load_prices(*files: Path) -> PriceBook:
    """Read price files, the most important first; the shipped one is added as the last.

    Raises:
        ConfigError: a file is missing or has another form than configs/prices.toml.
    """
    return merge(read_prices(path) for path in (*files, shipped_config(PRICES_FILE)))


def prices_at(state_dir: Path, own: Path | None = None) -> PriceBook:
    """Prices of the user's own file, if any, of the last refresh, and of the package.

    Raises:
        ConfigError: a file is missing or has another form than configs/prices.toml.
        StateError: somebody else could have written those of the last refresh.
    """
    files = [own] if own is not None else []
    refreshed = state_dir / PRICES_FILE
    if refreshed.is_file():
        StateDir(state_dir).check()
        files.append(refreshed)
    return load_prices(*files)


def read_prices(path: Path) -> PriceBook:
    """Read one price file; ConfigError with the place if it can't be used."""
    found = find_record(
        path,
        partial(from_toml, PriceBook),
        error=ConfigError,
        hint=f"{shipped_config(PRICES_FILE)} shows the form",
        follow=True,
    )
    if found is None:
        raise ConfigError(f"{path}: no such price file")
    return found


def merge(books: Iterable[PriceBook]) -> PriceBook:
    """Merge price books; the first that has a price decides."""
    books, lists = list(books), PriceBook.model_fields.keys() - {"schema_version"}
    merged = {name: tuple(t for book in books for t in getattr(book, name)) for name in lists}
    return PriceBook(schema_version=1).model_copy(update=merged)


def _first(prices: Sequence[_AnyPrice], region: str, what: str, hint: str) -> _AnyPrice:
    for price in prices:
        if price.region == region:
            return price
    known = sorted({price.region for price in prices})
    meant = closest_region(region, known)
    names = f"did you mean {meant}?" if meant else f"known regions: {_words(known)}"
    raise ConfigError(f"no price is known for {what} in {region} ({names})", hint=hint)


def _refresh(region: str) -> str:
    return f"newsclf prices refresh --region {region}"


def _words(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
