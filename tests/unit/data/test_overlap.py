"""Headlines of one collection in another: every kind of likeness, and no near-duplicate missed."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.data.overlap import NEAR, Kind, distinct, near_any, overlap

PROFIT = "Kelmo's operating profit rose to EUR 13.5 mn from EUR 9.2 mn"
WORDS = ["profit", "rose", "fell", "to", "from", "Kelmo", "after", "strike", "€5m", "12.5", "3,000"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PROFIT, "identical"),
        ("KELMO's operating-profit rose to EUR 13,5 mn from EUR 9.2 mn .", "normalised"),
        ("Kelmo's operating profit rose to EUR 1,141.0 mn from EUR 88 mn", "numbers"),
        ("Kelmo's operating profit fell to EUR 13.5 mn from EUR 19.2 mn", "near"),
        ("Exclusive: Kelmo's operating profit rose to EUR 13.5 mn from EUR 9.2 mn", "near"),
        ("Talvio Bank's operating profit rose to EUR 13.5 mn from EUR 9.2 mn", "near"),
    ],
)
def test_a_reworded_headline_is_recognised(text: str, kind: Kind) -> None:
    (found,) = overlap(["Oil slides", PROFIT], [text])

    assert (found.first, found.second, found.kind) == (1, 0, kind)
    assert NEAR <= found.similarity <= 1
    assert (found.similarity == 1) == (kind != "near")


@pytest.mark.parametrize(
    "text",
    [
        "Talvio's shares slide as its chief executive leaves",
        "Operating profit at Kelmo was lower",
        "…",
        "",
    ],
)
def test_other_headlines_are_not_matched(text: str) -> None:
    assert overlap([PROFIT, "—", "Oil slides"], [text]) == []


def test_seven_words_in_a_row_match_in_headlines_that_differ_otherwise() -> None:
    quoted = "regulators in three countries ask for more time"
    first = f"Talvio's shares slide in early trading in Helsinki as {quoted}, sources say"
    second = (
        f"In a filing on Friday Kelmo said that {quoted}; it keeps its outlook for the whole year"
    )
    shorter = second.replace("more", "extra")

    (found,) = overlap(["Oil slides", first], [shorter, second])

    assert (found.first, found.second, found.kind) == (1, 1, "run")
    assert 0 < found.similarity < NEAR


def test_the_strongest_match_is_named() -> None:
    renumbered = PROFIT.replace("13.5", "7")
    dropped = PROFIT.replace("operating ", "")

    found = overlap([dropped, renumbered, PROFIT.upper(), PROFIT, PROFIT], [PROFIT, f"{PROFIT}!"])

    assert [(match.first, match.kind) for match in found] == [(3, "identical"), (2, "normalised")]


def test_of_several_near_duplicates_the_nearest_is_named() -> None:
    two_words = "Kelmo's pretax profit fell to EUR 13.5 mn from EUR 9.2 mn"
    one_word = "Kelmo's operating profit fell to EUR 3 mn from EUR 1 mn"

    (found,) = overlap([two_words, one_word], [PROFIT])

    assert (found.first, found.kind) == (1, "near")


def test_thousands_of_headlines_of_one_template_are_near() -> None:
    names = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}co" for n in range(600)]
    template = "{} shares rise 4 % after first quarter results beat market forecasts"

    found = near_any(
        [template.format(f"{name}x") for name in names], list(map(template.format, names))
    )

    assert all(found)


def test_near_any_answers_for_every_text() -> None:
    assert near_any(["Oil slides", PROFIT.lower(), "Gold"], [PROFIT, "Copper"]) == [
        False,
        True,
        False,
    ]
    assert near_any([], [PROFIT]) == []
    assert near_any([PROFIT], []) == [False]


def test_distinct_keeps_the_first_of_each_group_of_duplicates() -> None:
    texts = [PROFIT, "Oil slides", PROFIT.replace("rose", "fell"), "OIL SLIDES", "Gold", "—", "—"]

    assert distinct(texts) == [0, 1, 4, 5]


headlines = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=12)


@given(headlines, headlines)
def test_no_near_duplicate_is_missed(first: list[str], second: list[str]) -> None:
    """Without runs of seven words, exactly what the comparison of every pair finds."""
    expected = [
        any(one == other or _similarity(one, other) >= NEAR for other in first) for one in second
    ]

    assert near_any(second, first) == expected


@given(headlines)
def test_distinct_texts_resemble_no_other(texts: list[str]) -> None:
    kept = [texts[number] for number in distinct(texts)]

    assert not any(near_any([text], kept[:number])[0] for number, text in enumerate(kept))
    assert all(near_any(texts, kept))


def _similarity(one: str, other: str) -> float:
    parts, others = _parts(one), _parts(other)
    return len(parts & others) / (len(parts | others) or 1)


def _parts(text: str) -> set[tuple[str, ...]]:
    words = re.sub(r"\d+([.,]\d+)?", "0", text.casefold()).replace("€", "").split()
    return {(word,) for word in words} | set(pairwise(words))
