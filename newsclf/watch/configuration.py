"""Settings of `newsclf watch`, from watch.toml: sources, watch list, signals, alerts, delivery.

`configs/watch.toml` is a commented file to start from.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.files import read_regular
from newsclf.common.records import StrictRecord, from_toml, read_record
from newsclf.common.settings import shipped_config
from newsclf.common.urls import is_web_address
from newsclf.watch.entities.listed import SHIPPED, CompanyList, WatchedEntity, load_list
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.feeds.documents.vendors import Vendor, Wanted, check_wanted, load_vendor
from newsclf.watch.signals.measures.trading_time import TradingCalendar, load_calendar
from newsclf.watch.signals.settings import AlertSettings, SignalSettings

WATCH_FILE = "watch.toml"
STDIN = "-"
_NO_LIST = "none"
_HINT = "newsclf watch --init writes one that shows the form, to a new file with --file"
_LONGEST_KEY_BYTES = 4096
_LONGEST_NAME = 80


def _web_address(url: str) -> str:
    if not is_web_address(url):
        raise ValueError("should be an address such as https://example.com/feed.xml")
    return url


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError("should be a time zone such as America/New_York") from None
    return name


def _program(command: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if command is not None and not "".join(command[:1]).strip():
        raise ValueError("should begin with the name of a program")
    return command


def _plain_name(name: str) -> str:
    if name != " ".join(name.split()) or not name.isprintable():
        raise ValueError("should be printable, with single spaces between words")
    return name


Given = Annotated[str, Field(min_length=1)]
"""A text that says something: where it may be left out, an empty one is a mistake."""
Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_plain_name)]
Terms = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_plain_name)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Source(StrictRecord):
    """A source of headlines: a feed, a news API, or files of JSON lines."""

    name: Name
    feed: Annotated[WebAddress | None, Field(repr=False)] = None
    """Address of an RSS, RDF, Atom or JSON feed; some hold a token, so it isn't shown."""
    api: Given | None = None
    """A news API of `configs/news/`, such as `finnhub`, or the path of one's own description."""
    path: Given | None = None
    """A file or folder of JSON lines; `-` is standard input."""
    ignore_robots: bool = False
    """Whether a feed is read whatever the host's robots.txt says; for those who may."""
    every_s: Annotated[float | None, Field(ge=10, le=86_400)] = None
    """Interval between requests; by default the source's own rhythm."""
    terms: Terms | None = None
    """Licence or terms of its headlines, for exports; by default what the news API's description
    or the feed itself says."""
    weight: Annotated[float, Field(gt=0, le=1)] = 1
    """How much its headlines weigh; what several sources show weighs as with the heaviest."""
    per_day: Annotated[float | None, Field(ge=1, le=1_000_000)] = None
    """Requests in 24 hours that the plan allows."""
    time_zone: Annotated[str, AfterValidator(_time_zone)] | None = None
    """Clock of a source whose times have no zone; by default UTC."""
    tickers: tuple[Given, ...] = ()
    """What a news API is asked for, as are the next two."""
    query: Given | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    key_env: Given | None = None
    """Environment variable with the API key, instead of the one in the description."""
    key_file: Given | None = None
    """File with the API key."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in ("feed", "api", "path") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError("give one of feed, api and path")
        given = ("tickers", "query", "parameters", "key_env", "key_file")
        extra = [name for name in given if getattr(self, name)]
        if kinds != ["api"] and extra:
            raise ValueError(f"{extra[0]} is for sources with api")
        if kinds != ["feed"] and self.ignore_robots:
            raise ValueError("ignore_robots is for sources with feed")
        if self.key_env is not None and self.key_file is not None:
            raise ValueError("give either key_env or key_file")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """Its clock."""
        return ZoneInfo(self.time_zone) if self.time_zone is not None else None

    @property
    def wanted(self) -> Wanted:
        """What a news API is asked for, without times."""
        return Wanted(tickers=self.tickers, query=self.query, parameters=self.parameters)


class Entity(StrictRecord):
    """An entity of the watch list."""

    name: Name
    aliases: tuple[Given, ...] = ()
    """Other names, each as it is written: case counts."""
    tickers: tuple[Given, ...] = ()
    """`AAPL`, or with an exchange `LON:VOD`."""
    isins: tuple[Given, ...] = ()
    """By which some sources name it."""


class WebhookSettings(StrictRecord):
    """Where alerts are posted, and the secret that signs them."""

    url: Annotated[WebAddress | None, Field(repr=False)] = None
    url_env: Given | None = None
    """Environment variable with the address, which is often a secret by itself."""
    secret_env: Given | None = None
    secret_file: Given | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either url or url_env")
        if (self.secret_env is None) == (self.secret_file is None):
            raise ValueError("give either secret_env or secret_file")
        return self


class DeliverySettings(StrictRecord):
    """Where alerts go, beside the terminal and the page."""

    webhook: WebhookSettings | None = None
    command: Annotated[tuple[str, ...] | None, AfterValidator(_program)] = None
    """Program and arguments; it gets the alert as JSON on standard input."""


def _different(items: tuple[Source | Entity, ...]) -> None:
    counted = Counter(item.name.casefold() for item in items)
    for item in items:
        if counted[item.name.casefold()] > 1:
            raise ValueError(f"the name {item.name} appears twice")


class WatchSettings(StrictRecord):
    """Everything that watch.toml says."""

    schema_version: Literal[1]
    contact: Annotated[str, Field(min_length=3)]
    """Mail or web address at which operators of feeds reach the user, sent in User-Agent."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    watchlist: tuple[Entity, ...] = ()
    entity_list: Given = SHIPPED
    """Companies that are told from those of the watch list, and complete it: `sec` is the shipped
    list, `none` does without, anything else is the path of a CSV file."""
    signals: SignalSettings = SignalSettings()
    alerts: AlertSettings = AlertSettings()
    delivery: DeliverySettings = DeliverySettings()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        _different(self.sources)
        _different(self.watchlist)
        if sum(source.path == STDIN for source in self.sources) > 1:
            raise ValueError("only one source can read standard input")
        return self

    @property
    def entities(self) -> tuple[WatchedEntity, ...]:
        """The watch list, as headlines are matched against it."""
        return tuple(
            WatchedEntity(
                name=each.name, aliases=each.aliases, tickers=each.tickers, isins=each.isins
            )
            for each in self.watchlist
        )

    def known_companies(self, folder: Path) -> CompanyList | None:
        """The list of companies; None if it is to do without.

        Args:
            folder: Where watch.toml is.

        Raises:
            ConfigError: The list can't be read.
        """
        return None if self.entity_list == _NO_LIST else load_list(self.entity_list, folder=folder)

    def calendar(self, today: dt.date) -> TradingCalendar | None:
        """The hours of the exchange in whose time news grows old; None for plain time.

        Raises:
            ConfigError: There is no such exchange, or its days are not known up to today.
        """
        exchange = self.signals.exchange
        return None if exchange is None else load_calendar(exchange, today)


