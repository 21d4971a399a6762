"""The hub: what pages get, in which order, and that nothing grows without bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page import hub as hubs
from newsclf.watch.page.hub import Change, Hub, Subscription, TooManyPagesError
from newsclf.watch.page.view import SourceHealth, State
from tests.support.watch_page import alert, headline, hub_with, morning, signal


def read(page: Subscription) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, id and data of the messages that wait for a page."""
    return list(_parsed(asyncio.run(page.next(0.0)).decode()))


def _parsed(stream: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for block in stream.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        yield fields["event"], fields.get("id", ""), json.loads(fields["data"])


def test_a_page_gets_the_state_then_each_change() -> None:
    hub = hub_with([headline(1)])

    page = hub.subscribe()
    hub.publish(signal("Korvath Bank", 3))
    hub.publish(alert())

    [(first, _, state), *changes] = read(page)
    assert first == "state"
    assert [shown["id"] for shown in state["headlines"]] == ["item-1"]
    assert state["watched"]["model"] == "models/minilm"
    assert [name for name, _, _ in changes] == ["signal", "alert"]
    assert read(page) == []


def test_a_listener_gets_each_change_once_the_state_has_it() -> None:
    hub = hub_with([headline(1)])
    heard: list[tuple[Change, int]] = []

    with hub.listen(lambda change: heard.append((change, len(hub.state().headlines)))):
        hub.publish(headline(2))
        hub.publish(alert())
    hub.publish(headline(3))

    assert heard == [(headline(2), 2), (alert(), 2)]


def test_a_listener_may_end_while_others_are_called() -> None:
    hub = hub_with()
    heard: list[Change] = []
    with ExitStack() as first, hub.listen(heard.append):
        first.enter_context(hub.listen(lambda _: first.close()))
        hub.publish(headline(1))
        hub.publish(headline(2))

    assert heard == [headline(1), headline(2)]


def test_the_state_is_what_the_changes_add_up_to() -> None:
    state = hub_with(morning()).state()

    overall, *named = state.entities
    assert overall.current.entity is None
    assert len(overall.points) == 160
    assert named[0].current.entity == "Korvath Bank"
    assert named[0].points[-1].signal == named[0].current.signal
    assert [source.name for source in state.sources] == [
        "Wire",
        "Exchange notices",
        "Example vendor",
    ]
    assert len(state.alerts) == 3
    assert State.model_validate(dict(state), strict=True) == state


def test_an_edit_replaces_its_headline_in_its_place() -> None:
    hub = hub_with([headline(1), headline(2), headline(1, title="Better title", edited=True)])

    assert hub.state().headlines[0].title == "Better title"
    assert len(hub.state().headlines) == 2


@pytest.mark.parametrize(
    "changes",
    [{"retracted": True}, {"abstained": True}, {"classification": None}, {"entities": ()}],
)
def test_a_headline_that_counts_for_no_entity_has_no_marker(changes: dict[str, Any]) -> None:
    hub = hub_with([signal("Orvane Motors"), headline(1)])
    [before] = hub.state().entities

    hub.publish(headline(1, **changes))

    [after] = hub.state().entities
    assert [marker.headline for marker in before.markers] == ["item-1"]
    assert before.markers[0].score == pytest.approx(-0.85)
    assert after.markers == ()


def test_a_slow_page_is_dropped_and_others_go_on() -> None:
    hub = hub_with(max_waiting=3)
    slow, quick = hub.subscribe(), hub.subscribe()
    for number in range(6):
        hub.publish(headline(number))
        assert len(read(quick)) in (1, 2)

    assert slow.is_dropped
    assert read(slow) == []
    assert not quick.is_dropped
    assert hub.pages == 1


def test_a_page_that_comes_back_gets_what_it_missed() -> None:
    hub = hub_with([headline(1), headline(2)])
    page = hub.subscribe()
    [(_, last_id, _)] = read(page)
    hub.unsubscribe(page)
    hub.publish(headline(3))
    hub.publish(headline(4))

    messages = read(hub.subscribe(last_id))

    assert [data["id"] for _, _, data in messages] == ["item-3", "item-4"]


@pytest.mark.parametrize(
    "last_id", ["", "test-1", "test-99", "other-5", "test-", "test-x", "test-²", "-5", "9" * 9999]
)
def test_a_page_that_missed_too_much_or_is_of_another_run_gets_the_state(last_id: str) -> None:
    hub = hub_with([headline(number) for number in range(9)], max_waiting=4)

    assert [name for name, _, _ in read(hub.subscribe(last_id))] == ["state"]


def test_too_many_pages_are_refused_until_one_closes() -> None:
    hub = hub_with()
    pages = [hub.subscribe() for _ in range(hubs.MAX_PAGES)]

    with pytest.raises(TooManyPagesError):
        hub.subscribe()
    hub.unsubscribe(pages[0])
    hub.subscribe()


def test_closing_ends_every_page() -> None:
    hub = hub_with()
    page = hub.subscribe()

    hub.close()

    assert page.is_dropped
    assert hub.pages == 0


def test_nothing_grows_without_bound() -> None:
    hub = hub_with(max_waiting=10)
    for number in range(2 * hubs.MAX_SOURCES + 1):
        hub.publish(headline(number, entities=("Korvath Bank", f"entity {number}")))
        hub.publish(headline(number, entities=("Korvath Bank",), abstained=False))
        hub.publish(signal("Korvath Bank", number % 100))
        hub.publish(signal(f"entity {number}", number % 100))
        hub.publish(alert(id=f"alert-{number}"))
        hub.publish(SourceHealth(name=f"source {number}", verdict=Outcome.OK))

    state = hub.state()

    assert len(state.headlines) == hubs.MAX_HEADLINES
    assert len(state.alerts) == hubs.MAX_ALERTS
    assert len(state.sources) == hubs.MAX_SOURCES
    assert len(state.entities) <= hubs.MAX_ENTITIES
    assert max(len(entity.points) for entity in state.entities) <= hubs.MAX_POINTS
    assert max(len(entity.markers) for entity in state.entities) <= hubs.MAX_MARKERS


def test_a_watch_list_beyond_the_limit_keeps_its_time_lines_and_its_pages() -> None:
    hub = hub_with()
    names = [None, *(f"entity {number}" for number in range(hubs.MAX_ENTITIES + 100))]
    page = hub.subscribe()
    heard: list[Change] = []
    with hub.listen(heard.append):
        for at in range(3):
            read(page)
            for name in names:
                hub.publish(signal(name, at))

    entities = hub.state().entities
    assert [each.current.entity for each in entities] == names[: hubs.MAX_ENTITIES]
    assert {len(each.points) for each in entities} == {3}
    assert not page.is_dropped
    assert len(heard) == 3 * len(names), "listeners get all"


@given(st.text(st.characters(exclude_categories=[])))
def test_no_text_breaks_the_frame_of_a_message(text: str) -> None:
    hub = hub_with()
    page = hub.subscribe()
    read(page)
    hub.publish(headline(title=text, entities=(text,)))

    [(name, _, data)] = read(page)

    assert name == "headline"
    assert data["title"] == headline(title=text).title


def test_a_heartbeat_has_the_time_and_no_id() -> None:
    hub: Hub = hub_with()

    [(name, message_id, data)] = _parsed(hub.heartbeat().decode())

    assert (name, message_id) == ("heartbeat", "")
    assert data == {"now": "2026-09-21T12:00:00+00:00"}
