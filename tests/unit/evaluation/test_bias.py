"""The bias probe changes names and nothing else, and counts what that does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.contract.answers import Prediction
from newsclf.evaluation import bias
from newsclf.evaluation.bias import probe, swap

NEGATIVE, POSITIVE = Prediction((1.0, 0.0, 0.0)), Prediction((0.0, 0.0, 1.0))
KINDS: tuple[Literal["company", "country", "currency"], ...] = ("company", "country", "currency")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("currency", "Profit of EUR 5 mn, or $7 million", "Profit of USD 5 mn, or £7 million"),
        (
            "currency",
            "A euro bought 1.1 dollars; EUROPE slept",
            "A dollar bought 1.1 pounds; EUROPE slept",
        ),
        ("company", "Profit at the mill rose", "Profit at the mill rose"),
    ],
)
def test_swaps(kind: Literal["company", "currency"], before: str, after: str) -> None:
    assert swap(before, kind) == after


def test_a_company_is_known_by_its_name_or_its_legal_form() -> None:
    for text in ("Nokia to pay a dividend", "Ferrum Nowa PLC to pay a dividend"):
        swapped = swap(text, "company")
        assert swapped != text
        assert swapped.endswith("to pay a dividend")
    assert swap("Ferrum Nowa PLC pays", "company").endswith("PLC pays")


def test_the_same_name_is_swapped_for_the_same_other() -> None:
    first, *_, second, _ = swap("Finland imports more than Finland exports", "country").split()
    adjective, _, _, country = swap("Finnish firms in Finland", "country").split()

    assert first == second != "Finland"
    assert bias.COUNTRIES[country] == adjective


@pytest.mark.parametrize("kind", ["company", "country"])
def test_two_names_stay_two(kind: Literal["company", "country"]) -> None:
    """A ship from X to X, or a merger of X with X, would be other news."""
    names = {"company": ["Nokia", "Kone"], "country": ["Finland", "Sweden"]}[kind]
    for number in range(200):
        text = f"{names[0]} sells unit {number} to {names[1]}"
        one, *_, other = swap(text, kind).split(" ")
        assert len({one, other, *names}) == 4


def test_legal_forms_with_dots_are_known() -> None:
    assert swap("Ferrum Nowa S.A. pays", "company") != "Ferrum Nowa S.A. pays"


@given(st.text())
def test_a_swap_is_reproducible_and_needs_a_name(text: str) -> None:
    for kind in KINDS:
        assert swap(text, kind) == swap(text, kind)
        if not any(character.isupper() for character in text) and kind != "currency":
            assert swap(text, kind) == text


def test_a_classifier_that_does_not_look_at_names_never_flips() -> None:
    texts = ["Nokia of Finland earned EUR 5", "Kone of Sweden lost USD 3"]

    for found in probe(texts, [POSITIVE, POSITIVE], lambda swapped: [POSITIVE] * len(swapped)):
        assert (found.rows, found.flips, found.rate) == (2, 0, 0.0)


def test_a_classifier_that_likes_one_currency_is_found_out() -> None:
    def likes_euros(texts: Sequence[str]) -> list[Prediction]:
        return [POSITIVE if "EUR" in text else NEGATIVE for text in texts]

    texts = ["Earned EUR 5", "Earned USD 5", "Earned nothing", "Earned EUR 7"]
    found = {row.kind: row for row in probe(texts, likes_euros(texts), likes_euros)}

    assert (found["currency"].rows, found["currency"].flips) == (3, 2)
    assert found["currency"].examples[0].before == "Earned EUR 5"
    assert found["currency"].examples[0].label_after == "negative"
    assert found["company"].rows == 0