def load_watch(path: Path) -> WatchSettings:
    """Read a watch.toml and check it with the descriptions of its news APIs.

    API keys are not looked for: `key_of` does that when a source is asked.

    Raises:
        ConfigError: The file is missing, or something in it can't be used.
    """
    settings = read_record(
        path,
        partial(from_toml, WatchSettings),
        error=ConfigError,
        hint=_HINT,
        follow=True,
    )
    for source in settings.sources:
        if source.api is not None:
            try:
                check_wanted(vendor_of(source, folder=path.parent), source.wanted)
            except ConfigError as error:
                raise ConfigError(
                    f"{path}: source {source.name}: {error.message}", hint=error.hint
                ) from error
    EntityMatcher(settings.entities)  # two entities must not share a name or a ticker
    settings.known_companies(path.parent)
    settings.calendar(dt.datetime.now(dt.UTC).date())
    return settings


def vendor_of(source: Source, *, folder: Path) -> Vendor:
    """Description of the news API of a source.

    Args:
        source: One with `api`.
        folder: Where watch.toml is.
    """
    if source.api is None:
        raise ConfigError(f"source {source.name}: it has no api", hint=_HINT)
    return load_vendor(source.api, folder=folder)


def key_of(
    source: Source, vendor: Vendor, *, folder: Path, environ: Mapping[str, str] = os.environ
) -> str | None:
    """API key of a source; None for a vendor that needs none.

    Args:
        source: One with `api`.
        vendor: Its description.
        folder: Where watch.toml is; a relative key_file is relative to it.
        environ: Environment variables.

    Raises:
        ConfigError: There is no key where it should be. The message has nothing of its content.
    """
    if vendor.key is None:
        return None
    if source.key_file is not None:
        place, hint = folder / source.key_file, "write the API key to the file, on one line"
        try:
            found = read_regular(place, at_most_bytes=_LONGEST_KEY_BYTES, follow=True)
        except OSError as error:
            raise ConfigError(
                f"source {source.name}: the key file {place} can't be read ({reason_of(error)})",
                hint=hint,
            ) from error
        where, key = f"the key file {place}", found.decode("utf-8", "replace").strip()
    else:
        name = source.key_env or vendor.key.environment
        where, hint = f"the environment variable {name}", f"export {name}=YOUR_KEY, or use key_file"
        key = environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"source {source.name}: {where} has no API key", hint=hint)
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"source {source.name}: what {where} has is not an API key", hint=hint)
    return key


def starting_file() -> str:
    """The commented watch.toml to start from."""
    return shipped_config(WATCH_FILE).read_text(encoding="utf-8")
