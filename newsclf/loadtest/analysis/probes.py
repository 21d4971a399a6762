"""Objectives at one point of the search: misses, and the test of their significance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from newsclf.loadtest.analysis.statistics import effective_size
from newsclf.loadtest.analysis.timeline import timeline
from newsclf.loadtest.store.records import Objective, Point, PointSummary, Verdict
from newsclf.loadtest.store.samples import Samples

Decision = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests of a point that missed an objective, late or failed."""

    misses: int
    effective: float
    """Effective number of independent requests."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Result of one point of a search."""

    requests: int
    tallies: tuple[Tally, ...]
    """One for each objective."""
    verdict: Verdict
    reasons: tuple[str, ...]
    point: str
    """Id of the point."""


def probe_result(
    point: Point,
    samples: Samples,
    summary: PointSummary,
    objectives: Sequence[Objective],
) -> ProbeResult:
    """Count the misses of a point; a failed request misses each objective.

    Raises:
        DataError: the samples contradict themselves.
    """
    line = timeline(point, samples)
    response_ms = 1e3 * (line.end_s - line.due_s)[line.measured]
    ok = line.ok[line.measured]
    tallies = []
    for objective in objectives:
        missed = ~ok | (response_ms > objective.limit_ms)
        tallies.append(Tally(int(np.count_nonzero(missed)), effective_size(missed)))
    return ProbeResult(len(ok), tuple(tallies), summary.verdict, tuple(summary.reasons), point.id)


def allowed_fraction(objective: Objective) -> float:
    """The fraction of requests that may miss."""
    return round(1 - objective.percentile / 100, 9)


def evidence(tallies: list[Tally], *, total: int, allowed: float, alpha: float) -> Decision:
    """Test the misses of some points against the fraction that is allowed.

    Clustered misses count as fewer independent ones: both counts are scaled to the effective
    number of requests, with the binomial tails read off the beta distribution, which takes
    fractions (Korn and Graubard 1998, see `effective_size`).
    """
    from scipy.special import betainc

    effective = sum(tally.effective for tally in tallies)
    misses = sum(tally.misses for tally in tallies) * effective / total if total else 0.0
    if effective <= 0:
        return "inconclusive"
    at_most = 1 - betainc(misses + 1, effective - misses, allowed) if misses < effective else 1.0
    at_least = betainc(misses, effective - misses + 1, allowed) if misses > 0 else 1.0
    if at_most <= alpha:
        return "pass"
    return "fail" if at_least <= alpha else "inconclusive"
