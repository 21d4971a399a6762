"""Entries of the record for signals, alerts and their deliveries, and back."""

from __future__ import annotations

from newsclf.watch.record import rows as record
from newsclf.watch.signals.aggregate import Evidence, Signal
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.delivery import Delivery
from newsclf.watch.signals.source_alerts import SourceAlert

ALL_HEADLINES = ""
"""Stands in the record for the entity of signals on all headlines; no entity is named so."""
_SCORE, _SOURCE = "score", "source"
"""Rules of alerts."""


def signal_entry(signal: Signal, evidence: Evidence) -> record.Signal:
    """A signal as the record keeps it, with the texts that moved it most."""
    return record.Signal(
        entity=ALL_HEADLINES if signal.entity is None else signal.entity,
        bar_at=signal.at,
        value=signal.score,
        detail=signal.model_dump(mode="json"),
        evidence=[item.version_id for item in evidence.items],
    )


def alert_entry(alert: Alert) -> record.Alert:
    """An alert as the record keeps it."""
    return record.Alert(
        id=alert.id,
        rule=_SCORE,
        entity=ALL_HEADLINES if alert.entity is None else alert.entity,
        detail=alert.model_dump(mode="json"),
        evidence=[item.version_id for item in alert.evidence],
    )


def source_alert_entry(alert: SourceAlert) -> record.Alert:
    """An alert on a source as the record keeps it."""
    return record.Alert(
        id=alert.id,
        rule=_SOURCE,
        entity=alert.source,
        detail=alert.model_dump(mode="json"),
    )


def delivery_entry(delivery: Delivery) -> record.Delivery:
    """What became of an alert, as the record keeps it."""
    return record.Delivery(**delivery.model_dump())


def signal_of(entry: record.Signal) -> Signal:
    """The signal of an entry, equal to the one that was recorded."""
    return Signal.model_validate(entry.detail)


def alert_of(entry: record.Alert) -> Alert | SourceAlert:
    """The alert of an entry."""
    kind = Alert if entry.rule == _SCORE else SourceAlert
    return kind.model_validate(entry.detail)
