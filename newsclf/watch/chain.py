"""From answers to signals: what each answer, each set of scores and each bar adds to the record.

Everything that is shown, computed or sent follows from the record's commits, which are taken in
their order, whoever added them. So a watch that was killed goes on where its record ends, and
several watches of one record show the same. Nothing here runs by itself, and one thread uses it;
`run.py` does the rest.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from newsclf.contract.answers import Prediction
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.health import History, Observation, SourceHealth, recorded_history
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import MAX_POINTS, Change
from newsclf.watch.record.recorder import Added, BarEntries, Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit, Computed, Delivery, Fetch, Score
from newsclf.watch.record.storage.sharing import Sharing
from newsclf.watch.showing import Shown, drift, entity_signal, shown_alerts, source_health
from newsclf.watch.signals.aggregate import bar_ends, last_bar_end, utc
from newsclf.watch.signals.computation import Computation
from newsclf.watch.signals.configuration import Configuration, ReferenceData
from newsclf.watch.signals.delivery import AnyAlert
from newsclf.watch.signals.entries import (
    alert_entry,
    alert_of,
    signal_entry,
    signal_of,
)
from newsclf.watch.signals.measures.drift import DriftAlert
from newsclf.watch.signals.source_alerts import SourceAlert, silent_after, source_alerts


@dataclass(frozen=True, slots=True)
class Step:
    """What one step brought."""

    changes: list[Change] = field(default_factory=list)
    alerts: list[AnyAlert] = field(default_factory=list)
    """To be sent; they are in the record."""
    new: Added | None = None
    """What an answer added."""

    def extend(self, other: Step) -> None:
        """Add what another step brought."""
        self.changes.extend(other.changes)
        self.alerts.extend(other.alerts)


class _Unscored(NamedTuple):
    text: str
    source: str


class _Judged(NamedTuple):
    """A source with its latest answer, once that is in the record."""

    history: History
    health: SourceHealth


class Chain:
    """A record and all that is computed from it."""

    def __init__(
        self,
        recorder: Recorder,
        record: Record,
        configuration: Configuration,
        *,
        sharing: Sharing,
        reference: ReferenceData | None = None,
    ) -> None:
        """Go on where a record ends.

        Args:
            recorder: Writes the record.
            record: Reads the same.
            configuration: What signals are computed with.
            sharing: Which sources are this watch's.
            reference: What the configuration has the digests of.

        Raises:
            StateError: The record can't be read.
            DataError: It is damaged.
        """
        self._recorder = recorder
        self._record = record
        self._configuration = configuration
        self._digest = configuration.digest
        self._sharing = sharing
        now = recorder.now()
        reference = reference or ReferenceData()
        self._texts = reference.texts
        self._computation = Computation(configuration, reference)
        self.shown = Shown(configuration, self._computation.matcher)
        self._history = {
            name: recorded_history(record, name, now=now) for name in configuration.sources
        }
        self._health: dict[str, SourceHealth] = {}
        self._judged: dict[int, _Judged] = {}
        """By the commit of an answer that has just been recorded."""
        recorded = [alert_of(entry) for entry in record.alerts(self._digest)]
        self._drifts = [each for each in recorded if isinstance(each, DriftAlert)]
        self._silent = silent_after(a for a in recorded if isinstance(a, SourceAlert))
        self._unscored: OrderedDict[int, _Unscored] = OrderedDict()
        self._last_bar_s = now.timestamp()
        self._after = self._computation.restore(record, recorded, now)

    @property
    def unscored(self) -> int:
        """Headlines that wait for their scores."""
        return len(self._unscored)

    def health(self, source: str) -> SourceHealth | None:
        """State of a source after its last answer; None before the first."""
        return self._health.get(source)

    def restore(self) -> list[Change]:
        """Take in what the record holds of the window; returns what is to be shown of it."""
        # Only so many bars are shown: to read all of a window takes minutes for a long watch list.
        bars: deque[Computed] = deque(maxlen=MAX_POINTS)
        alerts: list[Change] = []
        for commit in self._new_commits():
            self._take_news(commit)
            if (found := self._bar_of(commit)) is not None:
                bars.append(found)
                alerts += self._take_alerts(found).changes
        points = [point for found in bars for point in self._take_signals(found)]
        self._unscored.update(
            (id_, _Unscored(text, source)) for id_, text, source in self._record.unscored()
        )
        sources = self._computation.sources
        for name, history in self._history.items():
            if history.last is not None:
                self._health[name] = history.health(now=history.last.at)
            if not sources.knows(name) and (last := self._record.last_fetch(name)) is not None:
                sources.add_verdict(name, last.fetched_at, last.live_until)  # before the window
        return [
            *self._shown_sources(self._health),
            *self.shown.headlines,
            *map(drift, self._drifts),
            *points,
            *alerts,
        ]

    @property
    def headlines_of_others(self) -> int:
        """Headlines of the window that other models have scored, so that they don't count."""
        return sum(
            version.id not in self._unscored for version in self._computation.intake.unscored
        )

    def rescore(self) -> None:
        """Have this model score the headlines of the window that others have scored."""
        self._unscored.update(
            (version.id, _Unscored(version.text, version.source))
            for version in self._computation.intake.unscored
        )

    def add_answer(self, source: str, answered: Answered) -> Step:
        """Record what a source answered.

        Raises:
            StateError: The record can't be written.
        """
        fetch = Fetch(
            source=source,
            fetched_at=answered.at,
            monotonic_s=answered.monotonic_s,
            outcome=answered.outcome,
            status=answered.status,
            server_at=answered.server_at,
            body_digest=answered.body_digest,
            body_bytes=answered.body_bytes,
            detail=answered.detail,
            retry_after_s=answered.retry_after_s,
            terms=answered.terms,
        )
        judged = _Judged(self._history[source], SourceHealth(outcome=None, live=False, words=""))

        def live_until(added: Added) -> dt.datetime | None:
            nonlocal judged
            history = self._history[source].with_(_observation(answered, added))
            judged = _Judged(history, history.health(now=answered.at))
            return judged.health.live_until

        new = self._recorder.add_fetch(
            fetch,
            answered.items,
            live_until=live_until,
            guard=partial(self._sharing.check, source=source),
        )
        self._judged[new.commit] = judged
        step = self.advance()
        return Step(changes=step.changes, alerts=step.alerts, new=new)

    def to_score(
        self, at_most: int, sources: Container[str] | None = None
    ) -> list[tuple[int, str]]:
        """Versions without scores and their texts, those that came first.

        Args:
            at_most: How many.
            sources: Only of these, and of those that are not watched any more; None: of all.
        """
        due = (
            (version, unscored.text)
            for version, unscored in self._unscored.items()
            if sources is None or unscored.source in sources or unscored.source not in self._history
        )
        return list(islice(due, at_most))

    def add_scores(self, versions: Sequence[int], predictions: Sequence[Prediction]) -> Step:
        """Record the scores of versions.

        Raises:
            StateError: The record can't be written.
        """
        scored_by = self._configuration.model, self._configuration.engine
        scores = [
            Score(version, *scored_by, *prediction.scores)
            for version, prediction in zip(versions, predictions, strict=True)
        ]
        self._recorder.add_scores(scores)
        for version in versions:  # those that had been scored have no commit again
            self._unscored.pop(version, None)
        return self.advance()

    def leave_out(self, version: int) -> None:
        """Take a version that can't be scored off the list."""
        self._unscored.pop(version, None)

    def next_bar(self) -> dt.datetime:
        """End of the next bar."""
        bar_s = self._configuration.signals.bar_s
        return utc(next(bar_ends(self._last_bar_s, self._last_bar_s + 2 * bar_s, bar_s)))

    def bar(self) -> Step:
        """Record the signals of the last bar that has ended, and the alerts that follow.

        Bars in between are left out, such as those of a night for which the machine slept; a replay
        can compute them. A bar has ended once the record's clock is past it: nothing more can then
        be recorded as known by its end. One that another watch has recorded is left as it is.

        Raises:
            StateError: The record can't be written.
        """
        step = self.advance()
        if self.next_bar() < self._recorder.now():
            self._recorder.add_computed(
                partial(self._entries, step),
                configuration=(self._digest, self._configuration.content),
                texts=self._texts,
            )
            step.extend(self.advance())
        return step

    def _entries(self, step: Step, now: dt.datetime) -> BarEntries | None:
        """Signals and alerts of the last bar, from all commits; None if it is on record.

        Args:
            step: Gets what others have added meanwhile.
            now: The record's clock.
        """
        step.extend(self.advance())
        now_s = now.timestamp()
        end_s = last_bar_end(self._last_bar_s, now_s, self._configuration.signals.bar_s)
        if end_s is None or end_s == now_s:
            return None
        at = utc(end_s)
        found = self._computation.bar(end_s)
        evidence = self._computation.evidence
        on_sources = source_alerts(self._silent, self._health_at(at), at)
        return BarEntries(
            signals=[signal_entry(signal, evidence(signal.entity)) for signal in found.signals],
            alerts=[alert_entry(alert) for alert in (*found.alerts, *on_sources)],
        )

    def unsent(self, channel: str, *, since: dt.datetime) -> list[AnyAlert]:
        """Alerts that a channel should have got when the watch ended."""
        return [alert_of(entry) for entry in self._record.undelivered(channel, since=since)]

    def add_delivery(self, delivery: Delivery) -> None:
        """Record what became of an alert.

        Raises:
            StateError: The record can't be written.
        """
        self._recorder.add_delivery(delivery)

    def advance(self) -> Step:
        """Take in what has been added to the record, by this watch and by others."""
        step = Step()
        for commit in self._new_commits():
            step.extend(self._take(commit))
        return step

    def _new_commits(self) -> Iterator[Commit]:
        for commit in self._record.commits(after=self._after):
            self._after = commit.id
            yield commit

    def _take(self, commit: Commit) -> Step:
        step = Step(changes=self._take_news(commit))
        if (found := self._bar_of(commit)) is not None:
            step.changes.extend(self._take_signals(found))
            step.extend(self._take_alerts(found))
        return step

    def _bar_of(self, commit: Commit) -> Computed | None:
        """Signals and alerts of this configuration, if the commit has some."""
        found = commit.computed
        return found if found is not None and found.configuration == self._digest else None

    def _take_news(self, commit: Commit) -> list[Change]:
        self._computation.take(commit)
        changes = self.shown.changes(commit)
        for version in commit.versions:
            self._unscored[version.id] = _Unscored(version.text, version.source)
        for score in commit.scores:
            self._unscored.pop(score.version, None)
        if commit.fetch is not None and commit.fetch.source in self._history:
            changes.extend(self._shown_sources(self._observe(commit.fetch, commit)))
        return changes

    def _observe(self, fetch: Fetch, commit: Commit) -> dict[str, SourceHealth]:
        """Take in an answer; returns the health of its source, if it wasn't known."""
        judged = self._judged.pop(commit.id, None)
        if judged is None:  # another watch's, or of before this one
            history = self._history[fetch.source]
            if history.last is not None and fetch.fetched_at <= history.last.at:
                return {}
            history.add(_recorded_observation(fetch, commit))
            judged = _Judged(history, history.health(now=fetch.fetched_at))
        self._history[fetch.source], self._health[fetch.source] = judged
        return {fetch.source: judged.health}

    def _take_signals(self, found: Computed) -> list[Change]:
        signals = [signal_of(entry) for entry in found.signals]
        for signal in signals:
            self._last_bar_s = max(self._last_bar_s, signal.at.timestamp())
        self._computation.take_bar(signals)
        return [entity_signal(signal) for signal in signals]

    def _take_alerts(self, found: Computed) -> Step:
        alerts = [alert_of(entry) for entry in found.alerts]
        on_sources = [alert for alert in alerts if isinstance(alert, SourceAlert)]
        self._computation.take_alerts(alerts)
        self._silent |= silent_after(on_sources)
        changed = {a.source: self._health[a.source] for a in on_sources if a.source in self._health}
        return Step(changes=[*shown_alerts(alerts), *self._shown_sources(changed)], alerts=alerts)

    def _health_at(self, at: dt.datetime) -> dict[str, SourceHealth]:
        """The health of each source; judged again where its last verdict holds no more."""
        for source, found in self._health.items():
            if found.live_until is not None and found.live_until < at:
                self._health[source] = self._history[source].health(now=at)
        return self._health

    @staticmethod
    def _shown_sources(health: Mapping[str, SourceHealth]) -> list[Change]:
        return [source_health(name, found) for name, found in health.items()]


def _observation(answered: Answered, added: Added) -> Observation:
    return Observation(
        at=answered.at,
        outcome=answered.outcome,
        reason=answered.detail or "",
        items=len(answered.items),
        new=added.headlines,
        published=added.published,
        moved_to=answered.moved_to,
    )


def _recorded_observation(fetch: Fetch, commit: Commit) -> Observation:
    claimed = (v.published for v in commit.versions if v.number == 1 and v.published is not None)
    return Observation(
        at=fetch.fetched_at,
        outcome=Outcome(fetch.outcome),
        reason=fetch.detail or "",
        items=fetch.items,
        new=fetch.headlines,
        published=tuple(s.at for s in claimed if s.at is not None and not s.date_only),
    )
