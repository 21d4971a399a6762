"""Measures on a test set: what is found, its sign, calibration, and their intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.common.intervals import Interval
from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS
from newsclf.evaluation.unseen.headlines import ConflictingHeadline
from newsclf.evaluation.unseen.records import MEASURES
from newsclf.evaluation.unseen.scores import answers_to_conflicting, mean_of, measure

NEGATIVE, NEUTRAL, POSITIVE = range(3)
_ROWS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0.4, 1)), min_size=1, max_size=40
)


def answer(label_id: int, score: float = 0.8) -> Prediction:
    rest = (1 - score) / 2
    return Prediction(tuple(score if i == label_id else rest for i in range(len(LABELS))))


def test_polar_found_and_sign_count_polar_headlines_only() -> None:
    truth = [NEGATIVE, NEGATIVE, NEGATIVE, POSITIVE, POSITIVE, NEUTRAL, NEUTRAL]
    predicted = [NEGATIVE, NEUTRAL, POSITIVE, POSITIVE, NEUTRAL, POSITIVE, NEUTRAL]

    found = measure(truth, [answer(each) for each in predicted])

    assert found.polar_found.value == pytest.approx(2 / 5)
    assert found.sign.value == pytest.approx(2 / 3)  # three are called polar
    assert found.accuracy.value == pytest.approx(3 / 7)


def test_shares_of_nothing_have_no_value() -> None:
    found = measure([NEUTRAL], [answer(NEUTRAL)])

    assert found.polar_found == found.sign == Interval(value=None)
    assert found.macro_f1.value == 1


def test_the_calibration_error_of_a_model_that_is_right_as_often_as_it_says_is_small() -> None:
    truth = [NEUTRAL] * 800 + [POSITIVE] * 200

    good = measure(truth, [answer(NEUTRAL, 0.8)] * 1000).ece
    bad = measure(truth, [answer(NEUTRAL, 0.99)] * 1000).ece

    assert good.value == pytest.approx(0, abs=1e-9)
    assert bad.value == pytest.approx(0.19)
    assert (bad.low or 0) > (good.high or 1)
    assert (bad.high or 0) - (bad.low or 0) == pytest.approx(2 * 1.96 * 0.4 / 1000**0.5, rel=0.1)


@given(_ROWS)
def test_every_measure_lies_in_its_interval_and_between_0_and_1(
    rows: list[tuple[int, int, float]],
) -> None:
    found = measure([row[0] for row in rows], [answer(row[1], row[2]) for row in rows])

    for name in MEASURES:
        each: Interval = getattr(found, name)
        if each.value is not None:
            assert each.low is not None
            assert each.high is not None
            assert 0 <= each.low <= each.value + 1e-9
            if name != "macro_f1":  # its quantiles may miss the value of a handful of rows
                assert each.value <= each.high + 1e-9 <= 1 + 2e-9


def test_the_mean_of_sets_is_surer_than_any_of_them() -> None:
    each = Interval(value=0.7, low=0.66, high=0.74)

    mean = mean_of([each] * 4)

    assert mean.value == pytest.approx(0.7)
    assert mean.low == pytest.approx(0.68)
    assert mean.high == pytest.approx(0.72)
    assert mean_of([each, Interval(value=None)]) == mean_of([each])
    assert mean_of([]) == Interval(value=None)


def test_conflicting_headlines_are_answered_by_the_label_of_an_entity_or_not() -> None:
    headlines = [
        ConflictingHeadline("a", frozenset({NEGATIVE, POSITIVE})),
        ConflictingHeadline("b", frozenset({NEGATIVE, POSITIVE})),
        ConflictingHeadline("c", frozenset({NEUTRAL, POSITIVE})),
    ]

    found = answers_to_conflicting(headlines, [answer(POSITIVE), answer(NEUTRAL), answer(NEUTRAL)])

    assert found is not None
    assert found.answers == {"negative": 0, "neutral": 2, "positive": 1}
    assert found.one_of_its_labels.value == pytest.approx(2 / 3)
    assert answers_to_conflicting([], []) is None
