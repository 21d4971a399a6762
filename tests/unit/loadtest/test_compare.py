"""Comparisons of two runs: equals are called equal, a slower server is found."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise, product

import numpy as np
import pytest

from newsclf.common.errors import DataError
from newsclf.loadtest.analysis.compare import compare
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.store.records import Comparison, PointSummary
from tests.support.queues import closed_point, md1_point

NAMES = ("before", "after")
Run = Callable[[np.random.Generator, float, int, int], list[PointSummary]]


def _open(rng: np.random.Generator, slower: float, repeats: int, n: int) -> list[PointSummary]:
    made = []
    for rate_per_s, _ in product((10.0, 25.0, 40.0), range(repeats)):
        found, records = md1_point(rng, rate_per_s, 0.02 * slower, n)
        made.append(summarise(found, records))
    return made


def _constant(service_s: float) -> Callable[[float], float]:
    return lambda _: service_s


def _closed(rng: np.random.Generator, slower: float, repeats: int, n: int) -> list[PointSummary]:
    """Repeats differ by 1 %, as runs of one machine do."""
    made = []
    for users, _ in product((1, 4, 16), range(repeats)):
        service_s = 0.02 * slower * math.exp(0.01 * rng.standard_normal())
        found = closed_point(rng, _constant(service_s), users=users, servers=2, n=n, jitter=0.2)
        made.append(summarise(*found))
    return made


def _claims(comparison: Comparison) -> bool:
    return any(
        change.verdict in {"better", "worse"}
        for point in comparison.points
        for change in point.changes
    )


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("run", [_open, _closed])
def test_equals_are_called_equal(run: Run, repeats: int) -> None:
    rng = np.random.default_rng(1)
    runs = [run(rng, 1, repeats, 1000) for _ in range(9)]
    comparisons = [compare(before, after, names=NAMES) for before, after in pairwise(runs)]

    assert sum(map(_claims, comparisons)) <= 1
    assert not any(comparison.regression for comparison in comparisons)


@pytest.mark.load
@pytest.mark.parametrize("repeats", [1, 2, 3])
@pytest.mark.parametrize("run", [_open, _closed])
def test_equals_are_called_equal_often(run: Run, repeats: int) -> None:
    rng = np.random.default_rng(2)
    pairs = [
        compare(run(rng, 1, repeats, 1000), run(rng, 1, repeats, 1000), names=NAMES)
        for _ in range(200)
    ]

    assert np.mean([_claims(pair) for pair in pairs]) <= 0.1
    assert np.mean([pair.regression for pair in pairs]) <= 0.05


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("run", [_open, _closed])
def test_a_server_a_fifth_slower_is_found(run: Run, repeats: int) -> None:
    rng = np.random.default_rng(3)
    for _ in range(3):
        fast, slow = run(rng, 1, repeats, 2000), run(rng, 1.2, repeats, 2000)

        assert compare(fast, slow, names=NAMES).regression
        assert not compare(slow, fast, names=NAMES).regression


def test_a_change_below_the_minimal_effect_is_no_difference() -> None:
    rng = np.random.default_rng(4)
    before = _closed(rng, 1, 3, 2000)

    after = [_scaled(point, 1.04) for point in before]
    exact = compare(before, after, names=NAMES, minimal_effect=0.02)

    assert not _claims(compare(before, after, names=NAMES))
    assert exact.points[0].changes[1].change.value == pytest.approx(0.04)


def _scaled(point: PointSummary, factor: float) -> PointSummary:
    response = {
        name: interval.model_copy(
            update={
                end: None if (value := getattr(interval, end)) is None else factor * value
                for end in ("value", "low", "high")
            }
        )
        for name, interval in point.response_ms.items()
    }
    return point.model_copy(update={"response_ms": response})


def test_points_of_a_limited_client_decide_nothing_and_new_errors_do() -> None:
    rng = np.random.default_rng(5)
    before = _closed(rng, 1, 1, 1000)
    slower = [_scaled(point, 2) for point in before]
    limited = [
        p.model_copy(update={"verdict": "CLIENT-LIMITED", "reasons": ["cpu"]}) for p in slower
    ]
    failing = [p.model_copy(update={"verdict": "ERRORS", "reasons": ["2%"]}) for p in before]

    assert compare(before, slower, names=NAMES).regression
    assert not compare(before, limited, names=NAMES).regression
    comparison = compare(before, failing, names=NAMES)
    assert comparison.regression
    assert comparison.points[0].warnings == ["after, repeat 1: ERRORS: 2%"]


def test_runs_of_one_instance_each_are_compared_whatever_it_is() -> None:
    before = _closed(np.random.default_rng(7), 1, 1, 1000)
    after = [point.model_copy(update={"instance": "url"}) for point in before]
    both = [*before, *after]

    points = compare(before, after, names=NAMES).points
    assert {point.instance for point in points} == {f"{before[0].instance} → url"}
    assert len(points) == len(before)
    assert len(compare(both, after, names=NAMES).points) == len(after)
    assert compare(both, after, names=NAMES).points[0].instance == "url"


def test_loads_that_only_one_run_has_are_named() -> None:
    before = _closed(np.random.default_rng(6), 1, 1, 1000)

    assert compare(before, before[:1], names=NAMES).unmatched == ["p", "p"]
    with pytest.raises(DataError, match="before and after have no load in common"):
        compare(before[:1], before[1:], names=NAMES)
