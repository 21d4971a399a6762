"""Near-duplicates of the last 24 hours, compared with a search through all pairs."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.record.near import (
    MIN_WORDS,
    NEAR,
    WINDOW_S,
    RecentHeadlines,
    similarity,
    words_of,
)

NOW = 1_772_443_800.0


class Told(NamedTuple):
    """A headline with its event."""

    text: str
    event: int
    began_s: float


def has_other_numbers(one: str, other: str) -> bool:
    first = {word for word in words_of(one) if any(map(str.isdigit, word))}
    second = {word for word in words_of(other) if any(map(str.isdigit, word))}
    return bool(first - second) and bool(second - first)


def by_all_pairs(told: list[Told], text: str, at_s: float) -> int | None:
    """The event that a search through all headlines finds."""
    near = [
        (-similarity(each.text, text), each.event)
        for each in told
        if min(len(words_of(each.text)), len(words_of(text))) >= MIN_WORDS
        and each.began_s >= at_s - WINDOW_S
        and similarity(each.text, text) >= NEAR
        and not has_other_numbers(each.text, text)
    ]
    return min(near)[1] if near else None


WORDS = ("acme", "beta", "profit", "rises", "falls", "in", "the", "q3", "q4", "5", "on", "demand")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 5)), min_size=1, max_size=25))
def test_it_finds_what_a_search_through_all_pairs_finds(
    stream: list[tuple[str, int]],
) -> None:
    told: list[Told] = []
    recent, at_s = RecentHeadlines(), NOW
    for number, (text, hours) in enumerate(stream):
        at_s += hours * 3600
        found = recent.find(text, at_s=at_s)
        assert (None if found is None else found.event) == by_all_pairs(told, text, at_s)
        event = number if found is None else found.event
        began_s = at_s if found is None else found.began_s
        recent.add(text, event=event, began_s=began_s)
        told.append(Told(text, event, began_s))


@given(st.lists(st.tuples(TEXTS, st.integers(0, 5)), min_size=1, max_size=20), TEXTS)
def test_it_answers_the_same_however_much_it_met_before(
    stream: list[tuple[str, int]], text: str
) -> None:
    used, fresh, at_s = RecentHeadlines(), RecentHeadlines(), NOW
    for number in range(20):
        used.add(f"an older headline with number {number}", event=900 + number, began_s=NOW - 1e6)
    for number, (told, hours) in enumerate(stream):
        at_s += hours * 3600
        for recent in (used, fresh):
            recent.add(told, event=number, began_s=at_s)
    assert used.find(text, at_s=at_s) == fresh.find(text, at_s=at_s)


@given(
    st.lists(st.integers(0, 30), min_size=9, max_size=16),
    st.integers(20 * 60, 25 * 60),
    st.lists(st.integers(0, 20), min_size=4, max_size=12),
)
def test_an_index_made_again_from_the_window_finds_the_same_follow_ups(
    orders: list[int], pause: int, follow_ups: list[int]
) -> None:
    """As after a restart, in news of one company with more events than a search looks at."""
    live, again, at_s = RecentHeadlines(), RecentHeadlines(), NOW
    told: list[Told] = []
    for event, minutes in enumerate(orders):
        at_s += minutes * 60
        told.append(Told(f"Acme wins order for {40 + event} trams", event, at_s))
        live.add(told[-1].text, event=event, began_s=at_s)
    at_s += pause * 60
    for each in told:
        if each.began_s >= at_s - WINDOW_S:
            again.add(each.text, event=each.event, began_s=each.began_s)
    for event, minutes in enumerate(follow_ups):
        at_s += minutes * 60
        text = f"Contract for {51 - event} trams goes to Acme, minister says after the vote"
        assert again.find(text, at_s=at_s) == live.find(text, at_s=at_s)


def test_a_rewording_tells_the_event_and_another_number_another_one() -> None:
    recent = RecentHeadlines()
    recent.add("Acme third-quarter profit rises 5% on strong demand", event=1, began_s=NOW)
    same = recent.find("Acme third-quarter profit rises 5% on demand", at_s=NOW)
    assert same is not None
    assert same.event == 1
    assert recent.find("Acme third-quarter profit rises 7% on strong demand", at_s=NOW) is None


def test_words_after_the_hundredth_are_not_compared() -> None:
    beginning = " ".join(f"word{'abcdefghij'[i // 10]}{'abcdefghij'[i % 10]}" for i in range(100))

    assert len(words_of(f"{beginning} more of them")) == 100
    assert similarity(f"{beginning} profit rises", f"{beginning} margin falls") == 1


def test_an_event_ends_24_hours_after_it_began_also_if_it_is_told_all_the_time() -> None:
    recent = RecentHeadlines()
    text = "Stocks close higher as investors await the decision"
    recent.add(text, event=1, began_s=NOW)
    recent.add(f"{text} today", event=1, began_s=NOW)
    assert recent.find(text, at_s=NOW + WINDOW_S) is not None
    assert recent.find(text, at_s=NOW + WINDOW_S + 1) is None


def test_what_is_older_than_the_window_is_forgotten() -> None:
    recent = RecentHeadlines()
    for hour in range(500):
        at_s = NOW + hour * 3600
        recent.find("any headline of a few words", at_s=at_s)
        recent.add(f"headline of hour number {hour} about acme", event=hour, began_s=at_s)
        assert len(recent) <= 24 + 5
