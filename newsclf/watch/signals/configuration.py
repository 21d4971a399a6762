"""What signals and alerts are computed with, beside the record."""

from __future__ import annotations

import hashlib
from typing import Literal

from newsclf.common.records import StrictRecord
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.signals.settings import AlertSettings, SignalSettings


class Configuration(StrictRecord):
    """All that decides what a signal is, given the record; the record keeps each once."""

    schema_version: Literal[3] = 3
    signals: SignalSettings
    alerts: AlertSettings
    watchlist: tuple[WatchedEntity, ...]
    entity_list: str | None = None
    """Digest of the list of companies that is used with it; the record has its text."""
    sources: tuple[str, ...]
    """Names of those that are watched."""
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
