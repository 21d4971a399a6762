"""Records of the page: what comes from feeds is made harmless."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.watch.page.view import (
    MAX_EVIDENCE,
    MAX_NAMES,
    MAX_TEXT_CHARACTERS,
    MAX_WORDS,
    AlertEvidence,
    Classification,
    Headline,
)
from tests.support.watch_page import alert, headline, signal


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_of_a_feed_can_be_shown(text: str) -> None:
    shown = headline(title=text, source=text, id=text, event=text, entities=(text,), url=text)

    assert Headline.model_validate_json(shown.model_dump_json()) == shown


def test_a_long_text_is_cut() -> None:
    shown = headline(title="x" * 5000)

    assert len(shown.title) == MAX_TEXT_CHARACTERS
    assert shown.title.endswith("x…")


def test_characters_that_would_turn_the_page_around_are_replaced_one_for_one() -> None:
    shown = headline(title="a\u202eb\x00c\u2066d\n\u200de\U0001f600")

    assert shown.title == "a\ufffdb\ufffdc\ufffdd\ufffd\u200de\U0001f600"


@pytest.mark.parametrize("url", ["https://news.example/a?b=c#d", "http://[::1]/", "HTTP://A.b/"])
def test_a_web_address_stays(url: str) -> None:
    assert headline(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "\tjavascript:alert(1)",
        "data:text/html,x",
        "//news.example/",
        "http://",
        "http://[",
        "https://x/" + "y" * 5000,
        "https://x/\ud800",
        "",
        7,
    ],
)
def test_any_other_address_is_left_out(url: object) -> None:
    assert headline(url=url).url is None


def test_lists_are_bounded() -> None:
    evidence = AlertEvidence(headline="1", title="t", source="s", score=0)

    assert len(headline(entities=["a"] * 1000).entities) == MAX_NAMES
    assert len(alert(evidence=[evidence] * 1000).evidence) == MAX_EVIDENCE


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.01, -1.01])
def test_a_signal_is_between_minus_one_and_one(value: float) -> None:
    with pytest.raises(ValidationError):
        signal("Korvath Bank", signal=value)


def test_a_prediction_keeps_its_strongest_words_in_the_order_of_the_text() -> None:
    words = [WordWeight(f"word {-i}", i, i + 1, i / 1000) for i in range(200)]

    found = Classification.of(Prediction((0.1, 0.2, 0.7)), words)

    assert found.label == "positive"
    assert found.probabilities == (0.1, 0.2, 0.7)
    assert [word.start for word in found.words] == list(range(200 - MAX_WORDS, 200))
