"""Alerts on sources: one falls silent, or fails until a person looks, and one is back."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Literal

from newsclf.common.records import StrictRecord
from newsclf.watch.feeds.health import SourceHealth
from newsclf.watch.feeds.outcome import Outcome

_FAILURES = 3
"""In a row, until a source that has never been live is reported."""


class SourceAlert(StrictRecord):
    """A source on which signals can't count any more, or can again."""

    schema_version: Literal[1] = 1
    id: str
    """The same whenever this alert is sent again."""
    kind: Literal["silent", "back"]
    source: str
    at: dt.datetime
    verdict: Outcome
    words: str
    """What is the matter, for people."""


def source_alerts(
    silent: Mapping[str, bool], health: Mapping[str, SourceHealth], at: dt.datetime
) -> list[SourceAlert]:
    """The alerts on sources at a time.

    Args:
        silent: Whether a source was reported silent; one that is missing has not been live yet.
        health: By the last answer of each source that was asked.
        at: The time, UTC.
    """
    alerts = []
    for source, found in health.items():
        live = found.live_until is not None and found.live_until >= at
        was_silent = silent.get(source)
        if live and was_silent:
            alerts.append(_alert("back", source, found, at))
        elif not live and not was_silent and (was_silent is not None or _lasts(found)):
            alerts.append(_alert("silent", source, found, at))
    return alerts


def silent_after(alerts: Iterable[SourceAlert]) -> dict[str, bool]:
    """Whether each source was reported silent, after alerts in their order."""
    return {alert.source: alert.kind == "silent" for alert in alerts}


def _lasts(found: SourceHealth) -> bool:
    return found.failures >= _FAILURES or found.outcome is Outcome.STALE


def _alert(
    kind: Literal["silent", "back"], source: str, found: SourceHealth, at: dt.datetime
) -> SourceAlert:
    key = json.dumps(["source", source, kind, at.isoformat()])
    return SourceAlert(
        id=hashlib.sha256(key.encode()).hexdigest()[:32],
        kind=kind,
        source=source,
        at=at,
        verdict=found.outcome or Outcome.STALE,
        words=found.words,
    )
