"""Alerts on signals: thresholds with hysteresis, a cool-down and a minimum of evidence.

The states follow from the signals, and from the alerts alone: replaying the signals gives the same
alerts again, and after a restart `states_after` the recorded ones goes on where they ended.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from newsclf.common.records import StrictRecord
from newsclf.watch.signals.aggregate import Evidence, EvidenceItem, Signal
from newsclf.watch.signals.settings import AlertSettings

Direction = Literal["negative", "positive"]
_SIGN: Mapping[Direction, int] = {"negative": -1, "positive": 1}


class Alert(StrictRecord):
    """A signal that passed a threshold, with its evidence."""

    schema_version: Literal[2] = 2
    id: str
    """The same whenever this alert is computed or sent again."""
    kind: Literal["raised", "cleared"]
    direction: Direction
    entity: str | None
    """None: all headlines."""
    at: dt.datetime
    signal: Signal
    settings: AlertSettings
    evidence: tuple[EvidenceItem, ...]
    """The headlines that moved the score most."""
    evidence_omitted: int
    """How many others the signal used."""


class AlertState(NamedTuple):
    """What the alerts on an entity were so far."""

    active: Direction | None = None
    last_raised: tuple[tuple[Direction, dt.datetime], ...] = ()
    """When one was raised last, by direction."""

    def after(self, kind: str, direction: Direction, at: dt.datetime) -> AlertState:
        """The state once an alert has been raised or cleared."""
        if kind == "cleared":
            return self._replace(active=None)
        raised = dict(self.last_raised) | {direction: at}
        return AlertState(direction, tuple(sorted(raised.items())))

    def cools_down(self, direction: Direction, at: dt.datetime, cool_down_s: float) -> bool:
        """Whether an alert in this direction was raised too recently."""
        last = dict(self.last_raised).get(direction)
        return last is not None and (at - last).total_seconds() < cool_down_s


States = Mapping[str | None, AlertState]
"""By entity; one that is missing had no alert."""


def alerts_at(
    states: States,
    signals: Iterable[Signal],
    settings: AlertSettings,
    evidence: Callable[[str | None], Evidence],
) -> tuple[dict[str | None, AlertState], list[Alert]]:
    """The alerts of one bar.

    Args:
        states: Those after the bar before.
        signals: At most one for each entity.
        settings: Thresholds.
        evidence: The headlines behind the signal of an entity.

    Returns:
        The states after this bar, and what was raised or cleared in it.
    """
    after = dict(states)
    alerts = []
    for signal in signals:
        state = after.get(signal.entity, AlertState())
        change = _change(state, signal, settings)
        if change is not None:
            after[signal.entity] = state.after(*change, signal.at)
            alerts.append(_alert(*change, signal, settings, evidence(signal.entity)))
    return after, alerts


def states_after(
    alerts: Iterable[Alert], before: States | None = None
) -> dict[str | None, AlertState]:
    """The states that a list of alerts leaves, in the order in which they were raised.

    Args:
        alerts: The list.
        before: The states before it; None: there had been no alert.
    """
    states = dict(before or {})
    for alert in alerts:
        state = states.get(alert.entity, AlertState())
        states[alert.entity] = state.after(alert.kind, alert.direction, alert.at)
    return states


def _change(
    state: AlertState, signal: Signal, settings: AlertSettings
) -> tuple[Literal["raised", "cleared"], Direction] | None:
    score = signal.score or 0.0
    direction: Direction = "positive" if score > 0 else "negative"
    enough = signal.events >= settings.min_events and signal.sources >= settings.min_sources
    if (
        abs(score) >= settings.enter
        and enough
        and state.active != direction
        and not state.cools_down(direction, signal.at, settings.cool_down_s)
    ):
        return "raised", direction
    if state.active and score * _SIGN[state.active] < settings.leave:
        return "cleared", state.active
    return None


def _alert(
    kind: Literal["raised", "cleared"],
    direction: Direction,
    signal: Signal,
    settings: AlertSettings,
    evidence: Evidence,
) -> Alert:
    key = [signal.configuration, signal.entity, kind, direction, signal.at.isoformat()]
    return Alert(
        id=hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32],
        kind=kind,
        direction=direction,
        entity=signal.entity,
        at=signal.at,
        signal=signal,
        settings=settings,
        evidence=evidence.items,
        evidence_omitted=evidence.omitted,
    )
