"""Words of headlines, the texts without them, and the weights that follow."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import (
    classifications,
    explanations,
    spans_of_words,
    with_occlusions,
    without_each_word,
)
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS, MAX_HEADLINES
from newsclf.contract.requests import ContractError, check_headlines, headline_problem

HEADLINES = st.text(
    st.characters(codec="utf-8") | st.sampled_from(" \t\u3000–%.a"), max_size=60
).filter(lambda text: headline_problem(text) is None)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in spans_of_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Profit rose by a third", ["Profit", "rose", "by", "a", "third"]),
        ("Profit", ["Profit"]),
        ("  Profit\t rose\u3000", ["Profit", "rose"]),
        ("Sales, up 5 %, beat", ["Sales,", "up", "5 %,", "beat"]),
        ("Nokia – profit up", ["Nokia –", "profit", "up"]),
        ("“ Nokia ” is up", ["“ Nokia ”", "is", "up"]),
        ("- Up", ["- Up"]),
        ("?!", ["?!"]),
        ("? !", ["? !"]),
        ("\U0001f680 to the moon", ["\U0001f680", "to", "the", "moon"]),
        ("$AAPL + 5", ["$AAPL", "+", "5"]),
        ("Größe zählt", ["Größe", "zählt"]),
        ("利益が増加", ["利益が増加"]),
    ],
)
def test_words_keep_their_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(text=HEADLINES)
@example(text="\x1c\x85a\u2028–\x1d.")
def test_words_and_the_spaces_between_them_are_the_text(text: str) -> None:
    spans = spans_of_words(text)

    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    between = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert all(not space or space.isspace() for space in between)
    assert all(word.strip() == word != "" for word in words(text))
    assert "".join(a + b for a, b in zip(between, [*words(text), ""], strict=True)) == text


@given(text=HEADLINES)
def test_each_text_without_a_word_has_the_others_and_can_be_classified(text: str) -> None:
    everything = words(text)
    left = without_each_word(text)

    assert len(left) == len(everything)
    assert check_headlines(left, "inputs") == left
    for i, rest in enumerate(left):
        others = [*everything[:i], *everything[i + 1 :]]
        if others:
            assert rest.split() == " ".join(others).split()
        else:
            assert rest == "."


def by_length(text: str) -> Prediction:
    """The longer a text, the more positive; never less so than negative."""
    positive = 0.5 + len(text) / 1000
    return Prediction((1 - positive, 0.0, positive))


@given(headlines=st.lists(HEADLINES, min_size=1, max_size=4))
def test_weights_are_those_of_their_words(headlines: list[str]) -> None:
    found = explanations(headlines, [by_length(each) for each in with_occlusions(headlines)])

    assert [prediction for prediction, _ in found] == [by_length(text) for text in headlines]
    for text, (prediction, weights) in zip(headlines, found, strict=True):
        assert [each.word for each in weights] == words(text)
        assert [(each.start, each.end) for each in weights] == spans_of_words(text)
        assert classifications(text) == 1 + len(weights)
        for each, without in zip(weights, without_each_word(text), strict=True):
            assert each.weight == prediction.score - by_length(without).scores[2]


def test_the_limits_are_those_of_a_request() -> None:
    longest = "a " * (MAX_EXPLAINED_CHARACTERS // 2 - 1) + "bc"

    assert len(with_occlusions([longest])) == 501 < MAX_HEADLINES
    assert len(with_occlusions(["a"] * 256)) == MAX_HEADLINES
    with pytest.raises(ContractError, match="headline 1 has 1001"):
        with_occlusions(["a", f"{longest}d"])
    with pytest.raises(ContractError, match="here 514 texts; a request may hold 512"):
        with_occlusions(["a"] * 257)
