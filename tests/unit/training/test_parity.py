"""When an int8 model is as good as its float model, on few rows and on many."""

from __future__ import annotations

import pytest

from newsclf.common.settings import OptimizeSettings
from newsclf.contract.answers import Prediction
from newsclf.data.examples import Example
from newsclf.model.card import Parity
from newsclf.training.int8 import parity

LIMITS = OptimizeSettings()
SURE, UNDECIDED = Prediction((0.9, 0.06, 0.04)), Prediction((0.49, 0.45, 0.06))
TOO_FEW = (
    "accepted: 1 of 5 rows differs, which a set this small always allows; too few rows to judge"
)
OTHER = Prediction((0.3, 0.6, 0.1))


def measured(rows: int, *, differing: int = 0, undecided: int = 0, truth: str = "float") -> Parity:
    """A model that gives some rows another label; on those the float model, or int8, is right."""
    floats = [SURE] * (rows - undecided) + [UNDECIDED] * undecided
    changed = [i < differing or i >= rows - undecided for i in range(rows)]
    int8s = [OTHER if is_changed else SURE for is_changed in changed]
    label_ids = [1 if is_changed and truth == "int8" else 0 for is_changed in changed]
    return parity.measure(floats, int8s, [Example("", label_id) for label_id in label_ids])


@pytest.mark.parametrize(
    ("rows", "differing", "accepted"),
    [
        (20, 0, True),
        (20, 1, True),  # one row in twenty may be chance
        (20, 2, False),
        (276, 2, True),
        (276, 3, False),
        (1000, 10, True),
        (1000, 11, False),
    ],
)
def test_rows_that_differ_are_counted_but_never_a_single_one(
    rows: int, differing: int, *, accepted: bool
) -> None:
    found = measured(rows, differing=differing, truth="int8")

    assert found.differing == differing
    assert (parity.problems(found, LIMITS) == []) is accepted


@pytest.mark.parametrize(
    ("rows", "differing", "accepted"),
    # Chance makes 9 or fewer of 1 % of 475 rows in 97 of 100 sets, 8 or fewer in 94.
    [(475, 5, True), (475, 9, True), (475, 10, False), (20, 1, True), (20, 2, False)],
)
def test_on_headlines_more_rows_than_chance_explains_must_differ(
    rows: int, differing: int, *, accepted: bool
) -> None:
    found = measured(rows, differing=differing, truth="int8")

    assert (parity.problems(found, LIMITS, by_chance=True) == []) is accepted


def test_a_row_on_which_the_float_model_is_undecided_does_not_count() -> None:
    found = measured(50, undecided=4)

    assert found.agreement == pytest.approx(0.92)
    assert (found.undecided, found.differing) == (4, 0)
    assert parity.problems(found, LIMITS) == []


def test_accuracy_that_falls_by_chance_is_no_problem_but_a_clear_fall_is() -> None:
    loose = OptimizeSettings(min_agreement=0.5)

    assert parity.problems(measured(100, differing=4), loose) == []  # 4 : 0, p = 0.06
    (problem,) = parity.problems(measured(100, differing=5), loose)
    assert problem == (
        "accuracy falls from 100.0 % to 95.0 %, by more than 0.5 points and more than chance"
        " explains"
    )


def test_accuracy_that_rises_is_not_said_to_fall() -> None:
    (problem,) = parity.problems(measured(20, differing=3, undecided=1, truth="int8"), LIMITS)

    assert problem == (
        "3 get another label than from the float model, where at most 1 may (1 more, on which the"
        " float model is undecided, do not count)"
    )


@pytest.mark.parametrize("truth", ["float", "int8"])
@pytest.mark.parametrize(("rows", "differing"), [(20, 3), (50, 17), (276, 30), (690, 101)])
def test_the_options_that_the_hint_names_accept_the_model(
    rows: int, differing: int, truth: str
) -> None:
    found = measured(rows, differing=differing, truth=truth)
    words = parity.accepting_options([found]).split()
    given = {
        name.removeprefix("--").replace("-", "_"): float(value)
        for name, value in zip(words[::2], words[1::2], strict=True)
    }

    assert parity.problems(found, LIMITS) != []
    assert parity.problems(found, OptimizeSettings.model_validate(given)) == []


@pytest.mark.parametrize(
    ("rows", "differing", "undecided", "said"),
    [
        (5, 1, 0, TOO_FEW),
        (50, 0, 4, "accepted: 4 of 50 rows differ, where the float model is undecided"),
        (5, 0, 0, None),
        (276, 2, 0, None),
    ],
)
def test_an_accepted_model_that_agrees_on_too_few_rows_gets_a_caveat(
    rows: int, differing: int, undecided: int, said: str | None
) -> None:
    found = measured(rows, differing=differing, undecided=undecided, truth="int8")

    assert parity.problems(found, LIMITS) == []
    assert parity.caveat(found, LIMITS) == said


def test_a_model_that_chance_lets_pass_says_so() -> None:
    found = measured(475, differing=9, truth="int8")

    assert parity.caveat(found, LIMITS) == (
        "accepted: 9 of 475 rows differ, as chance may where 1 % do"
    )
