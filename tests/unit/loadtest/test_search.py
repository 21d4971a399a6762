"""The search for the highest rate, on servers whose highest rate is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from newsclf.loadtest.analysis.probes import ProbeResult, Tally, evidence, probe_result
from newsclf.loadtest.analysis.search import MAX_POINTS, find_rate
from newsclf.loadtest.analysis.summary import summarise
from newsclf.loadtest.store.records import Objective, Search, Verdict
from newsclf.loadtest.store.samples import Outcome
from tests.support.queues import md1_point, md1_response_over, point, samples

P95 = Objective(percentile=95, limit_ms=100)
P99 = Objective(percentile=99, limit_ms=100)


@dataclass
class MM1:
    """A server at which each request misses independently, as often as in an M/M/1 queue.

    Its response times are exponential with rate capacity − λ, so that the highest rate is known.
    """

    rng: np.random.Generator
    objectives: tuple[Objective, ...] = (P95,)
    highest_per_s: float = 300.0
    capacity_per_s: float = 400.0
    verdict: Callable[[float], Verdict] = lambda _: "OK"
    asked: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, rate_per_s: float, requests: int) -> ProbeResult:
        """Answer as a point of the search would."""
        self.asked.append((rate_per_s, requests))
        room = max(self.capacity_per_s - rate_per_s, 0.0)
        tallies = []
        for objective in self.objectives:
            allowed = 1 - objective.percentile / 100
            miss = allowed ** (room / (self.capacity_per_s - self.highest_per_s))
            tallies.append(Tally(int(self.rng.binomial(requests, miss)), float(requests)))
        verdict = self.verdict(rate_per_s)
        reasons = () if verdict == "OK" else (f"it is {verdict}",)
        return ProbeResult(requests, tuple(tallies), verdict, reasons, f"p{len(self.asked)}")


def _search(server: MM1, *, first: float = 50.0) -> Search:
    return find_rate(server, server.objectives, first, instance="simulated")


def _contain(searches: Iterable[Search], truth: float) -> float:
    return float(
        np.mean([(s.low_per_s or 0) <= truth < (s.high_per_s or math.inf) for s in searches])
    )


@pytest.mark.parametrize("objective", [P95, P99])
@pytest.mark.parametrize("first", [20.0, 290.0, 3000.0])
def test_the_bracket_contains_the_truth(objective: Objective, first: float) -> None:
    servers = [MM1(np.random.default_rng(seed), (objective,)) for seed in range(50)]

    found = [_search(server, first=first) for server in servers]

    assert _contain(found, 300) >= 0.9
    assert all(search.confirmed for search in found)
    assert max(len(server.asked) for server in servers) < MAX_POINTS
    widths = [(s.high_per_s or math.inf) / (s.low_per_s or 0.1) - 1 for s in found]
    assert np.median(widths) <= 0.11
    for search in found:
        above = [p.rate_per_s for p in search.probes if not p.passed]
        assert min(r for r in above if r > (search.low_per_s or 0)) <= 1.05 * (
            search.low_per_s or 0
        )


def test_a_rate_that_just_misses_seldom_passes() -> None:
    rng = np.random.default_rng(1)
    requests = (500, 1000, 2000)
    counts = np.cumsum([rng.binomial(n, 0.05, 4000) for n in (500, 500, 1000)], axis=0)
    passed = [
        any(
            evidence([Tally(int(k), n)], total=n, allowed=0.05, alpha=0.05 / 3) == "pass"
            for k, n in zip(run, requests, strict=True)
        )
        for run in counts.T
    ]

    assert np.mean(passed) <= 0.05


def test_all_objectives_must_be_met() -> None:
    """The second objective fails from 250/s on; `MM1` has both at its one highest rate."""

    def probe(rate_per_s: float, requests: int) -> ProbeResult:
        over = int(rate_per_s > 250) * requests
        tallies = (Tally(0, requests), Tally(over, requests))
        return ProbeResult(requests, tallies, "OK", (), "p")

    found = find_rate(probe, [P95, P99], 100.0, instance="simulated")

    assert found.low_per_s is not None
    assert found.high_per_s is not None
    assert found.low_per_s <= 250 < found.high_per_s <= 1.05 * found.low_per_s
    assert any("p99=100ms" in p.reason for p in found.probes)


def test_the_client_ends_the_search_and_nothing_passes_above_it() -> None:
    server = MM1(
        np.random.default_rng(2), verdict=lambda rate: "CLIENT-LIMITED" if rate > 150 else "OK"
    )

    found = _search(server)

    assert found.low_per_s == 100
    assert found.high_per_s is None
    assert not found.confirmed
    assert found.note == "at 200/s the client was the limit: it is CLIENT-LIMITED"


def test_a_rate_that_is_unstable_twice_fails_and_one_that_errs_at_once() -> None:
    verdicts: list[Verdict] = ["UNSTABLE", "ERRORS"]
    for verdict in verdicts:
        server = MM1(
            np.random.default_rng(3),
            verdict=lambda rate, word=verdict: word if rate > 150 else "OK",  # type: ignore[misc]
        )
        found = _search(server)
        assert found.low_per_s is not None
        assert found.high_per_s is not None
        assert found.low_per_s <= 150 < found.high_per_s <= 1.1 * found.low_per_s
        assert any(f"it is {verdict}" in p.reason for p in found.probes)


def test_a_lone_unstable_point_does_not_decide() -> None:
    server = MM1(np.random.default_rng(4))
    server.verdict = lambda _: "UNSTABLE" if len(server.asked) % 7 == 0 else "OK"

    assert _contain([_search(server)], 300) == 1


@pytest.mark.parametrize("always", [True, False])
def test_a_server_without_a_limit_in_reach(*, always: bool) -> None:
    def probe(_: float, requests: int) -> ProbeResult:
        return ProbeResult(requests, (Tally(0 if always else requests, requests),), "OK", (), "p")

    found = find_rate(probe, [P95], 10.0, instance="simulated")

    assert not found.confirmed
    assert (found.high_per_s is None) == always
    assert (found.low_per_s is None) != always
    assert found.note.startswith("no rate failed" if always else "no rate passed")


def test_a_gap_below_the_highest_rate_is_reported_as_the_lowest_that_failed() -> None:
    """It fails in a narrow band around 104/s only, which 1.1 × 100/s jumps over."""

    def probe(rate_per_s: float, requests: int) -> ProbeResult:
        misses = requests if 101 < rate_per_s < 107 or rate_per_s > 400 else 0
        return ProbeResult(requests, (Tally(misses, requests),), "OK", (), "p")

    found = find_rate(probe, [P95], 104.0, instance="simulated")

    assert found.note.startswith("not monotone")
    assert found.low_per_s is not None
    assert found.low_per_s <= 101
    assert found.high_per_s is not None
    assert 101 < found.high_per_s < 107


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_whatever_the_server_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = 0

    def probe(_: float, requests: int) -> ProbeResult:
        nonlocal asked
        asked += 1
        misses = int(requests * rng.choice([0, 0.04, 0.05, 1]))
        verdicts: list[Verdict] = ["OK", "UNSTABLE", "ERRORS"]
        verdict = verdicts[int(rng.choice(3, p=[0.9, 0.05, 0.05]))]
        return ProbeResult(requests, (Tally(misses, requests),), verdict, (), "p")

    found = find_rate(probe, [P95], 10.0, instance="simulated")

    assert asked <= MAX_POINTS
    assert found.low_per_s is None or found.high_per_s is None or found.low_per_s < found.high_per_s


def test_failed_requests_miss_each_objective() -> None:
    due_s = np.arange(1000) / 100
    found = samples(due_s, due_s + np.where(np.arange(1000) % 10 == 0, 0.2, 0.01))
    found["outcome"][1::10] = Outcome.HTTP_5XX
    made = point((0.0, 10.0), rate_per_s=100.0)

    result = probe_result(made, found, summarise(made, found), [P95, P99])

    assert result.requests == 1000
    assert [tally.misses for tally in result.tallies] == [200, 200]
    assert result.verdict == "ERRORS"


def _md1_search(seed: int, percentile: float, load: float) -> tuple[Search, float]:
    """Search an M/D/1 queue of 3 ms service through raw samples, summaries and verdicts."""
    service_s, rng = 0.003, np.random.default_rng(seed)
    truth = load / service_s
    limit_s = _response_at(truth, service_s, percentile / 100)
    objectives = [Objective(percentile=percentile, limit_ms=1e3 * limit_s)]

    def probe(rate_per_s: float, requests: int) -> ProbeResult:
        made, found = md1_point(rng, rate_per_s, service_s, requests, warmup=2000)
        return probe_result(made, found, summarise(made, found), objectives)

    return find_rate(probe, objectives, 40.0, instance="simulated"), truth


def _response_at(rate_per_s: float, service_s: float, p: float) -> float:
    low, high = service_s, 20 * service_s
    while high - low > 1e-7:
        middle = (low + high) / 2
        if md1_response_over(middle, rate_per_s, service_s) > 1 - p:
            low = middle
        else:
            high = middle
    return high


def test_a_real_queue_is_found() -> None:
    found, truth = _md1_search(1, 95, 0.8)

    assert _contain([found], truth) == 1
    assert found.confirmed


@pytest.mark.load
@pytest.mark.parametrize(
    ("percentile", "load"), [(95, 0.6), (95, 0.8), (95, 0.9), (99, 0.6), (99, 0.8)]
)
def test_brackets_of_queues_contain_the_truth(percentile: float, load: float) -> None:
    found = [_md1_search(seed, percentile, load) for seed in range(50)]

    contained = [_contain([search], truth) for search, truth in found]
    widths = [(s.high_per_s or math.inf) / (s.low_per_s or 0.1) - 1 for s, _ in found]

    assert np.mean(contained) >= 0.9
    assert np.median(widths) <= 0.25
