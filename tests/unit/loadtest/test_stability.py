"""How often a steady server is called unsteady, and what is found: simulations with known truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from newsclf.loadtest.analysis.stability import unsteady
from newsclf.loadtest.analysis.timeline import timeline
from tests.support.queues import Floats, closed_point, md1_point

RUNS = 150
MANY = 1500


def _alarms_open(
    seed: int, rate_per_s: float, service_s: float | Callable[[Floats], Floats], n: int, runs: int
) -> float:
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        line = timeline(*md1_point(rng, rate_per_s, service_s, n))
        alarms += any(unsteady(line, open_loop=True))
    return alarms / runs


def _alarms_closed(
    seed: int, service_s: Callable[[float], float], users: int, jitter: float, runs: int
) -> float:
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(runs):
        made = closed_point(rng, service_s, users=users, servers=2, n=1250, jitter=jitter)
        alarms += any(unsteady(timeline(*made), open_loop=False))
    return alarms / runs


@pytest.mark.parametrize("n", [99, 500, 1000])
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_a_steady_queue_is_called_steady(load: float, n: int) -> None:
    assert _alarms_open(11, load / 0.02, 0.02, n, RUNS) <= 0.08  # 5 %, and 2 errors of 150 runs


@pytest.mark.load
@pytest.mark.parametrize("n", [100, 200, 300, 500, 1000, 3000])
@pytest.mark.parametrize("load", [0.5, 0.8])
def test_false_alarms_on_a_steady_queue(load: float, n: int) -> None:
    assert _alarms_open(12, load / 0.02, 0.02, n, MANY) <= 0.05


@pytest.mark.parametrize(("users", "jitter"), [(1, 0.0), (8, 0.1), (8, 0.7), (64, 0.3)])
def test_a_steady_closed_loop_is_called_steady(users: int, jitter: float) -> None:
    assert _alarms_closed(13, lambda _: 0.02, users, jitter, 20) <= 0.05


@pytest.mark.load
@pytest.mark.parametrize(("users", "jitter"), [(1, 0.0), (8, 0.1), (8, 0.7), (64, 0.3)])
def test_false_alarms_in_a_closed_loop(users: int, jitter: float) -> None:
    assert _alarms_closed(14, lambda _: 0.02, users, jitter, 500) <= 0.05


def _slower_by_the_second(since_s: Floats) -> Floats:
    return 0.02 + 0.001 * np.clip(since_s, 0, None)


def _two_speeds(period_s: float) -> Callable[[Floats], Floats]:
    return lambda since_s: np.where((since_s >= 0) & (since_s // period_s % 2 == 1), 0.03, 0.02)


@pytest.mark.parametrize(
    ("service_s", "least"),
    [(_slower_by_the_second, 0.95), (_two_speeds(20), 0.9), (_two_speeds(10), 0.9)],
)
def test_drift_and_two_speeds_are_found_in_an_open_loop(
    service_s: Callable[[Floats], Floats], least: float
) -> None:
    assert _alarms_open(15, 25.0, service_s, 1500, 40) >= least  # of a window of 60 s


@pytest.mark.parametrize(
    "service_s",
    [
        lambda at_s: 0.02 + 0.001 * at_s,
        lambda at_s: 0.03 if (at_s - 1.6) // 2.1 % 2 else 0.02,
    ],
)
def test_drift_and_two_speeds_are_found_in_a_closed_loop(
    service_s: Callable[[float], float],
) -> None:
    assert _alarms_closed(16, service_s, 8, 0.1, 20) == 1


def test_a_change_in_the_warm_up_alone_does_not_matter() -> None:
    def warming(since_s: Floats) -> Floats:
        return np.where(since_s < -10, 0.03, 0.02)

    assert _alarms_open(17, 25.0, warming, 1000, 60) <= 0.05


@pytest.mark.parametrize(("n", "least"), [(200, 0.9), (1000, 1.0)])
def test_overload_is_found(n: int, least: float) -> None:
    assert _alarms_open(18, 65.0, 0.02, n, 40) >= least
