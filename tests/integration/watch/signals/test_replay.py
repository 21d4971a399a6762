"""Tests that signals and alerts computed live are those of a replay, from a record on the disk."""

from __future__ import annotations

import datetime as dt
import random
from functools import partial
from pathlib import Path

import pytest

from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.entities.matcher import EntityMatcher
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.record.recorder import BarEntries, Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Fetch, Score
from newsclf.watch.signals.aggregate import Aggregate, Coverage, Signal, counts_from, utc
from newsclf.watch.signals.alerts import Alert, States, alerts_at, states_after
from newsclf.watch.signals.entries import alert_entry, alert_of, signal_entry, signal_of
from newsclf.watch.signals.intake import Intake
from newsclf.watch.signals.measures.trading_time import MarketClock
from newsclf.watch.signals.settings import AlertSettings, SignalSettings

START_S = 1_790_000_000.0
BAR_S = 60.0
MODEL, ENGINE = "5f" * 32, "a test"
WATCHED = (WatchedEntity(name="Nvidia"), WatchedEntity(name="Vodafone"))
SETTINGS = SignalSettings(half_life_s=600, shrinkage=1, bar_s=BAR_S)
ALERTS = AlertSettings(enter=0.2, leave=0.1, cool_down_s=120, min_events=1)
WORDS = [
    "orders",
    "margin",
    "rises",
    "falls",
    "guidance",
    "plant",
    "strike",
    "buyback",
    "court",
    "chip",
    "tower",
    "spectrum",
]


class Computation:
    """Signals and alerts at each bar, from commits that are handed in."""

    def __init__(self, states: States | None = None) -> None:
        self.intake = Intake(
            EntityMatcher(WATCHED),
            model=MODEL,
            engine=ENGINE,
            counts_from=counts_from(SETTINGS, MarketClock()),
            min_relevance=SETTINGS.min_relevance,
        )
        self.aggregate = Aggregate(
            SETTINGS, [entity.name for entity in WATCHED], configuration="c0ffee"
        )
        self.states: States = states or {}

    def bar(self, at_s: float) -> tuple[list[Signal], list[Alert]]:
        """The signals and alerts of a bar."""
        signals = self.aggregate.at(at_s, Coverage(1, 1))
        self.states, alerts = alerts_at(self.states, signals, ALERTS, self.aggregate.evidence)
        return signals, alerts


def given(found: BarEntries, _: dt.datetime) -> BarEntries:
    return found


def live(path: Path, seed: int) -> dict[float, tuple[list[Signal], list[Alert]]]:
    """A watch of an hour: headlines, copies, edits, retractions, scored with a delay."""
    rng = random.Random(seed)  # noqa: S311 - a test's data
    now_s = START_S
    computed = {}
    computation = Computation()
    waiting: list[tuple[int, str]] = []
    shown: list[Item] = []
    done = 0

    with (
        Recorder(path, now=lambda: utc(now_s)) as recorder,
        Record(path) as record,
    ):

        def take_in() -> None:
            nonlocal done
            for commit in record.commits(after=done):
                done = commit.id
                for row in computation.intake.rows(commit):
                    computation.aggregate.add(row)

        for step in range(180):
            before_s, now_s = now_s, now_s + rng.uniform(1, 40)
            for number in range(int(before_s // BAR_S) + 1, int(now_s // BAR_S) + 1):
                take_in()
                signals, alerts = computed[number * BAR_S] = computation.bar(number * BAR_S)
                found = BarEntries(
                    signals=[
                        signal_entry(s, computation.aggregate.evidence(s.entity)) for s in signals
                    ],
                    alerts=[alert_entry(alert) for alert in alerts],
                )
                recorder.add_computed(partial(given, found), configuration=("c0ffee", "{}"))
            item = _next_item(rng, shown, step)
            fetch = Fetch(
                source=rng.choice(["wire", "paper"]),
                fetched_at=utc(now_s),
                monotonic_s=now_s,
                outcome=Outcome.OK,
            )
            waiting += recorder.add_fetch(fetch, [item]).versions
            if rng.random() < 0.7:
                scores = [Score(v, MODEL, ENGINE, *_probabilities(text)) for v, text in waiting]
                recorder.add_scores(scores)
                waiting = []
    return computed


def _next_item(rng: random.Random, shown: list[Item], step: int) -> Item:
    known = rng.choice(shown) if shown and rng.random() < 0.4 else None
    subject = rng.choice(["Nvidia", "Vodafone", "Nvidia Vodafone", "Economy"])
    title = " ".join([subject, *rng.sample(WORDS, 6)])
    if known is None:
        shown.append(Item(title=title, id=str(step), url=f"https://news.example/{step}"))
        return shown[-1]
    kind = rng.choice(["copy", "edit", "retraction"])
    return Item(
        title=known.title if kind != "edit" else title,
        id=known.id,
        url=known.url,
        retracted=kind == "retraction",
    )


def _probabilities(text: str) -> tuple[float, float, float]:
    rng = random.Random(text)  # noqa: S311 - a test's data
    positive = rng.random()
    return 1 - positive, 0.0, positive


@pytest.mark.parametrize("seed", range(3))
def test_a_replay_computes_every_signal_and_alert_again_bit_for_bit(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "record.sqlite"
    computed = live(path, seed)
    recorded_signals, recorded_alerts = [], []
    replayed = Computation()
    with Record(path) as record:
        commits = list(record.commits())
    for commit in commits:
        for row in replayed.intake.rows(commit):
            replayed.aggregate.add(row)
        if commit.computed:
            recorded_signals += [signal_of(entry) for entry in commit.computed.signals]
            recorded_alerts += [alert_of(entry) for entry in commit.computed.alerts]

    assert {at_s: replayed.bar(at_s) for at_s in sorted(computed)} == computed
    assert recorded_signals == [signal for signals, _ in computed.values() for signal in signals]
    assert recorded_alerts == [alert for _, alerts in computed.values() for alert in alerts]
    assert any(alert for alert in recorded_alerts)
    on_scores = [alert for alert in recorded_alerts if isinstance(alert, Alert)]
    assert states_after(on_scores) == replayed.states


def test_a_bar_of_a_record_that_ends_there_is_that_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite"
    computed = live(path, 7)

    with Record(path) as record:
        for at_s in random.Random(7).sample(sorted(computed), 8):  # noqa: S311 - a test's data
            cut = Computation()
            for commit in record.commits(until=dt.datetime.fromtimestamp(at_s, dt.UTC)):
                for row in cut.intake.rows(commit):
                    cut.aggregate.add(row)
            assert cut.bar(at_s)[0] == computed[at_s][0]
