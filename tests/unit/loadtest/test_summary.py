"""Summaries and verdicts of points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from newsclf.common.errors import DataError
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.store.records import PointSummary
from newsclf.loadtest.store.samples import NEVER, Outcome, Samples
from tests.support.queues import arrivals, closed_point, fifo, md1_point, point, samples


def _steady(n: int = 2000, *, rate_per_s: float = 100.0, service_s: float = 0.005) -> Samples:
    due_s = np.arange(n) / rate_per_s
    return samples(due_s, due_s + service_s)


def test_the_latency_sample_is_what_was_due_in_the_window_followed_to_its_end() -> None:
    found = _steady()
    found["ended_ns"][1499] += 60 * 10**9  # due just before the window's end, answered long after

    summary = summarise(point((5.0, 15.0), rate_per_s=100.0), found)

    assert summary.requests == 1000
    assert summary.offered_per_s == 100
    assert summary.throughput_per_s == pytest.approx(99.9)
    assert summary.response_ms["p99.9"].value == pytest.approx(5)
    assert summary.response_all_ms["p50"].value == pytest.approx(5)
    assert len(summary.windows) == 3


def test_a_timeout_stays_in_at_the_time_it_took_and_outcomes_sum_up() -> None:
    found = _steady()
    failed = np.arange(500, 1500, 10)
    found["outcome"][failed] = Outcome.TIMEOUT
    found["ended_ns"][failed] = found["intended_ns"][failed] + 10 * 10**9
    found["outcome"][501] = Outcome.DROPPED
    found[["sent_ns", "ended_ns"]][501] = (NEVER, NEVER)

    summary = summarise(point((5.0, 15.0), rate_per_s=100.0), found)

    assert summary.outcomes == {"OK": 899, "DROPPED": 1, "TIMEOUT": 100}
    assert sum(summary.outcomes.values()) == summary.requests
    assert summary.error_fraction == pytest.approx(0.101)
    assert summary.response_ms["p99"].value == pytest.approx(5)
    assert summary.response_all_ms["p95"].value == pytest.approx(10_000)
    assert summary.verdict == "ERRORS"
    assert "10.1% of 1000 requests failed (at most 1.0%): 100 timeout, 1 dropped" in summary.reasons


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("outcome", 99, "unknown outcome 99"),
        ("ended_ns", NEVER, "no beginning or no end"),
        ("ended_ns", 1, "ended before it was sent"),
        ("sent_ns", 1, "sent before it was due"),
        ("intended_ns", 1, "not in the order"),
    ],
)
def test_samples_that_contradict_themselves_are_refused(field: str, value: int, what: str) -> None:
    found = _steady()
    found[field][700] = value

    with pytest.raises(DataError, match=what):
        summarise(point((5.0, 15.0), rate_per_s=100.0), found)


def test_a_window_without_requests_is_no_success() -> None:
    for found in (_steady(), _steady()[:0]):
        summary = summarise(point((50.0, 60.0), rate_per_s=100.0), found)
        assert summary.verdict == "ERRORS"
        assert summary.response_ms["p50"].value is None
        assert summary.windows[0]["p50_ms"] is None


@pytest.mark.parametrize(
    ("health", "what"),
    [
        ({"cpu_fraction": 0.9}, "worker 0 of the generator was busy for 90% of the time"),
        ({"lag_p99_ms": 30.0}, "by more than 30 ms"),
    ],
)
def test_a_worker_short_of_breath_limits_the_client(health: dict[str, Any], what: str) -> None:
    summary = summarise(point((5.0, 15.0), rate_per_s=100.0, **health), _steady())

    assert summary.verdict == "CLIENT-LIMITED"
    assert what in summary.reasons[0]


def test_requests_sent_late_with_a_free_connection_limit_the_client() -> None:
    found = _steady()
    late = np.arange(500, 1500, 20)
    found["sent_ns"][late] += 20_000_000
    found["ended_ns"][late] += 20_000_000

    summary = summarise(point((5.0, 15.0), rate_per_s=100.0), found)

    assert summary.verdict == "CLIENT-LIMITED"
    assert summary.late_fraction == pytest.approx(0.05)
    assert summary.achieved_fraction == pytest.approx(0.95)
    assert summary.send_delay_p99_ms == pytest.approx(20)


def _overload(connections: int) -> PointSummary:
    """1.3 times what one server takes, through a number of connections."""
    rng = np.random.default_rng(1)
    due_s = arrivals(rng, 65.0, 3000)[0]
    ended_s = fifo(due_s, np.full(len(due_s), 0.02))
    found = samples(due_s, ended_s)
    sent_s = due_s.copy()
    sent_s[connections:] = np.maximum(due_s[connections:], ended_s[:-connections])
    found["sent_ns"] = np.maximum(np.round(sent_s * 1e9), found["intended_ns"])
    return summarise(point((5.0, 35.0), rate_per_s=65.0, max_in_flight=connections), found)


def test_a_request_waits_for_the_server_only_if_its_own_worker_has_no_connection_left() -> None:
    """Three connections: two of the first worker, one of the second; each has two requests."""
    due_s = np.array([6.0, 6.1, 6.2, 6.3])
    found = samples(due_s, due_s + 1)
    found["worker"] = [0, 1, 0, 1]
    load = point((5.0, 15.0), rate_per_s=1.0, max_in_flight=3)
    two = load.model_copy(update={"workers": 2 * load.workers})

    assert summarise(two, found).held_fraction == 0.25


@pytest.mark.parametrize("connections", [8, 1000])
def test_overload_of_an_open_loop_is_unstable_and_not_the_clients_fault(connections: int) -> None:
    summary = _overload(connections)

    assert summary.verdict == "UNSTABLE"
    assert any("requests in the system grew" in reason for reason in summary.reasons)
    assert summary.late_fraction == 0
    assert (summary.held_fraction > 0.9) == (connections == 8)


def test_a_server_that_refuses_is_judged_by_its_errors() -> None:
    due_s = arrivals(np.random.default_rng(2), 65.0, 3000)[0]
    found = samples(due_s, due_s + 0.02)
    found["outcome"][::4] = Outcome.THROTTLED

    summary = summarise(point((5.0, 35.0), rate_per_s=65.0), found)

    assert summary.verdict == "ERRORS"
    assert "throttled" in summary.reasons[0]


def test_throughput_of_a_closed_loop_is_what_the_servers_give() -> None:
    rng = np.random.default_rng(3)
    for users, servers in ((1, 4), (4, 4), (16, 4)):
        made = closed_point(rng, lambda _: 0.02, users=users, servers=servers, n=4000)
        summary = summarise(*made)
        assert summary.throughput_per_s == pytest.approx(min(users, servers) / 0.02, rel=0.03)
        assert summary.verdict == "OK", summary.reasons
        assert summary.reasons == []
        interval = summary.throughput_interval
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low <= summary.throughput_per_s <= interval.high


def test_md1_has_its_known_mean() -> None:
    """Pollaczek and Khinchine: waits are half as long as at M/M/1: 20 + 10 ms at half load."""
    rng = np.random.default_rng(4)
    found, records = md1_point(rng, 25.0, 0.02, 40_000)
    response = (records["ended_ns"] - records["intended_ns"]) / 1e6

    assert float(np.mean(response)) == pytest.approx(30, rel=0.03)
    assert summarise(found, records).mean_in_flight == pytest.approx(0.030 * 25, rel=0.05)
