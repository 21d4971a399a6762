"""Tests of signals: what counts, how much, and that live and replayed ones are equal."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.watch.signals.aggregate import Aggregate, Coverage, Signal, bar_ends, last_bar_end
from newsclf.watch.signals.measures.trading_time import MarketClock, load_calendar
from newsclf.watch.signals.rows import ScoredRow
from newsclf.watch.signals.settings import SignalSettings
from tests.support.watch_builders import MORNING_S, scored_row

HOUR_S = 3600.0
ENTITIES = ("Apple", "Nvidia")
SETTINGS = SignalSettings(half_life_s=HOUR_S, shrinkage=2)
COVERAGE = Coverage(live=3, configured=4)


def aggregate(**more: Any) -> Aggregate:
    return Aggregate(SETTINGS, ENTITIES, configuration="c0ffee", **more)


def signals(rows: list[ScoredRow], at_s: float, **more: Any) -> dict[str | None, Signal]:
    book = aggregate(**more)
    for row in rows:
        book.add(row)
    return {signal.entity: signal for signal in book.at(at_s, COVERAGE)}


@st.composite
def records(draw: st.DrawFn) -> list[ScoredRow]:
    """A record: events of several items, edited, retracted and scored late."""
    rows = []
    item = 0
    for event in range(draw(st.integers(0, 8))):
        began_s = MORNING_S + draw(st.integers(0, 12)) * HOUR_S + draw(st.floats(0, 100))
        for n in range(draw(st.integers(1, 3))):
            item += 1
            seen_s = began_s if n == 0 else began_s + draw(st.floats(0, 20 * HOUR_S))
            for version in range(1, draw(st.integers(1, 3)) + 1):
                score = draw(st.floats(-1, 1)) if version < 3 else None
                row = scored_row(
                    item,
                    event=event,
                    began_s=began_s,
                    at_s=seen_s,
                    score=score,
                    version=version,
                    entities=draw(
                        st.sampled_from([(), ("Apple",), ("Nvidia",), ENTITIES, ("Other",)])
                    ),
                    source=draw(st.sampled_from(["wire", "paper"])),
                )
                row = replace(row, reports_move=draw(st.booleans()))
                late_s = draw(st.sampled_from([0.0, 1.0, HOUR_S]))
                rows.append(replace(row, known_s=row.known_s + late_s))
                seen_s += draw(st.floats(0, 5 * HOUR_S))
    return rows


times = st.floats(0, 40).map(lambda hours: MORNING_S + hours * HOUR_S)


@given(records(), times)
def test_only_what_was_known_by_then_counts(rows: list[ScoredRow], at_s: float) -> None:
    known = [row for row in rows if row.known_s <= at_s]

    assert signals(rows, at_s) == signals(known, at_s)


@given(records(), st.lists(times, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_live_signals_equal_replayed_ones_bit_for_bit(
    rows: list[ScoredRow], moments: list[float], shuffle: random.Random
) -> None:
    live = aggregate()
    rows.sort(key=lambda row: row.known_s)
    waiting = list(rows)
    for at_s in sorted(moments):
        while waiting and waiting[0].known_s <= at_s:
            live.add(waiting.pop(0))
        found = {signal.entity: signal for signal in live.at(at_s, COVERAGE)}
        shuffle.shuffle(rows)
        assert found == signals(rows, at_s)


def plain_formula(rows: list[ScoredRow], entity: str | None, at_s: float) -> float | None:
    """The score as the docstring states it, without the cut-off."""
    latest: dict[int, ScoredRow] = {}
    for row in rows:
        if row.known_s <= at_s and (
            row.item not in latest or latest[row.item].revision < row.revision
        ):
            latest[row.item] = row
    events: dict[int, list[ScoredRow]] = {}
    for row in latest.values():
        if row.scores and (entity is None or row.entities == (entity,)):
            events.setdefault(row.event, []).append(row)
    weight = product = 0.0
    for members in events.values():
        w = 0.5 ** ((at_s - members[0].event_began_s) / HOUR_S)
        weight += w
        product += w * sum(r.scores[2] - r.scores[0] for r in members if r.scores) / len(members)
    return product / (2 + weight) if events else None


@given(records(), times, st.sampled_from([None, *ENTITIES]))
def test_scores_follow_the_formula(rows: list[ScoredRow], at_s: float, entity: str | None) -> None:
    found = signals(rows, at_s)[entity]
    expected = plain_formula(rows, entity, at_s)

    if found.score is None:
        assert found.events == found.items == found.sources == 0
        assert found.weight == 0
    else:
        assert expected is not None
        assert found.score == pytest.approx(expected, abs=0.03)  # what the cut-off leaves out
        assert -1 <= found.score <= 1
    if at_s - MORNING_S <= 7 * HOUR_S:  # nothing is cut off yet
        assert found.score == (None if expected is None else pytest.approx(expected, abs=1e-12))


@given(records(), times, st.integers(1, 5))
def test_copies_of_a_headline_change_no_score(
    rows: list[ScoredRow], at_s: float, copies: int
) -> None:
    firsts = [row for row in rows if row.version == 1 and row.known_s == row.event_began_s]
    again = [
        replace(row, item=1000 * n + row.item, sources=("copycat",))
        for row in firsts
        for n in range(1, copies + 1)
    ]
    before, after = signals(firsts, at_s)[None], signals(firsts + again, at_s)[None]

    assert after.events == before.events
    assert after.weight == before.weight
    assert after.score == (None if before.score is None else pytest.approx(before.score))
    assert after.items == before.items * (copies + 1)


def test_without_news_the_score_is_missing_not_zero() -> None:
    found = signals([scored_row(entities=("Apple",), score=0.0)], MORNING_S + 1)

    assert found["Nvidia"].score is None
    assert found["Apple"].score == 0
    assert found["Apple"].events == 1


def test_one_fresh_headline_is_shrunk_and_decays() -> None:
    rows = [scored_row(entities=("Apple",), score=0.9)]

    assert signals(rows, MORNING_S)["Apple"].score == pytest.approx(0.9 / 3)
    assert signals(rows, MORNING_S + HOUR_S)["Apple"].score == pytest.approx(0.45 / 2.5)
    assert signals(rows, MORNING_S + 9 * HOUR_S)["Apple"].score is None


def test_a_headline_about_several_counts_for_none_of_them_but_for_all_headlines() -> None:
    found = signals([scored_row(entities=ENTITIES)], MORNING_S)

    assert [found[name].score for name in ENTITIES] == [None, None]
    assert [found[name].abstained for name in ENTITIES] == [1, 1]
    assert found[None].events == 1
    assert found[None].abstained == 0


def test_an_edit_replaces_and_a_retraction_removes_from_then_on() -> None:
    rows = [
        scored_row(score=0.8, entities=("Apple",)),
        scored_row(version=2, score=-0.8, began_s=MORNING_S, at_s=MORNING_S + 60),
        scored_row(version=3, score=None, began_s=MORNING_S, at_s=MORNING_S + 120),
    ]

    assert (signals(rows, MORNING_S + 59)["Apple"].score or 0) > 0
    assert signals(rows, MORNING_S + 60)["Apple"].score is None
    assert (signals(rows, MORNING_S + 60)[None].score or 0) < 0
    assert signals(rows, MORNING_S + 120)[None].score is None


def test_a_late_copy_does_not_make_an_old_event_new() -> None:
    rows = [scored_row(1), scored_row(2, event=1, began_s=MORNING_S, at_s=MORNING_S + 20 * HOUR_S)]

    assert signals(rows, MORNING_S + 20 * HOUR_S)[None].score is None


def test_a_headline_counts_once_it_is_scored() -> None:
    row = replace(scored_row(), known_s=MORNING_S + 5)

    assert signals([row], MORNING_S + 4)[None].score is None
    assert signals([row], MORNING_S + 5)[None].events == 1


def test_a_signal_states_how_it_was_made() -> None:
    found = signals([scored_row(), scored_row(2, source="paper")], MORNING_S)[None]

    assert (found.events, found.items, found.sources) == (2, 2, 2)
    assert (found.sources_live, found.sources_configured) == (3, 4)
    assert (found.half_life_s, found.shrinkage, found.configuration) == (HOUR_S, 2, "c0ffee")


def test_the_sources_of_a_headline_are_counted_each() -> None:
    row = replace(scored_row(), sources=("wire", "paper"))
    found = signals([row, scored_row(2)], MORNING_S)[None]

    assert (found.items, found.sources) == (2, 2)


def test_rows_that_would_change_the_past_are_refused() -> None:
    book = aggregate()
    book.at(MORNING_S, COVERAGE)

    with pytest.raises(ValueError, match="known before the latest signal"):
        book.add(scored_row())
    with pytest.raises(ValueError, match="began after"):
        book.add(scored_row(at_s=MORNING_S + 1, began_s=MORNING_S + 2))
    with pytest.raises(ValueError, match="rising"):
        book.at(MORNING_S - 1, COVERAGE)


def test_evidence_names_what_moved_the_score_most() -> None:
    book = aggregate()
    book.add(scored_row(1, score=0.1))
    book.add(scored_row(2, score=-0.9, title="Korvath Bank warns"))
    book.add(scored_row(3, event=2, began_s=MORNING_S, score=-0.7))
    for item in range(4, 30):
        book.add(scored_row(item, score=0.0))
    book.at(MORNING_S + HOUR_S, COVERAGE)
    found = book.evidence(None)

    assert [item.item for item in found.items[:3]] == [2, 3, 1]
    assert found.items[0].title == "Korvath Bank warns"
    assert found.items[0].weight == pytest.approx(0.25)  # half of an event of one half-life
    assert len(found.items) == 20
    assert found.omitted == 9


def test_memory_is_that_of_the_window() -> None:
    book = aggregate()
    for item in range(2000):
        book.add(scored_row(item, at_s=MORNING_S + item * HOUR_S, entities=("Apple",)))
        book.at(MORNING_S + item * HOUR_S, COVERAGE)

    assert book.rows_kept < 12


def test_bars_end_at_multiples_of_their_length() -> None:
    assert list(bar_ends(119.0, 240.0, 60.0)) == [120.0, 180.0, 240.0]
    assert list(bar_ends(120.0, 240.0, 60.0)) == [180.0, 240.0]


@given(st.integers(1, 30), st.permutations([0.9, -0.4, 0.2, 0.5]))
def test_copies_weigh_as_one_headline_and_follow_ups_half_each(
    copies: int, scores: list[float]
) -> None:
    rows = [scored_row(item, event=1, score=scores[0]) for item in range(copies)]
    assert signals(rows, MORNING_S)[None].weight == 1
    rows += [
        replace(scored_row(100 + n, event=1, score=score), telling=n + 1)
        for n, score in enumerate(scores[1:], start=1)
    ]
    weights = [1, 0.5, 0.25, 0.125]

    found = signals(rows, MORNING_S)[None]
    backwards = signals(rows[::-1], MORNING_S)[None]

    assert found == backwards
    assert found.events == 1
    assert found.weight == pytest.approx(sum(weights))
    product = sum(w * score for w, score in zip(weights, scores, strict=True))
    assert found.score == pytest.approx(product / (2 + sum(weights)))


def test_what_is_withdrawn_moves_the_other_tellings_up() -> None:
    follow_up = replace(scored_row(2, event=1, score=0.8), telling=2)
    gone = scored_row(1, event=1, score=None, version=2)
    rows = [scored_row(1, event=1), follow_up, gone]
    assert signals(rows, MORNING_S)[None].weight == 1

    rows.append(replace(follow_up, scores=None, revision=2))
    last = signals(rows, MORNING_S)[None]
    assert (last.events, last.weight, last.score) == (0, 0, None)


# --- trading time


def new_york(day: int, time: str) -> float:
    """A time in the week of Thanksgiving, 2026."""
    local = dt.datetime.fromisoformat(f"2026-11-{day} {time}")
    return local.replace(tzinfo=ZoneInfo("America/New_York")).timestamp()


def test_news_after_the_close_is_fresh_at_the_next_open() -> None:
    clock = MarketClock(load_calendar("XNYS", dt.date(2026, 11, 27)))
    evening = [scored_row(at_s=new_york(25, "18:00"), entities=("Apple",), score=0.9)]
    found = [
        signals(evening, new_york(*time), clock=clock)["Apple"]
        for time in [(25, "18:00"), (26, "12:00"), (27, "09:30"), (27, "10:30"), (30, "09:30")]
    ]

    # Thanksgiving is closed, and the Friday after it ends at 13:00: 3.5 hours of trading.
    assert [signal.weight for signal in found] == pytest.approx([1, 1, 1, 0.5, 2**-3.5])
    assert [str(signal.session) for signal in found] == [*["2026-11-27"] * 4, "2026-11-30"]


@given(records(), times)
@settings(max_examples=25)
def test_in_a_market_that_never_closes_news_grows_old_as_in_plain_time(
    rows: list[ScoredRow], at_s: float
) -> None:
    always = MarketClock(load_calendar("24/7", dt.date(2026, 11, 27)))
    # Later, what is cut off depends on where a clock begins.
    at_s = min(at_s, MORNING_S + 7 * HOUR_S)
    plain = signals(rows, at_s)
    for entity, signal in signals(rows, at_s, clock=always).items():
        assert signal.session is not None
        for name in ("score", "score_without_moves", "weight", "low", "high"):
            expected = getattr(plain[entity], name)
            if expected is not None:
                expected = pytest.approx(expected, abs=1e-6)
            assert getattr(signal, name) == expected


# --- sources, moves of prices, intervals


def test_a_headline_weighs_as_the_heaviest_of_its_sources() -> None:
    weights = {"blog": 0.25, "paper": 0.5}
    blog = scored_row(1, source="blog", score=0.8)
    both = replace(blog, sources=("blog", "paper"), revision=2)
    other = scored_row(2, source="wire", score=-0.8)

    assert signals([blog], MORNING_S, source_weights=weights)[None].weight == 0.25
    assert signals([blog, both], MORNING_S, source_weights=weights)[None].weight == 0.5
    found = signals([blog, other], MORNING_S, source_weights=weights)[None]
    assert found.score == pytest.approx((0.25 * 0.8 - 0.8) / (2 + 1.25))


def test_weights_are_the_product_of_relevance_novelty_source_and_decay() -> None:
    row = scored_row(1, entities=("Apple",), relevance=75, source="blog", score=0.8)
    follow_up = replace(row, item=2, telling=2, version_id=201)

    found = signals([row, follow_up], MORNING_S + HOUR_S, source_weights={"blog": 0.5})["Apple"]

    assert found.weight == pytest.approx(0.75 * (1 + 0.5) * 0.5 * 0.5)


def test_headlines_that_report_a_move_are_counted_and_can_be_left_out() -> None:
    told = scored_row(1, score=-0.9)
    move = replace(scored_row(2, event=1, score=-0.9), telling=2, reports_move=True)
    only_move = replace(scored_row(3, score=-0.9), reports_move=True)

    found = signals([told, move, only_move], MORNING_S)[None]
    assert (found.items, found.moves) == (3, 2)
    assert found.score == pytest.approx(-0.9 * 2.5 / 4.5)
    assert found.score_without_moves == pytest.approx(-0.9 / 3)
    assert signals([only_move], MORNING_S)[None].score_without_moves is None


@given(records(), times)
def test_an_interval_is_there_with_every_score_and_within_its_limits(
    rows: list[ScoredRow], at_s: float
) -> None:
    for signal in signals(rows, at_s).values():
        has_score = signal.score is not None
        assert [signal.low is not None, signal.high is not None] == [has_score, has_score]
        if signal.low is not None and signal.high is not None:
            assert -1 <= signal.low <= signal.high <= 1
        if signal.moves == 0:
            assert signal.score_without_moves == signal.score


def test_an_interval_narrows_with_events_and_not_with_copies() -> None:
    def width(rows: list[ScoredRow]) -> float:
        found = signals(rows, MORNING_S)[None]
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    one = [scored_row(1, score=0.8)]
    copies = [scored_row(item, event=1, score=0.8) for item in range(1, 31)]
    events = [scored_row(item, score=0.8) for item in range(1, 101)]

    assert width(copies) == pytest.approx(width(one))
    assert width(events) < width(one) / 2


@given(
    after_s=st.floats(0, 2e9),
    bars=st.floats(0, 50),
    bar_s=st.sampled_from([60.0, 300.0, 3600.0]),
)
def test_the_last_end_of_a_bar_is_the_last_of_all(
    after_s: float, bars: float, bar_s: float
) -> None:
    until_s = after_s + bars * bar_s

    every = list(bar_ends(after_s, until_s, bar_s))

    assert last_bar_end(after_s, until_s, bar_s) == (every[-1] if every else None)
