"""Agreement of labels, against published examples and scikit-learn."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from itertools import permutations
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from newsclf.data.labelled import Label
from newsclf.label.agreement import accuracy, cohen_kappa, krippendorff_alpha, recall

LABELS: tuple[Label, ...] = get_args(Label)
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1)
UNITS = st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=2, max_size=12)


def units_of(*observers: str) -> list[list[str]]:
    """Values by unit, from a line for each observer; a dot is a missing value."""
    return [[v for v in unit if v != "."] for unit in zip(*observers, strict=True)]


def test_alpha_of_two_observers_is_as_krippendorff_computes_it() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section B.
    found = krippendorff_alpha(units_of("aabbdcccedda", "babbbccceddd"))

    assert found is not None
    assert found.value == pytest.approx(0.692, abs=0.0005)


def test_alpha_of_four_observers_with_gaps_is_as_krippendorff_computes_it() -> None:
    # The same, section C: nominal data, any number of observers, missing data.
    found = krippendorff_alpha(
        units_of("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    )

    assert found is not None
    assert found.value == pytest.approx(0.743, abs=0.0005)
    assert 0 < found.low < found.value < found.high <= 1


def test_alpha_of_many_headlines_takes_little_memory() -> None:
    units = [["positive", "positive"] if i % 10 else ["positive", "neutral"] for i in range(20_000)]
    tracemalloc.start()
    found = krippendorff_alpha(units)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found is not None
    assert found.low < found.value < found.high
    assert peak_bytes < 50e6


def plain_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Alpha pair by pair, as its definition says."""
    pairable = [unit for unit in units if len(unit) > 1]
    values = [value for unit in pairable for value in unit]
    if len(set(values)) < 2:
        return None
    observed = sum(
        sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in pairable
    ) / len(values)
    expected = sum(a != b for a, b in permutations(values, 2)) / (len(values) * (len(values) - 1))
    return 1 - observed / expected


@given(UNITS)
def test_alpha_is_what_its_definition_says(units: list[list[str]]) -> None:
    found, expected = krippendorff_alpha(units), plain_alpha(units)

    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("units", "value", "low", "high"),
    [
        # Wilson's interval of 3 of 3 begins at 0.438, and 14 of 30 pairs agree by chance.
        ([["a", "a"], ["b", "b"], ["a", "a"]], 1.0, -0.05, 1.0),
        # Of 0 of 1 it ends at 0.793, and no pair can agree by chance.
        ([["a", "b"]], 0.0, 0.0, 0.793),
    ],
)
def test_few_headlines_on_which_all_agree_or_none_say_little(
    units: list[list[str]], value: float, low: float, high: float
) -> None:
    found = krippendorff_alpha(units)

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=0.01)


@pytest.mark.parametrize("units", [[], [["a"], ["b"]], [["a", "a"], ["a", "a", "a"]]])
def test_without_pairs_or_variation_there_is_no_alpha(units: list[list[str]]) -> None:
    assert krippendorff_alpha(units) is None


@given(PAIRS)
def test_kappa_is_scikit_learns(pairs: list[tuple[Label, Label]]) -> None:
    known, given = zip(*pairs, strict=True)
    assume(len(set(known) | set(given)) > 1)

    found = cohen_kappa(known, given)

    assert found.value == pytest.approx(cohen_kappa_score(known, given), abs=1e-9)
    assert found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9
    assert found.high <= 1 + 1e-9


def test_all_right_is_kappa_1_with_an_interval_that_says_how_few_rows_there_were() -> None:
    few, many = (cohen_kappa(labels, labels) for labels in (list(LABELS) * 4, list(LABELS) * 40))

    assert few.value == many.value == 1
    assert few.low < many.low < 1


@pytest.mark.parametrize("rows", [0, 5])
def test_a_single_class_does_not_tell_agreement_from_chance(rows: int) -> None:
    neutral: list[Label] = ["neutral"] * rows

    found = cohen_kappa(neutral, neutral)

    assert (found.value, found.low, found.high) == (0, -1, 1)


def test_no_end_of_the_interval_of_kappa_is_below_minus_1() -> None:
    given: list[Label] = ["negative"] * 30
    known: list[Label] = [*given[:29], "positive"]

    found = cohen_kappa(known, given)

    assert (found.value, found.low) == (0, -1)
    assert 0 < found.high < 1


def test_recall_is_of_each_class_and_accuracy_of_all_rows() -> None:
    known: list[Label] = ["negative", "negative", "neutral", "neutral"]
    given: list[Label] = ["negative", "neutral", "neutral", "neutral"]

    found = recall(known, given)

    assert {label: each.value for label, each in found.items()} == {
        "negative": 0.5,
        "neutral": 1.0,
        "positive": 0.0,
    }
    assert (found["positive"].low, found["positive"].high) == (0, 1)  # it has no rows
    assert accuracy(known, given).value == 0.75
