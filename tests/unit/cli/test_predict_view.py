"""What `newsclf predict` shows of a headline: words in colours, and the same without them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from newsclf.cli.classify import predict_view
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.predict.answer import Answer, Asked

EXPLAINED = Answer(
    "Profit rose less than feared",
    Prediction((0.25, 0.125, 0.625)),
    [
        WordWeight("Profit", 0, 6, 0.004),
        WordWeight("rose", 7, 11, 0.42),
        WordWeight("less", 12, 16, 0.05),
        WordWeight("than", 17, 21, -0.006),
        WordWeight("feared", 22, 28, -0.31),
    ],
)


def shown(given: Answer, asked: Asked, *, colour: bool, width: int = 100) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system="standard")
    console.no_color = not colour
    for part in predict_view.answer(given, asked):
        console.print(part)
    return file.getvalue()


def test_words_have_the_label_s_colour_or_that_of_what_speaks_against_it() -> None:
    text = shown(EXPLAINED, Asked(explain=True), colour=True)

    assert "\x1b[1;32mrose(+42)\x1b[0m" in text
    assert "\x1b[32mless(+5)\x1b[0m" in text
    assert "\x1b[35mthan(-1)\x1b[0m" in text
    assert "\x1b[1;35mfeared(-31)\x1b[0m" in text


def test_signs_and_words_say_it_without_colours() -> None:
    text = shown(EXPLAINED, Asked(explain=True, min_confidence=0.63), colour=False)

    assert "  words: Profit rose(+42) less(+5) than(-1) feared(-31)" in text.replace(
        "\x1b[1m", ""
    ).replace("\x1b[0m", "")
    assert "\x1b[3" not in text
    assert "62.5 %" in text
    assert "uncertain" in text


@pytest.mark.parametrize("least", [None, 0.625])
def test_what_was_not_asked_for_or_not_found_is_not_shown(least: float | None) -> None:
    text = shown(EXPLAINED, Asked(min_confidence=least), colour=False)

    assert "words:" not in text
    assert "uncertain" not in text


def test_many_words_are_continued_below_the_first() -> None:
    weights = [WordWeight("up", 3 * i, 3 * i + 2, 0.25) for i in range(30)]
    given = Answer("up " * 30, EXPLAINED.prediction, weights)

    lines = shown(given, Asked(explain=True), colour=False, width=60).splitlines()

    first = next(i for i, line in enumerate(lines) if "words:" in line)
    assert len(lines[first:]) > 4
    assert all(line.startswith(" " * 9) for line in lines[first + 1 :] if line.strip())


def test_a_headline_that_was_not_explained_says_so() -> None:
    text = shown(Answer("x" * 1001, EXPLAINED.prediction), Asked(explain=True), colour=False)

    assert "words: not weighed, since the headline is too long" in text
