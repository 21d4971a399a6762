"""What signals and alerts are computed with, beside the record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from newsclf.common.records import StrictRecord
from newsclf.watch.entities.listed import CompanyList, WatchedEntity
from newsclf.watch.signals.measures.trading_time import MarketClock, TradingCalendar
from newsclf.watch.signals.settings import AlertSettings, SignalSettings


@dataclass(frozen=True)
class ReferenceData:
    """What signals are computed with that is no setting: companies, and hours of trading.

    The configuration has the digests, the record the texts.
    """

    companies: CompanyList | None = None
    calendar: TradingCalendar | None = None

    @property
    def texts(self) -> dict[str, str]:
        """Its texts, by their digests."""
        return {each.digest: each.text for each in (self.companies, self.calendar) if each}

    @property
    def clock(self) -> MarketClock:
        """By which news grows old."""
        return MarketClock(self.calendar)


class Configuration(StrictRecord):
    """All that decides what a signal is, given the record; the record keeps each once."""

    schema_version: Literal[4] = 4
    signals: SignalSettings
    alerts: AlertSettings
    watchlist: tuple[WatchedEntity, ...]
    entity_list: str | None = None
    """Digest of the list of companies that is used with it; the record has its text."""
    calendar: str | None = None
    """Digest of the hours of the exchange; the record has their text."""
    sources: tuple[str, ...]
    """Names of those that are watched."""
    source_weights: dict[str, float] = Field(default_factory=dict)
    """Of those that don't weigh 1."""
    model: str
    """Digest of the model whose scores count."""
    engine: str
    """What computed them."""

    @property
    def content(self) -> str:
        """Its JSON, as the record keeps it."""
        return self.model_dump_json()

    @property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @property
    def entities(self) -> tuple[str, ...]:
        """Names on the watch list."""
        return tuple(entity.name for entity in self.watchlist)
