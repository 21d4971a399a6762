"""Fit of temperature and biases: it finds what was put in, and few rows move it little."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from newsclf.common.settings import DataSettings
from newsclf.data import headlines
from newsclf.data.examples import Example, LabelledData, Split
from newsclf.training.calibration.error import expected_calibration_error
from newsclf.training.calibration.fitting import (
    Correction,
    FitFailedError,
    cross_fitted,
    fit,
    probabilities_of,
    row_weights,
)
from newsclf.training.calibration.rows import calibration_rows

Array = NDArray[np.float64]


def drawn(rows: int, true: Correction, seed: int = 0) -> tuple[Array, NDArray[np.intp]]:
    """Logits, and classes drawn with the probabilities of the calibrated logits."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (rows, 3))
    probabilities = probabilities_of(true.applied(logits))
    chosen = (probabilities.cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    return logits, np.minimum(chosen, 2)


def error_of(logits: Array, labels: NDArray[np.intp]) -> float:
    found = probabilities_of(logits)
    return expected_calibration_error(found.max(axis=1), found.argmax(axis=1) == labels)


@settings(max_examples=8, deadline=None)
@given(
    st.floats(0.5, 3),
    st.floats(-0.25, 0.25),
    st.floats(-0.25, 0.25),
    st.integers(0, 1000),
)
def test_a_known_temperature_and_known_biases_are_found(
    temperature: float, first: float, second: float, seed: int
) -> None:
    true = Correction(temperature, (first, second, -first - second))
    logits, labels = drawn(20_000, true, seed)

    found = fit(logits, labels, np.ones(20_000))

    assert found.temperature == pytest.approx(temperature, rel=0.08)
    assert found.biases == pytest.approx(true.biases, abs=0.12)
    assert sum(found.biases) == pytest.approx(0, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.4, 3).filter(lambda t: abs(math.log(t)) > 0.3), st.integers(0, 1000))
def test_the_error_falls_on_rows_that_were_not_fitted(temperature: float, seed: int) -> None:
    logits, labels = drawn(4000, Correction(temperature), seed)

    after = cross_fitted(logits, labels, np.zeros(4000, dtype=np.intp))

    assert error_of(after, labels) < error_of(logits, labels)
    assert error_of(after, labels) < 0.04


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(0, 2), st.floats(0.01, 6), st.integers(0, 1000))
def test_few_rows_do_not_give_wild_values(rows: int, label: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, scale, (rows, 3))
    labels = np.full(rows, label)
    labels[: rows // 2] = random.integers(0, 3, rows // 2)

    found = fit(logits, labels, np.ones(rows))

    assert 0.1 < found.temperature < 10
    assert max(map(abs, found.biases)) < 0.1


def test_some_hundred_rows_set_the_temperature_and_hardly_move_labels() -> None:
    logits, labels = drawn(700, Correction(0.5, (0.3, -0.6, 0.3)))

    found = fit(logits, labels, np.ones(700))

    assert found.temperature == pytest.approx(0.5, rel=0.2)
    assert 0.02 < max(map(abs, found.biases)) < 0.3


def test_one_right_row_changes_next_to_nothing() -> None:
    found = fit(np.array([[4.0, 0, 0]]), np.array([0]), np.ones(1))

    assert found.temperature == pytest.approx(1, abs=0.05)


def test_biases_stay_zero_if_a_class_has_no_rows() -> None:
    logits, labels = drawn(900, Correction(2.0))
    kept = labels != 1

    found = fit(logits[kept], labels[kept], np.ones(kept.sum()))

    assert found.biases == (0, 0, 0)
    assert math.isfinite(found.temperature)


def test_logits_that_are_not_finite_are_refused() -> None:
    with pytest.raises(FitFailedError, match="not finite"):
        fit(np.array([[np.nan, 0, 0]]), np.array([0]), np.ones(1))


def test_groups_of_any_size_weigh_the_same_and_add_up_to_the_effective_number() -> None:
    weights = row_weights(np.array([0] * 20 + [1] * 480))

    assert weights[:20].sum() == pytest.approx(weights[20:].sum())
    # 2 groups: 4 / (1/20 + 1/480)
    assert weights.sum() == pytest.approx(76.8)
    assert row_weights(np.zeros(7, dtype=np.intp)) == pytest.approx(np.ones(7))


def test_a_calibration_between_two_groups_lies_between_their_own() -> None:
    sharp, flat = drawn(3000, Correction(0.6)), drawn(300, Correction(2.0), seed=1)
    groups = np.repeat([0, 1], [3000, 300])
    logits, labels = np.concatenate([sharp[0], flat[0]]), np.concatenate([sharp[1], flat[1]])

    alone = [fit(*each, np.ones(len(each[1]))).temperature for each in (sharp, flat)]
    both = fit(logits, labels, row_weights(groups)).temperature

    assert alone[0] + 0.1 < both < alone[1] - 0.1


@pytest.mark.parametrize("rows", [1, 2, 4, 7])
def test_cross_fitting_of_fewer_rows_than_folds(rows: int) -> None:
    logits, labels = drawn(rows, Correction())

    assert cross_fitted(logits, labels, np.zeros(rows, dtype=np.intp)).shape == (rows, 3)


def test_expected_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.97, 0.61, 0.62])
    right = np.array([True, False, True, True])

    # |1 − 1.92| in one bin, |2 − 1.23| in another
    assert expected_calibration_error(confidence, right) == pytest.approx((0.92 + 0.77) / 4)


CORPUS = headlines.read(DataSettings(source="headlines"))
SHIPPED = list(CORPUS.validation or ())


def data_of(validation: list[Example], name: str = "own") -> tuple[LabelledData, Split]:
    train, test = [Example("Karvo trains", 1)], [Example("Karvo tests", 1)]
    data = LabelledData(name=name, examples=train, digest="")
    return data, Split(train=train, validation=validation, test=test)


def test_by_default_own_rows_and_those_of_the_corpus_are_calibrated_on() -> None:
    own = [Example("Karvo wins", 2)]

    found = calibration_rows(*data_of(own), "headlines")

    assert [(each.name, len(each.examples)) for each in found] == [
        ("own", 1),
        (CORPUS.name, len(SHIPPED)),
    ]
    assert [each.name for each in calibration_rows(*data_of(own), "own")] == ["own"]
    assert calibration_rows(*data_of(own), "none") == []


def test_rows_of_the_corpus_count_once() -> None:
    own = [Example("Karvo wins", 2)]

    alone = calibration_rows(*data_of(SHIPPED, CORPUS.name), "headlines")
    joined = calibration_rows(*data_of([*own, *SHIPPED], f"own; {CORPUS.name}"), "headlines")

    assert [(each.name, len(each.examples)) for each in alone] == [(CORPUS.name, len(SHIPPED))]
    assert [(each.name, len(each.examples)) for each in joined] == [
        ("own", 1),
        (CORPUS.name, len(SHIPPED)),
    ]


def test_rows_that_are_trained_or_tested_on_are_not_calibrated_on() -> None:
    data, parts = data_of([Example("Karvo wins", 2)])
    train = [Example(SHIPPED[0].text.upper(), 1)]
    parts = Split(train=train, validation=parts.validation, test=SHIPPED[1:3])

    _, corpus = calibration_rows(data, parts, "headlines")

    assert list(corpus.examples) == SHIPPED[3:]
