"""Percentiles, intervals and Little's law, against numpy, HdrHistogram and known queues."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from newsclf.loadtest.analysis.statistics import (
    Floats,
    binomial_ranks,
    effective_size,
    little_gap,
    mean_number,
    nearest_rank,
    percentile,
    percentiles,
    slope,
)
from tests.support.queues import arrivals, closed, fifo


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=200),
    st.one_of(st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]), st.floats(0.001, 1)),
)
def test_percentiles_are_numpys_inverted_cdf(values: list[float], p: float) -> None:
    ordered = np.sort(np.array(values))

    assert nearest_rank(ordered, p) == np.quantile(ordered, p, method="inverted_cdf")


def _distributions() -> list[tuple[str, Floats]]:
    rng = np.random.default_rng(1)
    modes = np.where(rng.random(20_000) < 0.3, rng.normal(20, 1, 20_000), rng.normal(90, 5, 20_000))
    return [
        ("lognormal", rng.lognormal(3, 1, 20_000)),
        ("bimodal", modes),
        ("constant", np.full(1000, 12.5)),
        ("one", np.array([7.25])),
    ]


@pytest.mark.parametrize(("name", "values"), _distributions())
def test_percentiles_agree_with_hdrhistogram(name: str, values: Floats) -> None:
    histogram = HdrHistogram(1, 3_600_000_000_000, 4)
    for value in values:
        histogram.record_value(round(value * 1e6))
    ordered = np.sort(values)

    for p in (0.5, 0.9, 0.95, 0.99, 0.999):
        theirs = histogram.get_value_at_percentile(100 * p) / 1e6
        assert nearest_rank(ordered, p) == pytest.approx(theirs, rel=1e-3), (name, p)


@pytest.mark.parametrize(
    ("n", "p", "ranks"),
    [
        (1000, 0.99, (983, 997)),
        (3000, 0.99, (2959, 2981)),
        (10_000, 0.99, (9880, 9920)),
        (1000, 0.95, (936, 964)),
        (1000, 0.50, (469, 532)),
    ],
)
def test_ranks_of_the_interval_of_a_percentile(n: int, p: float, ranks: tuple[int, int]) -> None:
    assert binomial_ranks(n, p) == ranks


def test_a_percentile_without_enough_samples_has_no_upper_end() -> None:
    rng = np.random.default_rng(2)

    assert percentile(rng.random(300), 0.99).high is None
    assert binomial_ranks(367, 0.99)[1] == 368
    assert binomial_ranks(368, 0.99)[1] == 368
    assert percentiles(np.array([]))["p50"].value is None
    assert percentiles(np.array([3.0]))["p99"].value == 3.0


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_binomial_ranks_cover_the_true_percentile(p: float) -> None:
    rng = np.random.default_rng(3)
    ordered = np.sort(rng.lognormal(0, 1, (2000, 3000)), axis=1)
    truth = math.exp(_normal_quantile(p))

    low, high = binomial_ranks(3000, p)
    covered = np.mean((ordered[:, low - 1] <= truth) & (truth <= ordered[:, high - 1]))

    assert 0.93 <= covered <= 0.97


def _normal_quantile(p: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(p))


@pytest.mark.parametrize(
    ("load", "p", "least"), [(0.5, 0.5, 0.93), (0.5, 0.95, 0.92), (0.8, 0.5, 0.91)]
)
def test_intervals_cover_under_autocorrelation(load: float, p: float, least: float) -> None:
    rng = np.random.default_rng(4)
    service_s = 0.02
    response = _responses(rng, load / service_s, service_s, 3000, runs=200)
    truth = float(np.quantile(_responses(rng, load / service_s, service_s, 1_000_000, runs=1), p))

    found = [percentile(run, p) for run in response]
    covered = np.mean(
        [(i.low or 0.0) <= truth <= (math.inf if i.high is None else i.high) for i in found]
    )
    low, high = binomial_ranks(3000, p)
    ordered = np.sort(response, axis=1)
    naive = np.mean((ordered[:, low - 1] <= truth) & (truth <= ordered[:, high - 1]))

    assert covered >= least
    assert covered > naive


def _responses(
    rng: np.random.Generator, rate_per_s: float, service_s: float, n: int, *, runs: int
) -> Floats:
    due = arrivals(rng, rate_per_s, n + 1000, runs)
    return (fifo(due, np.full(due.shape, service_s)) - due)[:, 1000:]


def test_clustered_flags_tell_as_much_as_fewer_independent_ones() -> None:
    rng = np.random.default_rng(5)
    independent = rng.random(5000) < 0.1
    clustered = np.repeat(rng.random(500) < 0.1, 10)

    assert effective_size(independent) > 1500
    assert np.mean([effective_size(np.repeat(rng.random(500) < 0.1, 10)) for _ in range(50)]) < 1000
    assert effective_size(clustered) <= 5000
    assert effective_size(np.zeros(40, dtype=bool)) == 40


def test_slope_and_its_interval() -> None:
    from scipy.stats import linregress

    rng = np.random.default_rng(6)
    x = np.arange(20.0)
    y = 3 * x + rng.normal(0, 5, 20)
    theirs = linregress(x, y)

    found = slope(x, y)

    assert found.value == pytest.approx(theirs.slope)
    assert found.low is not None
    assert found.value is not None
    assert found.value - found.low == pytest.approx(2.10092 * theirs.stderr, rel=1e-4)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 30)), max_size=30))
def test_the_number_in_flight_is_the_overlap_with_each_bin(
    stays: list[tuple[float, float]],
) -> None:
    begin = np.array([b for b, _ in stays], dtype=float)
    end = np.array([b + d for b, d in stays], dtype=float)
    edges = np.array([10.0, 20.0, 60.0])

    expected = [
        sum(max(0.0, min(e, hi) - max(b, lo)) for b, e in zip(begin, end, strict=True)) / (hi - lo)
        for lo, hi in ((10.0, 20.0), (20.0, 60.0))
    ]

    assert mean_number(begin, end, edges) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("users", [1, 8, 64])
def test_littles_law_holds_in_a_closed_loop(users: int) -> None:
    sent, ended = closed(
        np.random.default_rng(7), lambda _: 0.02, users=users, servers=4, n=20_000, jitter=0.3
    )
    window = (float(np.quantile(sent, 0.1)), float(np.quantile(sent, 0.9)))

    assert little_gap(sent, ended, window) < 0.03
    assert mean_number(sent, ended, np.array(window))[0] == pytest.approx(users, rel=1e-6)
    late = np.where(np.arange(len(sent)) % 10 == 0, np.inf, ended)  # a tenth was not counted
    assert little_gap(sent, late, window) > 0.03
