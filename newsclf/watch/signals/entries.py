"""Entries of the record for signals and alerts, and back."""

from __future__ import annotations

from newsclf.watch.record import rows as record
from newsclf.watch.signals.aggregate import Evidence, Signal
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.delivery import AnyAlert
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.source_alerts import SourceAlert

ALL_HEADLINES = ""
"""Stands in the record for the entity of signals on all headlines; no entity is named so."""
_SCORE, _SOURCE, _DRIFT = "score", "source", "drift"
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


def alert_entry(alert: AnyAlert) -> record.Alert:
    """An alert as the record keeps it."""
    evidence: tuple[int, ...] = ()
    if isinstance(alert, Alert):
        rule, entity = _SCORE, ALL_HEADLINES if alert.entity is None else alert.entity
        evidence = tuple(item.version_id for item in alert.evidence)
    elif isinstance(alert, SourceAlert):
        rule, entity = _SOURCE, alert.source
    else:
        rule, entity = _DRIFT, alert.measure
    detail = alert.model_dump(mode="json")
    return record.Alert(id=alert.id, rule=rule, entity=entity, detail=detail, evidence=evidence)


def signal_of(entry: record.Signal) -> Signal:
    """The signal of an entry, equal to the one that was recorded."""
    return Signal.model_validate(entry.detail)


def alert_of(entry: record.Alert) -> AnyAlert:
    """The alert of an entry."""
    kinds: dict[str, type[AnyAlert]] = {_SCORE: Alert, _SOURCE: SourceAlert, _DRIFT: DriftAlert}
    return kinds[entry.rule].model_validate(entry.detail)
