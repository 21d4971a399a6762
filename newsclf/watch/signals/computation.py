"""From the record's commits to signals and alerts: the same live and in a replay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit, Score
from newsclf.watch.signals.aggregate import Aggregate, Evidence, Signal, counts_from, utc
from newsclf.watch.signals.alerts import Alert, States, alerts_at, states_after
from newsclf.watch.signals.configuration import Configuration, ReferenceData
from newsclf.watch.signals.coverage import Sources
from newsclf.watch.signals.delivery import AnyAlert
from newsclf.watch.signals.entries import ALL_HEADLINES
from newsclf.watch.signals.intake import Intake
from newsclf.watch.signals.measures.burst import HOUR_S, WEEKS, Bursts, HourlyCount
from newsclf.watch.signals.measures.drift import (
    REFERENCE,
    WINDOW,
    Drift,
    DriftAlert,
    DriftMonitor,
    ScoredText,
    drift_alerts,
    drifted_after,
)


@dataclass(frozen=True, slots=True)
class ComputedBar:
    """Signals at the end of a bar, and the alerts on them and on drift."""

    signals: list[Signal]
    alerts: list[Alert | DriftAlert] = field(default_factory=list)
    drift: Drift | None = None

    @property
    def raised(self) -> list[Alert]:
        """Alerts on signals that were raised, not cleared."""
        return [each for each in self.alerts if isinstance(each, Alert) and each.kind == "raised"]


class Computation:
    """Signals and alerts of a configuration, from commits in their order."""

    def __init__(self, configuration: Configuration, reference: ReferenceData) -> None:
        """Begin before the first commit.

        Args:
            configuration: What to compute with.
            reference: What it has the digests of.
        """
        settings = configuration.signals
        self._configuration = configuration
        self._digest = configuration.digest
        self.matcher = EntityMatcher(configuration.watchlist, reference.companies)
        self._counts_from = counts_from(settings, reference.clock)
        self.intake = self._intake(0)
        self.sources = Sources(configuration.sources)
        self._aggregate = Aggregate(
            settings,
            configuration.entities,
            configuration=self._digest,
            clock=reference.clock,
            source_weights=configuration.source_weights,
        )
        self._bursts = Bursts(
            configuration.entities,
            bar_s=settings.bar_s,
            time_zone=reference.calendar.time_zone if reference.calendar else "UTC",
        )
        self._drift = DriftMonitor()
        self._states: States = {}
        self._drifted: Mapping[str, bool] = {}

    @property
    def evidence(self) -> Callable[[str | None], Evidence]:
        """The headlines behind the latest signal of an entity."""
        return self._aggregate.evidence

    def restore(self, record: Record, alerts: Sequence[AnyAlert], now: dt.datetime) -> int:
        """Take in what is to be known of a record before its last commits are taken.

        Args:
            record: Where to go on.
            alerts: Those of this configuration that it has.
            now: The time.

        Returns:
            The commit after which commits are to be taken.
        """
        configuration = self._configuration
        self.take_alerts(alerts)
        # An hour more than signals need, for the events that were new in it.
        since = utc(self._counts_from(now.timestamp() - HOUR_S))
        after, last_event = record.window_start(since)
        self.intake = self._intake(last_event)
        scored_by = configuration.model, configuration.engine
        for score, text in record.scored(*scored_by, until=after, first=REFERENCE, last=WINDOW):
            self._drift.take(_scored_text(score, text))
        self._restore_bursts(record)
        return after

    def take(self, commit: Commit) -> None:
        """Take the next commit."""
        for row in self.intake.rows(commit):
            self._aggregate.add(row)
            self._bursts.add(row)
        scored_by = self._configuration.model, self._configuration.engine
        for score, text in zip(commit.scores, commit.scored_texts, strict=True):
            if (score.model, score.engine) == scored_by:
                self._drift.take(_scored_text(score, text))
        self.sources.add(commit)

    def take_bar(self, signals: Sequence[Signal]) -> None:
        """Take the signals of a bar, whoever computed them; a bar that was taken is passed over."""
        if signals:
            counts = {signal.entity: signal.new_events for signal in signals}
            self._bursts.take(HourlyCount(signals[0].at.timestamp(), counts))

    def take_alerts(self, alerts: Sequence[AnyAlert]) -> None:
        """Take the alerts of a bar, whoever computed them."""
        on_scores = (each for each in alerts if isinstance(each, Alert))
        self._states = states_after(on_scores, self._states)
        on_drift = drifted_after(each for each in alerts if isinstance(each, DriftAlert))
        self._drifted = {**self._drifted, **on_drift}

    def bar(self, end_s: float) -> ComputedBar:
        """The signals and alerts at the end of a bar, for `take_bar` and `take_alerts`."""
        at = utc(end_s)
        self._bursts.forget(self._counts_from(end_s))
        bursts = self._bursts.at(end_s)
        signals = []
        for signal in self._aggregate.at(end_s, self.sources.coverage(at)):
            burst = bursts[signal.entity]
            more = {
                "new_events": burst.new_events,
                "usual_events": burst.usual,
                "burst": burst.z,
            }
            signals.append(signal.model_copy(update=more))
        _, alerts = alerts_at(self._states, signals, self._configuration.alerts, self.evidence)
        drift = self._drift.drift
        on_drift = drift_alerts(self._drifted, drift, at, self._digest)
        return ComputedBar(signals, [*alerts, *on_drift], drift)

    def _intake(self, last_event: int) -> Intake:
        return Intake(
            self.matcher,
            model=self._configuration.model,
            engine=self._configuration.engine,
            counts_from=self._counts_from,
            min_relevance=self._configuration.signals.min_relevance,
            last_event=last_event,
        )

    def _restore_bursts(self, record: Record) -> None:
        digest = self._digest
        last = record.last_bar(digest)
        if last is None:
            return
        whole_hour = last.replace(minute=0, second=0, microsecond=0)
        since = whole_hour - dt.timedelta(weeks=WEEKS, hours=1)
        hours = [
            HourlyCount(
                at.timestamp(),
                {
                    None if entity == ALL_HEADLINES else entity: _count(detail["new_events"])
                    for entity, detail in details.items()
                },
            )
            for at, details in record.hourly_bars(digest, since=since, until=last)
        ]
        hour_ago = last - dt.timedelta(seconds=HOUR_S)
        bars = record.bar_times(digest, since=hour_ago, until=last)
        self._bursts.restore(hours, [each.timestamp() for each in bars])


def _count(recorded: object) -> int | None:
    return recorded if isinstance(recorded, int) else None


def _scored_text(score: Score, text: str) -> ScoredText:
    return ScoredText(text, (score.negative, score.neutral, score.positive))
