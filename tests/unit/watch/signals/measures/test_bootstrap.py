"""Tests of the interval of a signal: how often it covers the truth, on simulated news."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsclf.watch.signals.measures.bootstrap import (
    REPLICATES,
    Replicated,
    interval,
    no_replicates,
    replicates,
)

SHRINKAGE = 2.0


def added(events: list[tuple[int, float, tuple[float, float, float]]]) -> Replicated:
    total = no_replicates()
    for event in events:
        total += replicates(*event)
    return total


probabilities = st.tuples(*[st.floats(0.01, 1)] * 3).map(
    lambda p: (p[0] / sum(p), p[1] / sum(p), p[2] / sum(p))
)
events = st.lists(
    st.tuples(st.integers(1, 2**40), st.floats(0.01, 2), probabilities), min_size=1, max_size=8
)


@given(events)
def test_the_order_of_events_changes_no_bit(
    found: list[tuple[int, float, tuple[float, float, float]]],
) -> None:
    backwards = found[::-1]

    assert interval([(0.7, added(found))], SHRINKAGE) == interval(
        [(0.7, added(backwards))], SHRINKAGE
    )


@given(events, events)
def test_events_can_be_taken_out_again_exactly(
    kept: list[tuple[int, float, tuple[float, float, float]]],
    gone: list[tuple[int, float, tuple[float, float, float]]],
) -> None:
    assert np.array_equal(added(kept + gone) - added(gone), added(kept))


def test_each_event_is_taken_once_on_average_and_as_its_probabilities_say() -> None:
    total = added([(number, 1.0, (0.2, 0.5, 0.3)) for number in range(2000)])
    products, weights = total.sum(axis=1) / (2**32 * REPLICATES * 2000)

    assert weights == pytest.approx(1, abs=0.01)
    assert products == pytest.approx(0.3 - 0.2, abs=0.01)


def test_the_bits_are_those_of_the_generator_that_numpy_keeps() -> None:
    total = added([(7, 1.0, (0.1, 0.2, 0.7)), (8, 0.5, (0.6, 0.3, 0.1))])

    assert interval([(1.0, total)], 2) == (-0.5, 0.6)
    assert hashlib.sha256(total.tobytes()).hexdigest()[:16] == "26b2dd7559b4f7a7"


def test_one_event_is_weak_evidence_and_many_are_strong() -> None:
    one = interval([(1.0, added([(1, 1.0, (0.02, 0.03, 0.95))]))], SHRINKAGE)
    many = interval([(1.0, added([(n, 1.0, (0.02, 0.03, 0.95)) for n in range(200)]))], SHRINKAGE)

    assert one[1] - one[0] > 0.5
    assert many[1] - many[0] < 0.15
    assert many[0] < 200 * 0.93 / 202 < many[1]


def test_neutral_events_alone_have_an_interval_around_zero() -> None:
    assert interval([(1.0, added([(n, 1.0, (0.0, 1.0, 0.0)) for n in range(5)]))], 0) == (0, 0)


def coverage(
    events_mean: float, *, bias: float = 0.0, seed: int = 1, worlds: int = 400
) -> tuple[float, float]:
    """Shares of simulated entities whose truth is in the interval, two truths.

    Events come as a Poisson process, with ages over three half-lives. Each has probabilities from
    which its true class is drawn; the classifier reports these, or others: of each entity the log
    odds of positive against negative are wrong by so much (one standard deviation).

    Returns:
        For the signal that is to be expected of such news, and for the signal that the true
        classes of the very events give.
    """
    rng = np.random.default_rng(seed)
    expected_weight = events_mean * (1 - 2**-3) / (3 * np.log(2))
    tilt = (0.6, 1.2, 0.9)
    of_news = of_events = number = 0
    for _ in range(worlds):
        mean = rng.dirichlet([5 * each for each in tilt])
        count = max(1, rng.poisson(events_mean))
        weights = 2.0 ** -rng.uniform(0, 3, count)
        true_p = rng.dirichlet(2 * mean, count)
        classes = [rng.choice((-1, 0, 1), p=p) for p in true_p]
        reported = true_p * np.exp(rng.normal(0, bias) * np.array([-0.5, 0.0, 0.5]))
        reported /= reported.sum(axis=1, keepdims=True)
        total = no_replicates()
        for weight, p in zip(weights, reported, strict=True):
            number += 1
            total += replicates(number, float(weight), (p[0], p[1], p[2]))
        low, high = interval([(1.0, total)], SHRINKAGE)
        truth = expected_weight * (mean[2] - mean[0]) / (SHRINKAGE + expected_weight)
        of_news += low <= truth <= high
        of_events += low <= weights @ classes / (SHRINKAGE + weights.sum()) <= high
    return of_news / worlds, of_events / worlds


@pytest.mark.parametrize("events_mean", [5, 20, 80])
def test_the_interval_covers_the_truth_at_least_as_often_as_it_says(events_mean: float) -> None:
    of_news, of_events = coverage(events_mean)

    assert of_news >= 0.93  # 95 % less the error of 400 worlds
    assert of_events >= 0.93


def test_a_classifier_that_misreads_an_entity_is_covered_as_well() -> None:
    of_news, of_events = coverage(20, bias=0.7)  # the odds are half or double for a third of them

    assert of_news >= 0.92
    assert of_events >= 0.92
