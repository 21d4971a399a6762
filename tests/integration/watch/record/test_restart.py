"""What a restarted watch reads, as the whole record tells it."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.watch.feeds.health import History, Observation, SourceHealth, recorded_history
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item, Stamp
from newsclf.watch.record.recorder import Added, BarEntries, Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Alert, Commit, Delivery, Signal
from tests.support.newsrecord import HOUR, START, Clock, Feeds, contents, fetch, item
from tests.support.records import NewRecord

MINUTE = dt.timedelta(minutes=1)
PROFIT = "Acme posts record profit on strong demand"
SUBJECTS = ("Acme", "Korvath Bank", "Oil", "Gold", "Copper")
SOURCES = ("wire", "portal", "agency")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(SOURCES),
        st.lists(st.integers(0, 4), max_size=4),  # stories that the document lists
        st.booleans(),  # an edited headline, or not
        st.integers(-40, 600),  # minutes that pass; the clock may be put back
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture
def feeds(new_record: NewRecord) -> Iterator[Feeds]:
    found = Feeds(new_record())
    yield found
    found.recorder.close()


def story(number: int, at: dt.datetime, *, edited: bool) -> Item:
    """A headline; story 0 has no time, story 1 only a date, and each other story a time."""
    what = "warns of a loss after the storm" if edited else "posts record profit on demand"
    published = Stamp("raw", at - HOUR, date_only=number == 1) if number else None
    return item(f"{SUBJECTS[number]} {what}", id=f"g{number}", published=published)


def the_only_fetch(feeds: Feeds) -> Commit:
    with Record(feeds.place) as record:
        (commit,) = record.commits()
    return commit


@settings(max_examples=30)
@given(STEPS, st.integers(-60, 2_000))
def test_a_restart_reads_what_was_seen_live(
    steps: list[tuple[str, list[int], bool, int]], minutes: int
) -> None:
    since = START + dt.timedelta(minutes=minutes)
    asked: dict[str, list[dt.datetime]] = {source: [] for source in SOURCES}
    with tempfile.TemporaryDirectory() as folder:
        feeds = Feeds(Path(folder) / "news.db")
        for source, stories, edited, passing in steps:
            feeds.clock.pass_(dt.timedelta(minutes=passing, microseconds=1))
            now = feeds.clock.now
            document = [story(number, now, edited=edited) for number in stories]
            feeds.recorder.add_fetch(fetch(source, now, status=200), document)
            asked[source].append(now)
        feeds.recorder.close()
        with Record(feeds.place) as record:
            of_two = [at for name in SOURCES[:2] for at in asked[name] if at >= since]
            assert record.asked_at(SOURCES[:2], since=since) == sorted(of_two)
            commit, event = record.window_start(since)
            events_until_then = set()
            for each in record.commits():
                assert (each.known_at < since) == (each.id <= commit)
                if each.id <= commit:
                    events_until_then |= {version.event for version in each.versions}
            assert event == max(events_until_then, default=0)


def observed(at: dt.datetime, outcome: Outcome, items: int, added: Added) -> Observation:
    return Observation(
        at=at, outcome=outcome, items=items, new=added.headlines, published=added.published
    )


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([Outcome.OK, Outcome.OK, Outcome.REPAIRED, Outcome.FAILED]),
            st.lists(st.integers(0, 4), max_size=3),
            st.sampled_from([1, 5, 50, 100, 5_000, 40_000]),  # minutes until then
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 12),
)
def test_a_source_is_judged_after_a_restart_as_before(
    attempts: list[tuple[Outcome, list[int], int]], restart_after: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feeds = Feeds(Path(folder) / "news.db")
        live, again = History(), History()
        for number, (outcome, stories, minutes) in enumerate(attempts):
            if number == restart_after:
                with Record(feeds.place) as record:
                    again = recorded_history(record, "wire", now=feeds.clock.now)
            feeds.clock.pass_(dt.timedelta(minutes=minutes))
            now = feeds.clock.now
            document = [story(each, now, edited=bool(number % 2)) for each in stories]
            document = document if outcome.delivers else []
            added = feeds.recorder.add_fetch(fetch("wire", now, outcome=outcome), document)
            for history in (live, again):
                history.add(observed(now, outcome, len(document), added))
            assert again.health(now=now) == live.health(now=now)
        feeds.recorder.close()
        with Record(feeds.place) as record:
            again = recorded_history(record, "wire", now=feeds.clock.now)
            for days in (0, 1, 30, 55, 57):
                later = feeds.clock.now + dt.timedelta(days=days)
                assert again.health(now=later) == live.health(now=later)


def test_of_a_busy_source_little_is_read(feeds: Feeds) -> None:
    """As many answers with something new as are read one by one, and more."""
    live = History()
    for number in range(1_300):
        feeds.clock.pass_(7 * MINUTE)
        now = feeds.clock.now
        published = Stamp("raw", now - number % 50 * MINUTE)
        document = [item(f"{PROFIT} {number}", id=f"g{number}", published=published)]
        added = feeds.recorder.add_fetch(fetch("wire", now), document)
        live.add(observed(now, Outcome.OK, 1, added))
    with Record(feeds.place) as record:
        again = recorded_history(record, "wire", now=feeds.clock.now)
        past = record.past("wire", since=START, answers=["ok"], latest=3, arrivals=2, newest=1)
        assert recorded_history(record, "other", now=START).health(now=START) == never_asked()
    found = live.health(now=feeds.clock.now)
    assert again.health(now=feeds.clock.now) == found
    for history in (live, again):
        later = feeds.clock.now + 20 * MINUTE
        history.add(Observation(at=later, outcome=Outcome.OK, items=1))
    assert again.health(now=later) == live.health(now=later)
    assert live.health(now=later).missed == pytest.approx(20 / 7, rel=0.5)
    assert (found.new_items, found.usual_gap_s) == (1_300, 420)
    assert (len(past.latest), len(past.arrivals), len(past.newest)) == (3, 2, 1)
    assert past.first is not None
    assert past.first.at == START + 7 * MINUTE
    assert sum(hour.arrivals for hour in past.hours) == 1_299


def never_asked() -> SourceHealth:
    return SourceHealth(outcome=None, live=False, words="not asked yet")


def test_published_are_the_times_of_new_headlines_that_state_one(feeds: Feeds) -> None:
    document = [story(number, START, edited=False) for number in range(4)]
    added = feeds.deliver("wire", *document)
    assert (added.headlines, added.published) == (4, (START - HOUR, START - HOUR))
    edit = feeds.deliver("wire", *(story(number, START, edited=True) for number in range(4)))
    assert (edit.edits, edit.published) == (4, ())


def test_a_source_is_judged_by_what_its_answer_adds_and_with_it(feeds: Feeds) -> None:
    judged: list[Added] = []

    def judge(added: Added) -> dt.datetime | None:
        judged.append(added)
        return START + added.headlines * HOUR if added.headlines else None

    first = feeds.recorder.add_fetch(fetch("wire"), [item(PROFIT, id="g1")], live_until=judge)
    again = feeds.recorder.add_fetch(fetch("wire"), [item(PROFIT, id="g1")], live_until=judge)
    feeds.recorder.add_fetch(fetch("wire", live_until=START + 9 * HOUR))
    assert judged == [first, again]
    with Record(feeds.place) as record:
        fetched = [commit.fetch for commit in record.commits() if commit.fetch]
    assert [each.live_until for each in fetched] == [START + HOUR, None, START + 9 * HOUR]
    assert [each.items for each in fetched] == [1, 1, 0]


def test_a_judgement_that_fails_leaves_nothing_of_its_answer(feeds: Feeds) -> None:
    before = contents(feeds.place)

    def fail(_: Added) -> dt.datetime | None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        feeds.recorder.add_fetch(fetch("wire"), [item(PROFIT, id="g1")], live_until=fail)
    assert contents(feeds.place) == before
    assert feeds.deliver("wire", item(PROFIT, id="g1")).headlines == 1
    assert the_only_fetch(feeds).id == 1


def test_an_empty_record_has_nothing_to_go_on_with(feeds: Feeds) -> None:
    with Record(feeds.place) as record:
        assert record.window_start(START) == (0, 0)
        assert record.asked_at(["wire"], since=START) == []
        assert record.last_bar("digest") is None
        assert record.alerts("digest") == []
        assert record.undelivered("hook", since=START) == []


def signal(entity: str, bar_at: dt.datetime) -> Signal:
    return Signal(entity=entity, bar_at=bar_at, value=None, detail={})


def alert(id_: str) -> Alert:
    return Alert(id=id_, rule="score", entity="Acme", detail={"id": id_})


def compute(
    recorder: Recorder, configuration: str, signals: list[Signal], alerts: list[Alert]
) -> None:
    found = BarEntries(signals=signals, alerts=alerts)
    recorder.add_computed(lambda _: found, configuration=(configuration, "content"))


def test_bars_and_alerts_are_those_of_a_configuration(feeds: Feeds) -> None:
    bars = [signal(entity, START + hour * HOUR) for hour in (1, 3, 2) for entity in ("A", "B")]
    compute(feeds.recorder, "one", bars, [alert("z"), alert("a")])
    compute(feeds.recorder, "two", [signal("A", START)], [alert("m")])
    compute(feeds.recorder, "one", [], [alert("k")])
    with Record(feeds.place) as record:
        assert record.last_bar("one") == START + 3 * HOUR
        assert record.last_bar("two") == START
        assert record.last_bar("three") is None
        assert [each.id for each in record.alerts("one")] == ["z", "a", "k"]
        assert record.alerts("two") == [alert("m")]


def test_an_alert_is_undelivered_until_its_channel_has_an_entry(feeds: Feeds) -> None:
    compute(feeds.recorder, "one", [], [alert("old")])
    feeds.clock.pass_(HOUR)
    compute(feeds.recorder, "one", [], [alert("delivered"), alert("given up")])
    compute(feeds.recorder, "two", [], [alert("lost")])
    entries = [
        Delivery(alert="delivered", channel="hook", delivered=True, attempts=2),
        Delivery(alert="given up", channel="hook", delivered=False, attempts=5, problem="503"),
        Delivery(alert="delivered", channel="hook", delivered=True, attempts=1),
    ]
    for entry in entries:
        feeds.recorder.add_delivery(entry)
    feeds.restart()
    with Record(feeds.place) as record:
        assert record.undelivered("hook", since=START + HOUR) == [alert("lost")]
        others = ["delivered", "given up", "lost"]
        assert [a.id for a in record.undelivered("mail", since=START + HOUR)] == others
        assert [a.id for a in record.undelivered("mail", since=START)] == ["old", *others]
        assert record.undelivered("mail", since=START + 2 * HOUR) == []
        assert [each.delivery for each in record.commits() if each.delivery] == entries


def test_a_secret_in_a_delivery_is_not_kept_and_its_alert_is_found(tmp_path: Path) -> None:
    key = "k3y-of-the-plan"
    feeds = Feeds(tmp_path / "news.db", clock=Clock(), secrets=[key])
    compute(feeds.recorder, "one", [], [alert(f"a-{key}"), alert("b")])
    feeds.recorder.add_delivery(
        Delivery(alert=f"a-{key}", channel="hook", delivered=False, attempts=1, problem=f"no {key}")
    )
    feeds.recorder.close()
    with Record(feeds.place) as record:
        assert [each.id for each in record.undelivered("hook", since=START)] == ["b"]
    assert b"k3y" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
