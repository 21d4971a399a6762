"""Extrapolation of planted learning curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.label.power_law import Curve, extrapolate

SHARES = (0.25, 0.5, 0.75, 1.0)


def law(labels: float, *, floor: float, exponent: float, start: float = 0.30) -> float:
    """Error that falls from `start` at 100 labels to `floor`."""
    return floor + (start - floor) * float((labels / 100) ** -exponent)


def covariance_of(deviation: float, shared: float) -> np.ndarray:
    """Of errors of one deviation, of whose variance a share is common to all sizes."""
    return deviation**2 * (shared + (1 - shared) * np.eye(len(SHARES)))


def measured(
    labels: int, chance: np.random.Generator, *, deviation: float, **planted: float
) -> Curve:
    """A curve of planted errors with noise that is common to all sizes for the most part."""
    sizes = [share * labels for share in SHARES]
    covariance = covariance_of(deviation, shared=0.9)
    noise = chance.multivariate_normal(np.zeros(len(SHARES)), covariance)
    return Curve(sizes, np.array([law(size, **planted) for size in sizes]) + noise, covariance)


@pytest.mark.parametrize("exponent", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("floor", [0.02, 0.12])
@pytest.mark.parametrize("deviation", [0.001, 0.012])
def test_the_gain_of_a_planted_curve_is_within_its_interval(
    exponent: float, floor: float, deviation: float
) -> None:
    chance = np.random.default_rng(0)
    planted = {"floor": floor, "exponent": exponent}
    true = law(800, **planted) - law(1_800, **planted)

    found = [
        extrapolate(measured(800, chance, deviation=deviation, **planted), now=800, more=1_000)
        for _ in range(60)
    ]

    told = [gain.interval for gain in found if gain.interval is not None]
    within = [
        each.low is not None and each.high is not None and each.low <= true <= each.high
        for each in told
    ]
    assert len(told) >= 30
    assert sum(within) >= 0.88 * len(told)


def test_a_precise_curve_gives_a_narrow_interval() -> None:
    planted = {"floor": 0.05, "exponent": 0.5}
    curve = measured(1_000, np.random.default_rng(0), deviation=1e-4, **planted)

    found = extrapolate(curve, now=1_000, more=1_000).interval

    true = law(1_000, **planted) - law(2_000, **planted)
    assert found is not None
    assert found.value == pytest.approx(true, rel=0.1)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.5 * true


def test_of_flat_noise_nothing_is_told() -> None:
    chance = np.random.default_rng(0)
    found = [
        extrapolate(
            measured(800, chance, deviation=0.012, floor=0.30, exponent=0.5), now=800, more=1_000
        )
        for _ in range(100)
    ]

    assert sum(gain.interval is None for gain in found) >= 93
    assert "may be chance" in (found[0].why_not or "")


def test_of_a_curve_of_another_shape_nothing_is_told() -> None:
    errors = np.array([0.30, 0.29, 0.22, 0.10])  # falls faster and faster

    found = extrapolate(
        Curve([250, 500, 750, 1_000], errors, covariance_of(0.005, 0.5)), now=1_000, more=1_000
    )

    assert found.interval is None
    assert (found.why_not or "").startswith("it does not follow")  # whichever measure it is


def test_few_labels_are_not_extrapolated_to_many() -> None:
    curve = measured(300, np.random.default_rng(0), deviation=0.001, floor=0.0, exponent=0.5)

    assert extrapolate(curve, now=300, more=900).interval is not None
    assert extrapolate(curve, now=300, more=1_000).why_not == (
        "1,000 more are too far from 300 labels; 334 would be enough"
    )


@given(
    errors=st.lists(st.floats(0, 1), min_size=4, max_size=4),
    deviation=st.floats(1e-4, 0.1),
    shared=st.floats(0, 0.95),
    labels=st.integers(400, 20_000),
    more=st.integers(1, 1_000),
)
def test_a_gain_is_never_negative_nor_more_than_the_error(
    errors: list[float], deviation: float, shared: float, labels: int, more: int
) -> None:
    sizes = [share * labels for share in SHARES]
    curve = Curve(sizes, np.array(errors), covariance_of(deviation, shared))

    found = extrapolate(curve, now=labels, more=more)

    assert (found.interval is None) == (found.why_not is not None)
    if found.interval is not None:
        low, value, high = found.interval.low, found.interval.value, found.interval.high
        assert low is not None
        assert value is not None
        assert high is not None
        assert 0 <= low <= value <= high <= errors[-1] + 6 * deviation


@settings(max_examples=30)
@given(st.integers(400, 5_000), st.integers(1, 500), st.integers(0, 100))
def test_more_labels_never_bring_less(labels: int, more: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    curve = measured(labels, chance, deviation=0.001, floor=0.05, exponent=0.4)

    fewer = extrapolate(curve, now=labels, more=more).interval
    further = extrapolate(curve, now=labels, more=2 * more).interval

    if fewer is not None and further is not None:
        for less, rather in ((fewer.low, further.low), (fewer.high, further.high)):
            assert less is not None
            assert rather is not None
            assert less <= rather
