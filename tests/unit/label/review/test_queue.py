"""Order of review: disagreement, then the model's margin, with diversity."""

from __future__ import annotations

import math
import random
from itertools import groupby, pairwise
from typing import get_args

import pytest

from newsclf.data.labelled import Label
from newsclf.data.overlap import overlap
from newsclf.label.review.queue import (
    ReviewItem,
    disagreement,
    margin,
    opinions,
    order_with_hidden,
    review_order,
)
from tests.support.review import LLM, vote

SURE = (0.95, 0.04, 0.01)
UNSURE = (0.4, 0.35, 0.25)
WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ava", "elo", "iru", "osk", "unt", "ylm")]


def titles(number: int, seed: int = 0) -> list[str]:
    """Texts that are no near-duplicates."""
    draw = random.Random(seed)  # noqa: S311 - repeatable
    return [" ".join([f"n{i}x", *draw.sample(WORDS, 8)]) for i in range(number)]


def test_disagreement_comes_before_the_margin() -> None:
    one, two, three, four = titles(4)
    items = [
        ReviewItem(one, votes=(vote("negative"),) * 5, probabilities=SURE),
        ReviewItem(two, votes=(vote("negative"),) * 5, probabilities=UNSURE),
        ReviewItem(three, votes=(vote("positive"),) * 5, probabilities=SURE),
        ReviewItem(four, votes=(vote("negative"),) * 4 + (vote("neutral"),), probabilities=SURE),
    ]

    assert review_order(items) == [2, 3, 1, 0]


def test_votes_alone_are_ordered_by_their_entropy() -> None:
    one, two, three = titles(3)
    items = [
        ReviewItem(one, votes=(vote("neutral"),) * 5),
        ReviewItem(two, votes=(vote("neutral"),) * 4 + (vote("positive"),)),
        ReviewItem(three, votes=(vote("neutral"),) * 3 + (vote("positive"), vote("negative"))),
    ]

    assert review_order(items) == [2, 1, 0]


def test_probabilities_alone_are_ordered_by_their_margin() -> None:
    items = [
        ReviewItem(text, probabilities=shares)
        for text, shares in zip(titles(3), [SURE, UNSURE, (0.1, 0.45, 0.45)], strict=True)
    ]

    assert review_order(items) == [2, 1, 0]


def test_without_any_opinion_the_given_order_stays_but_for_near_duplicates() -> None:
    texts = titles(4)
    items = [ReviewItem(text) for text in (texts[0], texts[0] + " again", *texts[1:])]

    assert review_order(items) == [0, 2, 3, 4, 1]
    assert review_order([]) == []


def test_each_annotator_counts_once_and_failures_not_at_all() -> None:
    asked_often = ReviewItem("a", votes=(*(vote("negative"),) * 5, vote("positive", "ana")))
    asked_once = ReviewItem("b", votes=(vote("negative"), vote("positive", "ana")))
    failed = ReviewItem("c", votes=(vote(None), vote(None)))

    assert disagreement(asked_often) == pytest.approx(math.log(2, 3))
    assert disagreement(asked_once) == pytest.approx(math.log(2, 3))
    assert opinions(failed) == []
    assert disagreement(failed) == 1.0
    assert [(each.by, each.label, each.share) for each in opinions(asked_often)] == [
        ("ana", "positive", 1.0),
        (LLM, "negative", 1.0),
    ]


def test_three_ways_of_labelling_is_the_greatest_disagreement() -> None:
    item = ReviewItem("a", (vote("negative"), vote("positive", "ana")), (0.1, 0.8, 0.1))

    assert disagreement(item) == pytest.approx(1.0)
    assert margin(item) == pytest.approx(0.7)


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_do_not_follow_each_other_and_classes_are_mixed(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - repeatable
    labels = [label for label in get_args(Label) for _ in range(40)]
    texts = titles(120, seed)
    for place in range(0, 60, 3):  # three forms of twenty headlines
        texts[place + 1] = texts[place] + " update"
        texts[place + 2] = texts[place] + " second update"
    items = [
        ReviewItem(text, votes=(vote(label),)) for text, label in zip(texts, labels, strict=True)
    ]
    draw.shuffle(items)

    order = review_order(items)

    assert sorted(order) == list(range(120))
    for before, after in pairwise(order):
        assert overlap([items[before].text], [items[after].text]) == []
    # Only the very end may lack another class to choose.
    runs = [len(list(run)) for _, run in groupby(items[i].votes[0].label for i in order[:-10])]
    assert max(runs) <= 2


def test_thousands_of_forms_of_one_headline_are_all_there() -> None:
    items = [ReviewItem(f"Korvath Bank: net asset value of {i} euros a share") for i in range(3000)]

    assert sorted(review_order(items)) == list(range(3000))


def test_hidden_rows_are_spread_over_the_order_whatever_the_model_says_of_them() -> None:
    texts = titles(110)
    hidden = texts[::11]
    items = [
        ReviewItem(
            text,
            votes=(vote("neutral"),) * (3 + number % 2) + (vote("positive"),) * (number % 2),
            # It has learnt the labels of the hidden rows.
            probabilities=(0.0, 1.0, 0.0) if text in hidden else (0.2, 0.3 + number / 1000, 0.3),
        )
        for number, text in enumerate(texts)
    ]

    order = [item.text for item in order_with_hidden(items, hidden, seed=3)]

    assert sorted(order) == sorted(texts)
    places = [order.index(text) for text in hidden]
    assert [
        sum(start <= place < start + 22 for place in places) for start in range(0, 110, 22)
    ] == [2] * 5
    assert len({late - early for early, late in pairwise(sorted(places))}) > 3, "no regular places"
    assert order != [item.text for item in order_with_hidden(items, hidden, seed=4)]
    ours = [item for item in items if item.text not in hidden]
    assert [text for text in order if text not in hidden] == [
        ours[i].text for i in review_order(ours)
    ]
    by_votes = [ReviewItem(item.text, item.votes) for item in items if item.text in hidden]
    assert [text for text in order if text in hidden] == [
        by_votes[i].text for i in review_order(by_votes)
    ]


def test_without_hidden_rows_or_with_nothing_else_all_are_there() -> None:
    items = [ReviewItem(text) for text in titles(3)]

    assert order_with_hidden([], [], seed=0) == []
    assert len(order_with_hidden(items, [], seed=0)) == 3
    assert len(order_with_hidden(items, [item.text for item in items], seed=0)) == 3
