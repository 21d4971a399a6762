"""A watch without its sources and its clock: answers, scores and bars as a test has them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Container

from newsclf.contract.answers import Prediction
from newsclf.watch.chain import Chain, Step
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Alert as AlertEntry
from newsclf.watch.record.rows import Signal as SignalEntry
from newsclf.watch.record.storage.address import Place
from newsclf.watch.signals.configuration import Configuration
from newsclf.watch.signals.delivery import AnyAlert
from newsclf.watch.signals.settings import AlertSettings, SignalSettings
from tests.support.newsrecord import START, Clock

SOURCES = ("wire", "paper")
BAR_S = 60


def configuration(model: str = "5f" * 32, *, bar_s: int = BAR_S) -> Configuration:
    return Configuration(
        signals=SignalSettings(half_life_s=600, shrinkage=1, bar_s=bar_s),
        alerts=AlertSettings(enter=0.2, leave=0.1, cool_down_s=120, min_events=1),
        watchlist=(WatchedEntity(name="Nvidia"), WatchedEntity(name="Vodafone")),
        sources=SOURCES,
        model=model,
        engine="a test",
    )


class Watching:
    """A chain with its record and clock, which can be ended and go on."""

    def __init__(
        self, place: Place, used: Configuration | None = None, *, clock: Clock | None = None
    ) -> None:
        """Begin, alone.

        Args:
            place: Of the record.
            used: What signals are computed with.
            clock: That several of one record share.
        """
        self.place = place
        self.clock = clock or Clock(START + dt.timedelta(seconds=BAR_S / 2))
        self.sent: list[AnyAlert] = []
        self._open(used or configuration())

    def _open(self, used: Configuration) -> None:
        self.recorder = Recorder(self.place, now=self.clock)
        self.record = Record(self.place)
        self.sharing = self.recorder.sharing()
        self.sharing.join(used.digest)
        self.sharing.renew([frozenset(used.sources)], [])
        self.chain = Chain(self.recorder, self.record, used, sharing=self.sharing)
        self.restored = self.chain.restore()

    def close(self) -> None:
        """End, as a kill does: nothing more is written to the record."""
        self.sharing.leave()
        self.record.close()
        self.recorder.close()

    def restart(self, used: Configuration | None = None) -> None:
        """End, and go on."""
        self.close()
        self._open(used or configuration())

    def deliver(
        self,
        source: str,
        *items: Item,
        outcome: Outcome = Outcome.OK,
        terms: str | None = None,
    ) -> Step:
        """Take the answer of a source."""
        return self.chain.add_answer(
            source,
            Answered(outcome=outcome, items=items, at=self.clock.now, monotonic_s=0.0, terms=terms),
        )

    def score(self, at_most: int = 100, sources: Container[str] | None = None) -> list[str]:
        """Score what waits, or what of it is of some sources; returns its texts."""
        waiting = self.chain.to_score(at_most, sources)
        if waiting:
            self.chain.add_scores([v for v, _ in waiting], [predicted(text) for _, text in waiting])
        return [text for _, text in waiting]

    def pass_(self, seconds: float) -> Step:
        """Let time pass, and compute the bar that ended."""
        self.clock.pass_(dt.timedelta(seconds=seconds))
        return self.bar()

    def bar(self) -> Step:
        """Compute the bar that ended, if no other one has."""
        step = self.chain.bar()
        self.sent += step.alerts
        return step

    def computed(self) -> tuple[list[SignalEntry], list[AlertEntry]]:
        """All signals and alerts on record."""
        found = [c.computed for c in self.record.commits() if c.computed is not None]
        return [s for c in found for s in c.signals], [a for c in found for a in c.alerts]


def predicted(text: str) -> Prediction:
    """Probabilities that depend on the text alone."""
    positive = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32
    return Prediction((1 - positive, 0.0, positive))
