"""Risk against coverage, by hand and by what must hold; the interval of the calibration error."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.contract.answers import Prediction
from newsclf.evaluation.confidence import calibration_interval, risk_coverage
from newsclf.evaluation.records import RiskCoverage
from newsclf.evaluation.report import charts
from newsclf.evaluation.report.tables import coverage_table
from newsclf.training.calibration.error import expected_calibration_error


def answer(score: float) -> Prediction:
    """Class 0 with this probability."""
    return Prediction((score, (1 - score) / 2, (1 - score) / 2))


def curve_of(*rows: tuple[float, bool]) -> RiskCoverage:
    """The curve of answers with a confidence, each right or wrong."""
    return risk_coverage([0 if right else 1 for _, right in rows], [answer(c) for c, _ in rows])


ROWS = st.lists(
    st.tuples(st.sampled_from([0.4, 0.5, 0.6, 0.75, 0.9, 0.97]), st.booleans()), min_size=1
)


def test_a_curve_by_hand() -> None:
    curve = curve_of((0.9, True), (0.8, False), (0.7, True), (0.6, True))

    assert [(p.rows, p.errors, p.confidence) for p in curve.points] == [
        (1, 0, 0.9),
        (2, 1, 0.8),
        (3, 1, 0.7),
        (4, 1, 0.6),
    ]
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert curve.area_at_random == pytest.approx(1 / 4)
    assert curve.area_at_best == pytest.approx((1 / 4) / 4)


def test_headlines_of_equal_confidence_are_answered_together() -> None:
    curve = curve_of((0.9, True), (0.9, False), (0.5, True))

    assert [(p.rows, p.errors) for p in curve.points] == [(2, 1), (3, 1)]
    assert curve.area == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    rows: list[tuple[float, bool]], shuffler: random.Random
) -> None:
    shuffled = list(rows)
    shuffler.shuffle(shuffled)

    assert curve_of(*shuffled) == curve_of(*rows)


@given(ROWS)
def test_no_order_is_better_than_the_best_one(rows: list[tuple[float, bool]]) -> None:
    curve = curve_of(*rows)

    assert curve.area_at_best <= curve.area + 1e-12
    last = curve.points[-1]
    assert (last.rows, last.coverage) == (len(rows), 1)
    assert last.errors == sum(not right for _, right in rows)
    assert last.risk == pytest.approx(curve.area_at_random)


@given(ROWS)
def test_a_target_is_the_most_that_can_be_answered_with_that_accuracy(
    rows: list[tuple[float, bool]],
) -> None:
    for target in curve_of(*rows).targets:
        shares = {}
        for limit in {confidence for confidence, _ in rows}:
            answered = [right for confidence, right in rows if confidence >= limit]
            if sum(answered) >= target.accuracy * len(answered) - 1e-9:
                shares[len(answered)] = limit
        if target.point is None:
            assert not shares
        else:
            assert target.point.rows == max(shares)
            assert target.point.confidence == pytest.approx(shares[max(shares)])


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    curve = curve_of(*((1 - i / 5000, i % 7 != 0) for i in range(3000)))

    assert len(curve.points) == 200
    assert (curve.points[0].rows, curve.points[-1].rows) == (1, 3000)


def test_an_accuracy_that_is_never_reached_is_shown_as_none() -> None:
    table = coverage_table(curve_of((0.9, False), (0.5, True)))

    assert table.rows[-1] == ("99 %", "none", "0", "–", "–")


def test_the_table_names_the_confidence_and_the_interval() -> None:
    curve = curve_of(*((0.9, True) for _ in range(99)), (0.9, False), (0.4, False))

    assert coverage_table(curve).rows[-1] == (
        *("99 %", "99.0 %", "100", "0.900"),
        "99.0 % (94.6 % to 99.8 %)",
    )


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_the_figure_of_few_rows_and_of_one_confidence(rows: int) -> None:
    figure = charts.risk_coverage_figure("k", curve_of(*([(0.9, True)] * rows)))

    assert f"n = {rows}" in figure.subtitle
    assert figure.table.rows == [("100.0 %", f"{rows}", "0.900", "0", "0.0 %")]


def test_the_interval_covers_the_true_error_of_most_samples() -> None:
    """Confidence is 0.9 throughout and 80 % are right, so the true error is 0.1."""
    draws = np.random.default_rng(1)
    covered = 0
    for _ in range(40):
        low, high = calibration_interval(np.full(300, 0.9), draws.random(300) < 0.8)
        covered += low <= 0.1 <= high

    assert covered >= 34


def test_the_interval_of_a_calibrated_model_holds_0() -> None:
    draws = np.random.default_rng(1)
    held = 0
    for _ in range(40):
        confidence = draws.uniform(0.5, 1, 200)
        held += calibration_interval(confidence, draws.random(200) < confidence)[0] == 0

    assert held >= 36


@given(st.lists(st.tuples(st.floats(0.34, 1), st.booleans()), min_size=1, max_size=60))
def test_the_interval_holds_the_error_and_lies_between_0_and_1(
    rows: list[tuple[float, bool]],
) -> None:
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])

    low, high = calibration_interval(confidence, right)

    assert 0 <= low <= expected_calibration_error(confidence, right) <= high <= 1
