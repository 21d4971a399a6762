"""From answers to signals and alerts: the same with restarts as without, and as in a replay."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from newsclf.common.errors import StateError
from newsclf.watch import chain
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.page.view import Alert as ShownAlert
from newsclf.watch.page.view import EntitySignal
from newsclf.watch.record.recorder import BarEntries
from newsclf.watch.record.rows import Signal as SignalEntry
from newsclf.watch.replaying import headlines, last_configuration, replay
from newsclf.watch.signals.alerts import Alert
from newsclf.watch.signals.configuration import ReferenceData
from newsclf.watch.signals.entries import alert_of
from newsclf.watch.signals.source_alerts import SourceAlert
from tests.support.newsrecord import HOUR, fetch
from tests.support.records import NewRecord
from tests.support.watching import BAR_S, SOURCES, Watching, configuration

SUBJECTS = ("Nvidia", "Vodafone", "Nvidia and Vodafone", "Copper")
WORDS = ("orders", "margin", "rises", "falls", "guidance", "plant", "strike", "buyback", "court")


@pytest.fixture
def watching(new_record: NewRecord) -> Iterator[Watching]:
    found = Watching(new_record())
    yield found
    found.close()


# --- restarts and replays


class Moment(NamedTuple):
    """What happens, and how long after the last."""

    after_s: float
    source: str
    outcome: Outcome
    items: Sequence[tuple[int, str, bool]]
    """Id, title, and whether it is withdrawn."""
    scores: int
    restarts: bool


ITEMS = st.tuples(
    st.integers(0, 9),
    st.builds(
        lambda subject, words: " ".join([subject, *words]),
        st.sampled_from(SUBJECTS),
        st.permutations(WORDS).map(lambda words: words[:6]),
    ),
    st.integers(0, 9).map(lambda n: n == 0),
)
MOMENTS = st.builds(
    Moment,
    after_s=st.one_of(st.floats(0.001, 90), st.sampled_from([60, 1200, 5000, 30_000])),
    source=st.sampled_from(SOURCES),
    outcome=st.sampled_from([Outcome.OK, Outcome.OK, Outcome.OK, Outcome.FAILED, Outcome.GONE]),
    items=st.lists(ITEMS, max_size=3),
    scores=st.sampled_from([0, 1, 100]),
    restarts=st.integers(0, 2).map(lambda n: n == 0),
)


def lived(folder: Path, moments: Sequence[Moment], *, restarts: bool) -> Watching:
    found = Watching(folder / f"{restarts}.db")
    for moment in moments:
        found.pass_(moment.after_s)
        items = [
            Item(title=title, id=str(number), retracted=withdrawn)
            for number, title, withdrawn in moment.items
            if moment.outcome is Outcome.OK
        ]
        found.deliver(moment.source, *items, outcome=moment.outcome)
        found.score(moment.scores)
        if restarts and moment.restarts:
            found.restart()
    found.pass_(BAR_S)
    return found


@settings(max_examples=8, phases=[Phase.generate])
@given(moments=st.lists(MOMENTS, min_size=3, max_size=10))
def test_restarts_change_no_signal_and_no_alert_and_a_replay_computes_the_same(
    moments: list[Moment],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        once, often = (lived(Path(folder), moments, restarts=each) for each in (False, True))

        assert often.computed() == once.computed()
        assert often.sent == once.sent
        assert [alert_of(entry) for entry in once.computed()[1]] == once.sent
        bars = list(replay(often.record, configuration(), ReferenceData()))
        assert sum(len(bar.recorded or ()) for bar in bars) == len(once.computed()[0])
        assert [bar.differences for bar in bars] == [0] * len(bars)
        on_scores = [alert for alert in once.sent if isinstance(alert, Alert)]
        assert [alert for bar in bars for alert in bar.alerts] == on_scores
        once.close()
        often.close()


def test_bars_of_a_night_asleep_are_left_out(watching: Watching) -> None:
    watching.pass_(BAR_S)
    watching.pass_(8 * 3600)

    times = sorted({signal.bar_at for signal in watching.computed()[0]})

    assert [(b - a).total_seconds() for a, b in itertools.pairwise(times)] == [8 * 3600]


def test_a_bar_has_not_ended_before_the_clock_is_past_it(watching: Watching) -> None:
    end = watching.chain.next_bar()
    watching.pass_((end - watching.clock.now).total_seconds())
    assert watching.computed()[0] == []

    watching.pass_(1e-6)
    assert {signal.bar_at for signal in watching.computed()[0]} == {end}


def test_a_restart_shows_the_last_bars_and_every_alert(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "MAX_POINTS", 3)
    for title in ("Nvidia rises on strong demand", "Vodafone falls after a weak quarter"):
        watching.deliver("wire", Item(title=title))
        watching.score()
        for _ in range(3):
            watching.pass_(BAR_S)

    watching.restart()

    shown = [each for each in watching.restored if isinstance(each, EntitySignal)]
    times = sorted({signal.bar_at for signal in watching.computed()[0]})
    assert sorted({each.at for each in shown}) == times[-3:]
    assert len(shown) == 3 * 3, "of all headlines and of both entities"
    alerts = [each.id for each in watching.restored if isinstance(each, ShownAlert)]
    assert alerts == [each.id for each in watching.sent]
    assert alerts
    assert watching.chain.next_bar() > times[-1]


@pytest.mark.parametrize("other", [{"schema_version": 3}, {"signals": {"bar_s": 7.3}}])
def test_what_an_earlier_newsclf_computed_with_is_passed_over(
    watching: Watching, other: dict[str, object]
) -> None:
    content = json.dumps(configuration().model_dump(mode="json") | other)
    entry = SignalEntry(entity="", bar_at=watching.clock.now, value=None, detail={})
    watching.recorder.add_computed(
        lambda _: BarEntries(signals=[entry]), configuration=("c0ffee", content)
    )
    with pytest.raises(StateError, match="no signals in it"):
        last_configuration(watching.record)
    watching.pass_(BAR_S)
    assert last_configuration(watching.record) == configuration()


# --- scores


def test_headlines_left_unscored_by_a_kill_are_scored_after_it(watching: Watching) -> None:
    watching.deliver("wire", Item(title="Nvidia rises"), Item(title="Nvidia falls"))
    assert watching.score(1) == ["Nvidia rises"]

    watching.restart()

    assert watching.chain.unscored == 1
    assert watching.score() == ["Nvidia falls"]
    assert watching.score() == []


def test_another_model_scores_nothing_again_unless_it_is_told_to(watching: Watching) -> None:
    other = configuration(model="00" * 32)
    watching.deliver("wire", Item(title="Nvidia rises"))
    watching.score()
    watching.pass_(BAR_S)

    watching.restart(other)
    assert (watching.chain.unscored, watching.chain.headlines_of_others) == (0, 1)
    watching.pass_(BAR_S)
    watching.chain.rescore()
    assert watching.score() == ["Nvidia rises"]
    watching.pass_(BAR_S)

    values = [s.value for s in watching.computed()[0] if s.entity == "Nvidia"]
    assert values[1] is None
    assert values[0] is not None
    assert values[2] is not None
    assert watching.chain.headlines_of_others == 0


# --- sources


def kinds(watching: Watching) -> list[tuple[str, str]]:
    return [(each.source, each.kind) for each in watching.sent if isinstance(each, SourceAlert)]


def test_a_source_that_falls_silent_and_comes_back_is_told_once_each(watching: Watching) -> None:
    for outcome in [Outcome.OK, *[Outcome.FAILED] * 5, *[Outcome.OK] * 2]:
        watching.deliver("wire", outcome=outcome)
        watching.pass_(BAR_S)
        watching.restart()

    assert kinds(watching) == [("wire", "silent"), ("wire", "back")]


@pytest.mark.parametrize(
    ("hours", "live_for_h", "live"), [(0, None, 0), (0, 10, 1), (5, None, 0), (5, 10, 1)]
)
def test_a_restart_goes_by_the_verdicts_on_record(
    watching: Watching, hours: int, live_for_h: int | None, live: int
) -> None:
    now = watching.clock.now
    until = now + live_for_h * HOUR if live_for_h is not None else None
    watching.recorder.add_fetch(fetch("wire", now, live_until=until))
    watching.clock.pass_(hours * HOUR)
    watching.restart()
    watching.pass_(BAR_S)

    assert {entry.detail["sources_live"] for entry in watching.computed()[0]} == {live}


def test_a_source_that_was_never_live_is_told_after_three_failures(watching: Watching) -> None:
    for failures in range(1, 5):
        watching.deliver("wire", outcome=Outcome.UNREACHABLE)
        watching.pass_(BAR_S)
        assert kinds(watching) == [("wire", "silent")] * (failures >= 3)


# --- terms


def test_terms_are_those_with_which_each_source_showed_a_headline(watching: Watching) -> None:
    watching.deliver(
        "wire",
        Item(title="Nvidia posts record profit on strong demand for chips", id="1"),
        terms="CC BY 4.0",
    )
    watching.deliver(
        "paper", Item(title="Nvidia posts record profit on strong demand for chips", id="2")
    )
    watching.score()
    watching.deliver(
        "wire", Item(title="Vodafone margin falls", id="3"), terms="all rights reserved"
    )
    watching.score()

    rows = headlines(watching.record, configuration(), ReferenceData(), until=None)
    assert {row.title: (row.sources, row.terms) for row in rows} == {
        "Nvidia posts record profit on strong demand for chips": (
            ("wire", "paper"),
            ("CC BY 4.0", None),
        ),
        "Vodafone margin falls": (("wire",), ("all rights reserved",)),
    }
