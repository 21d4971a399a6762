"""Which documents make new headlines, edits, sightings and events, in a record on disk."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsclf.watch.item import Item, Stamp
from newsclf.watch.record.recorder import BarEntries
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Alert, Commit, Score, Signal, Version
from newsclf.watch.record.shown import shown_texts
from tests.support.newsrecord import HOUR, START, Clock, Feeds, contents, fetch, item
from tests.support.records import NewRecord

PROFIT = "Acme posts record profit on strong demand"
OIL = "Oil falls as supply grows faster than demand"
URL = "https://example.com/acme"


@pytest.fixture
def feeds(new_record: NewRecord) -> Iterator[Feeds]:
    found = Feeds(new_record())
    yield found
    found.recorder.close()


def replayed(feeds: Feeds) -> list[Commit]:
    with Record(feeds.place) as record:
        return list(record.commits())


def versions(feeds: Feeds) -> list[Version]:
    return [version for commit in replayed(feeds) for version in commit.versions]


@pytest.mark.parametrize("restarting", [False, True])
def test_a_headline_is_added_once_however_often_it_is_listed(
    feeds: Feeds, *, restarting: bool
) -> None:
    first = feeds.deliver("wire", item(PROFIT, id="g1", url=URL), item(OIL, id="g2"))
    assert (first.headlines, first.events, len(first.versions)) == (2, 2, 2)
    for _ in range(3):
        feeds.clock.pass_(30 * HOUR)
        if restarting:
            feeds.restart()
        again = feeds.deliver("wire", item(OIL, id="g2"), item(PROFIT, id="g1", url=URL))
        assert (again.headlines, again.edits, again.versions) == (0, 0, ())
    rows = contents(feeds.place)
    assert {name: len(rows[name]) for name in ("fetches", "items", "headlines")} == {
        "fetches": 4,
        "items": 2,
        "headlines": 2,
    }


@pytest.mark.parametrize(
    "again",
    [
        item(PROFIT, id="g1", url=f"{URL}?utm_source=rss"),
        item(PROFIT, id="changed", url=f"{URL}/amp"),
        item(PROFIT, id="changed", url="https://example.com/other"),
        item(PROFIT, url=URL),
        item(PROFIT.upper()),
        item(f"REFILE-{PROFIT}", url="https://example.com/other"),
    ],
)
@pytest.mark.parametrize("source", ["wire", "other"])
def test_the_same_article_is_recognised_by_identifier_address_or_words(
    feeds: Feeds, again: Item, source: str
) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    feeds.clock.pass_(HOUR)
    feeds.restart()
    added = feeds.deliver(source, again)
    assert (added.headlines, added.events) == (0, 0)


def test_an_edit_is_a_version_and_a_second_source_with_other_words_is_none(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    assert feeds.deliver("portal", item("Acme: a record year", id="p", url=URL)).versions == ()
    edit = feeds.deliver("wire", item("Acme posts record loss", id="g1", url=URL))
    assert (edit.headlines, edit.edits) == (0, 1)
    back = feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    assert (back.headlines, back.edits) == (0, 1)
    found = versions(feeds)
    assert [(each.number, each.text) for each in found] == [
        (1, PROFIT),
        (2, "Acme posts record loss"),
        (3, PROFIT),
    ]
    assert {each.headline for each in found} == {1}
    assert {each.event for each in found} == {1}


def test_an_edit_with_another_identifier_is_recognised_by_the_address(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    edit = feeds.deliver("wire", item("Acme posts record loss", id="g1-edited", url=URL))
    assert (edit.headlines, edit.edits) == (0, 1)


def test_a_correction_that_changes_one_sign_is_a_version(feeds: Feeds) -> None:
    feeds.deliver("wire", item("Acme earned 1.5 dollars a share", id="g1"))
    edit = feeds.deliver("wire", item("CORRECTED-Acme earned 15 dollars a share", id="g1"))
    assert edit.edits == 1


def test_two_sources_that_follow_each_other_make_one_version_of_an_edit(feeds: Feeds) -> None:
    for text in (PROFIT, "Acme posts record loss on weak demand"):
        for source in ("wire", "portal"):
            feeds.deliver(source, item(text, id=f"{source}-1", url=URL))
            feeds.deliver(source, item(text, id=f"{source}-1", url=URL))
    assert [each.number for each in versions(feeds)] == [1, 2]


def test_an_identifier_that_all_items_share_hides_none(feeds: Feeds) -> None:
    everything = [item(PROFIT, id="N/A", url=URL), item(OIL, id="N/A", url=f"{URL}-2")]
    assert feeds.deliver("wire", *everything).headlines == 2
    gold = item("Gold steadies before the decision on rates", id="N/A", url=f"{URL}-3")
    assert feeds.deliver("wire", gold, *everything).headlines == 1
    assert feeds.deliver("wire", everything[1]).headlines == 0
    copper = item("Copper slides while the dollar gains", id="N/A", url=f"{URL}-4")
    assert feeds.deliver("wire", copper).headlines == 1
    added = feeds.deliver("wire", gold, copper, *everything)
    assert (added.headlines, added.versions) == (0, ())


@pytest.mark.parametrize("identifier", [None, "N/A"])
@pytest.mark.parametrize("url", [None, URL, "https://news.example.com/"])
@pytest.mark.parametrize("begins_alone", [True, False])
def test_an_item_is_known_whatever_others_the_document_has(
    feeds: Feeds, identifier: str | None, url: str | None, *, begins_alone: bool
) -> None:
    zinc, tin = (item(text, id=identifier, url=url) for text in ("Zinc slumps", "Tin soars"))
    if begins_alone:
        assert feeds.deliver("wire", zinc).headlines == 1
    added = feeds.deliver("wire", tin, zinc)
    assert (added.headlines, added.edits) == (1 if begins_alone else 2, 0)
    for window in ([zinc], [zinc, tin], [tin, zinc], [zinc]):
        added = feeds.deliver("wire", *window)
        assert (added.headlines, added.versions) == (0, ())


def test_a_feed_of_one_item_that_uses_its_identifier_again_hides_none(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="latest", url=URL))
    assert feeds.deliver("wire", item(OIL, id="latest", url=f"{URL}-2")).headlines == 1
    assert feeds.deliver("wire", item(OIL, id="latest", url=f"{URL}-2")).headlines == 0
    assert feeds.deliver("wire", item(PROFIT, id="latest", url=URL)).headlines == 0


def test_an_address_that_a_source_uses_again_hides_no_headline(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="d1", url=URL))
    feeds.clock.pass_(120 * HOUR)

    added = feeds.deliver("wire", item(OIL, id="d2", url=URL))
    rewritten = feeds.deliver("wire", item(f"{OIL} again", id="d3", url=URL))
    elsewhere = feeds.deliver("other", item("Quite other words of its own", id="o1", url=URL))

    assert (added.headlines, added.events, added.edits) == (1, 1, 0)
    assert (rewritten.headlines, rewritten.edits) == (0, 1)
    assert (elsewhere.headlines, elsewhere.edits) == (0, 0)
    assert [each.headline for each in versions(feeds)] == [1, 2, 2]


def test_words_identify_a_headline_for_24_hours_only(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    feeds.clock.pass_(24 * HOUR)
    assert feeds.deliver("other", item(PROFIT, id="o1", url=f"{URL}-2")).headlines == 0
    feeds.clock.pass_(dt.timedelta(seconds=1))
    later = feeds.deliver("third", item(PROFIT, id="t1", url=f"{URL}-3"))
    assert (later.headlines, later.events) == (1, 1)


@pytest.mark.parametrize("restarting", [False, True])
def test_near_duplicates_tell_one_event(feeds: Feeds, *, restarting: bool) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1"))
    feeds.clock.pass_(2 * HOUR)
    if restarting:
        feeds.restart()
    near = item("UPDATE 2-Acme posts record profit on very strong demand", id="o1")
    added = feeds.deliver("other", near, item(OIL, id="o2"))
    assert (added.headlines, added.events) == (2, 1)
    assert [each.event for each in versions(feeds)] == [1, 1, 2]


@pytest.mark.parametrize("restarting", [False, True])
def test_follow_ups_are_sought_among_the_same_events_after_a_restart(
    feeds: Feeds, *, restarting: bool
) -> None:
    """In news of one company with more events than a search looks at: eight in four hours."""
    trams = range(40, 52)
    for count in trams:
        feeds.deliver("wire", item(f"Acme wins order for {count} trams", id=f"g{count}"))
    feeds.clock.pass_(HOUR)
    if restarting:
        feeds.restart()

    for count in trams:
        follow_up = f"Contract for {count} trams goes to Acme, minister says after the vote"
        feeds.deliver("other", item(follow_up, id=f"o{count}"))

    events = [version.event for version in versions(feeds)]
    first, then = events[: len(trams)], events[len(trams) :]
    assert first == list(range(1, 13)), "each an event of its own"
    assert then == [*range(1, 9), *range(13, 17)]


def test_a_near_duplicate_in_the_same_document_joins_as_well(feeds: Feeds) -> None:
    added = feeds.deliver("wire", item(PROFIT, id="1"), item(f"{PROFIT} in Europe", id="2"))
    assert (added.headlines, added.events) == (2, 1)


def test_a_retraction_is_recorded_once_and_names_what_it_withdraws(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL))
    withdrawn = item("", id="g1", retracted=True)
    assert feeds.deliver("wire", withdrawn).retractions == 1
    feeds.restart()
    assert feeds.deliver("wire", withdrawn, item(PROFIT, id="g1", url=URL)).retractions == 0
    (found,) = [each for commit in replayed(feeds) for each in commit.retractions]
    assert (found.headline, found.event, found.source) == (1, 1, "wire")


def test_a_retraction_that_comes_before_its_item_is_not_lost(feeds: Feeds) -> None:
    feeds.deliver("wire", item("", id="g1", retracted=True))
    added = feeds.deliver("wire", item(PROFIT, id="g1"))
    assert (added.headlines, added.retractions) == (1, 1)
    found = [each for commit in replayed(feeds) for each in commit.retractions]
    assert [each.headline for each in found] == [None, 1]


def test_a_retraction_by_another_source_withdraws_nothing(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1"))
    feeds.deliver("other", item("", id="g1", retracted=True))
    (found,) = [each for commit in replayed(feeds) for each in commit.retractions]
    assert found.headline is None


@pytest.mark.parametrize("first", [False, True])
def test_one_source_withdraws_what_another_shows(feeds: Feeds, *, first: bool) -> None:
    shown = [("wire", item(PROFIT, id="g1"))]
    withdrawn = [("removed", item("", id="g1", retracted=True, shown_by="wire"))]
    for source, each in withdrawn + shown if first else shown + withdrawn:
        feeds.deliver(source, each)

    with Record(feeds.place) as record:
        assert shown_texts(record) == []
    found = [each for commit in replayed(feeds) for each in commit.retractions if each.headline]
    assert [(each.headline, each.source) for each in found] == [(1, "wire")]


def test_an_edit_makes_a_headline_the_last_that_is_shown(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1"))
    feeds.deliver("wire", item(OIL, id="g2"))
    feeds.deliver("wire", item(f"{PROFIT} at home", id="g1"))

    with Record(feeds.place) as record:
        assert shown_texts(record) == [OIL, f"{PROFIT} at home"]


def test_items_count_as_those_of_the_source_that_brought_them_and_not_for_later(
    feeds: Feeds,
) -> None:
    ahead = Stamp("tomorrow", START + 24 * HOUR)
    feeds.deliver("wire", item(PROFIT, id="g1", published=ahead))
    feeds.clock.pass_(HOUR)
    feeds.deliver("removed", item("", id="g1", retracted=True, shown_by="wire"))

    with Record(feeds.place) as record:
        (of_wire,) = record.last_items("wire", since=START, at_most=10)
        (of_removed,) = record.last_items("removed", since=START, at_most=10)
    assert of_wire.published == Stamp("tomorrow", START)
    assert (of_removed.id, of_removed.title) == ("g1", "")


def test_the_newest_items_of_a_source_are_those_since_a_time(feeds: Feeds) -> None:
    published = Stamp("2026-03-02T10:30:00Z", START + HOUR)
    feeds.deliver("wire", item("An old one", id="g0"))
    feeds.clock.pass_(HOUR)
    feeds.deliver("wire", item(PROFIT, id="g1", url=URL, published=published), item(OIL, id="g2"))
    feeds.deliver("other", item("Something else", id="o1"))

    with Record(feeds.place) as record:
        found = record.last_items("wire", since=START + HOUR, at_most=10)
        assert [each.id for each in found] == ["g2", "g1"]
        assert found[1] == item(PROFIT, id="g1", url=URL, published=published)
        assert len(record.last_items("wire", since=START, at_most=2)) == 2
        assert record.last_items("wire", since=START + 9 * HOUR, at_most=2) == []


def test_an_item_without_a_title_is_kept_and_is_no_headline(feeds: Feeds) -> None:
    assert feeds.deliver("wire", item("–", id="g1", raw="<item/>")).headlines == 0
    assert len(contents(feeds.place)["items"]) == 1
    assert feeds.deliver("wire", item(PROFIT, id="g1")).headlines == 1


def test_the_clocks_of_an_item_come_back_as_they_were(feeds: Feeds) -> None:
    published = Stamp("Mon, 02 Mar 2026 11:00:00 +0100", START + HOUR)
    updated = Stamp("2. März", None, date_only=True)
    feeds.clock.pass_(dt.timedelta(microseconds=1))
    feeds.recorder.add_fetch(
        fetch("wire", START, status=200, server_at=START - HOUR, body_digest="ab", body_bytes=3),
        [item(PROFIT, id="g1", published=published, updated=updated, tickers=("ACME", "X"))],
    )
    (commit,) = replayed(feeds)
    (version,) = commit.versions
    assert (version.published, version.updated) == (published, updated)
    assert (version.fetched_at, version.known_at) == (START, feeds.clock.now)
    assert version.published_at == START, "a date in the future is no date"
    assert version.tickers == ("ACME", "X")
    assert commit.fetch == fetch(
        "wire",
        START,
        status=200,
        server_at=START - HOUR,
        body_digest="ab",
        body_bytes=3,
        items=1,
        headlines=1,
    )


def test_fetches_without_items_are_recorded_too(feeds: Feeds) -> None:
    feeds.recorder.add_fetch(fetch("wire", status=304))
    (commit,) = replayed(feeds)
    assert commit.fetch is not None
    assert commit.fetch.status == 304


def test_a_clock_that_is_put_back_does_not_put_the_record_back(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1"))
    feeds.clock.pass_(-HOUR)
    feeds.deliver("wire", item(OIL, id="g2"))
    first, second = replayed(feeds)
    assert first.known_at == second.known_at
    assert second.fetch is not None
    assert second.fetch.fetched_at == START - HOUR


def test_scores_are_kept_once_for_each_model_and_engine(feeds: Feeds) -> None:
    ((version, _),) = feeds.deliver("wire", item(PROFIT, id="g1")).versions
    with Record(feeds.place) as record:
        assert record.unscored() == [(version, PROFIT, "wire")]
    score = Score(version, "m1", "int8", 0.1, 0.2, 0.1 + 0.2 + 0.4)
    assert feeds.recorder.add_scores([score, score]) == 1
    feeds.restart()
    assert feeds.recorder.add_scores([score._replace(negative=0.5)]) == 0
    assert feeds.recorder.add_scores([score._replace(model="m2")]) == 1
    found = [each for commit in replayed(feeds) for each in commit.scores]
    assert found == [score, score._replace(model="m2")]
    with Record(feeds.place) as record:
        assert record.unscored() == []


def test_signals_and_alerts_come_back_with_what_they_were_computed_from(feeds: Feeds) -> None:
    feeds.deliver("wire", item(PROFIT, id="g1"))
    signal = Signal(entity="Acme", bar_at=START, value=0.1 + 0.2, detail={"n": 1}, evidence=(1,))
    empty = Signal(entity="Beta", bar_at=START, value=None, detail={"n": 0})
    alert = Alert(id="a1", rule="above 0.3", entity="Acme", detail={"was": 0.1}, evidence=(1,))

    def add(**found: Any) -> int:
        return feeds.recorder.add_computed(
            lambda _: BarEntries(**found), configuration=("digest", "half_life_s = 60")
        )

    assert add(signals=[signal, empty], alerts=[alert]) == 3
    feeds.restart()
    assert add(signals=[signal]) == 0, "the bar is there"
    assert add(alerts=[alert, alert]) == 0, "the alert is there"
    computed = replayed(feeds)[1].computed
    assert computed is not None
    assert (computed.configuration, computed.basis) == ("digest", 1)
    assert computed.signals == (signal, empty)
    assert computed.alerts == (alert,)


def test_no_secret_reaches_the_file(tmp_path: Path) -> None:
    key = "k3y/with+signs"
    path = tmp_path / "news.db"
    feeds = Feeds(path, clock=Clock(), secrets=[key, ""])
    feeds.recorder.add_fetch(
        fetch("wire", detail=f"your key {key} has no more calls"),
        [
            item(
                f"{PROFIT} {key}",
                id=key,
                url="https://example.com/a?token=k3y%2Fwith%2Bsigns",
                summary=key,
                published=Stamp(key, None),
                tickers=(key,),
                raw='{"next": "k3y/with+signs"}',
            )
        ],
    )
    feeds.recorder.close()
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"k3y" not in stored
    assert b"[redacted]" in stored


def test_a_key_that_is_a_word_is_not_cut_out_of_headlines(tmp_path: Path) -> None:
    feeds = Feeds(tmp_path / "news.db", clock=Clock(), secrets=["demo"])
    feeds.deliver("wire", item("Acme shows a demo of democracy", id="g1"))
    (version,) = versions(feeds)
    assert version.text == "Acme shows a demo of democracy"


def test_characters_that_no_database_takes_stop_nothing(feeds: Feeds) -> None:
    odd = item("Acme \ud83d posts \x00 record profit", id="\udfff", raw="\ud800")
    assert feeds.deliver("wire", odd).headlines == 1
    assert feeds.deliver("wire", odd).headlines == 0
    (version,) = versions(feeds)
    assert "posts" in version.text
