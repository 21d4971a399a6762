"""The highest Poisson rate that meets latency objectives, as a bracket [passes, fails).

Guarantees for the two ends:

- A rate passes when, for each objective, fewer requests miss it than it allows, significantly: a
  one-sided binomial test on the effective number of requests (`statistics.effective_size`), made
  after one, two and four times the first look's requests. Each look has an equal part of
  1 − confidence, so a rate that just misses an objective passes with at most that probability
  (Bonferroni).
- A rate fails when more miss, as significantly; when too many requests fail; or when it is UNSTABLE
  twice. A rate about which nothing is significant after the last look is inconclusive. It counts as
  not passed, but does not become the upper end, since nothing shows that it fails.
- `low` also held in three repeats of a minute: in each the measured percentile met the objective.
  The lowest rate that did not pass is at most `precision` above it. `high` failed significantly; it
  lies further off the more slowly misses grow with the rate, since rates near the truth stay
  inconclusive (measured widths: decision 0027).

The search ends after `max_points` points at the latest, whatever the server does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from newsclf.loadtest.analysis.probes import Decision, ProbeResult, allowed_fraction, evidence
from newsclf.loadtest.store.records import Objective, Probe, Search

ALLOWED_AT_FIRST_LOOK = 25
"""Misses that the objective allows among the requests of the first look, 500 for p95. Misses come
in clusters, one to each long queue, so fewer tell nothing: none at all may be luck."""
MIN_LOOK_S = 10.0
"""The first look lasts at least this long, for the same reason."""
LOOKS = 3
"""At 300 requests a second and p95, 3000, 6000 and 12,000 requests in all: 10 to 40 seconds."""
REPEATS = 3
REPEAT_S = 60.0
MIN_REPEAT_REQUESTS = 2000
REFUTE_STEP = 1.10
MAX_POINTS = 80
_MAX_FACTOR = 1024


ProbeRate = Callable[[float, int], ProbeResult]
"""Runs one Poisson point: rate per second, and about how many requests to measure."""


def find_rate(
    probe: ProbeRate,
    objectives: Sequence[Objective],
    first_rate_per_s: float,
    *,
    instance: str,
    precision: float = 0.05,
    confidence: float = 0.95,
    max_points: int = MAX_POINTS,
) -> Search:
    """Search for the highest rate that meets all objectives.

    Doubles (or halves) the first rate until one rate passes and one does not, bisects between them
    on a logarithmic scale, repeats the highest rate that passed, and refutes 1.1 times that rate.

    Args:
        probe: Runs one point. What it raises ends the search.
        objectives: At least one.
        first_rate_per_s: Start of the search, such as half the rate of one request at a time.
        instance: Name for the record.
        precision: Relative gap between the highest rate that passed and the lowest that did not.
        confidence: Confidence that a passing rate meets the objectives and a failing one does not.
        max_points: After so many points it ends with what is known.
    """
    search = _Search(probe, list(objectives), precision, confidence, max_points)
    confirmed, note = False, ""
    try:
        confirmed, note = search.run(first_rate_per_s)
    except _EndedError as ended:
        note = str(ended)
    low = search.highest_passed()
    return Search(
        objectives=search.objectives,
        instance=instance,
        low_per_s=low,
        high_per_s=search.lowest(above=low, decisions={"fail"}),
        confirmed=confirmed,
        note=note,
        probes=search.probes,
    )


class _EndedError(Exception):
    """The search ended early, with the reason."""


@dataclass
class _Search:
    probe: ProbeRate
    objectives: list[Objective]
    precision: float
    confidence: float
    max_points: int
    probes: list[Probe] = field(default_factory=list)
    decided: dict[float, Decision] = field(default_factory=dict)
    """Rate → its latest decision."""
    held: dict[float, int] = field(default_factory=dict)
    """Rate → how many repeats it has held in since it last missed."""
    points: int = 0
    contradicted: bool = False

    def run(self, first: float) -> tuple[bool, str]:
        self._decide(first)
        while True:
            low = self.highest_passed()
            if low is None:
                rate = min(self.decided) / 2
                if rate < first / _MAX_FACTOR:
                    return False, f"no rate passed, down to {rate * 2:.4g}/s"
                self._decide(rate)
                continue
            bound = self.lowest(above=low, decisions={"fail", "inconclusive"})
            if bound is None:
                rate = low * 2
                if rate > first * _MAX_FACTOR:
                    return False, f"no rate failed, up to {low:.4g}/s"
                self._decide(rate)
            elif bound > low * (1 + self.precision):
                self._decide(math.sqrt(low * bound))
            elif self._holds(low):
                if self.contradicted:
                    return True, "not monotone: a rate above one that failed had passed"
                if self._refuted(low):
                    return True, ""

    # What is known

    def highest_passed(self) -> float | None:
        """The highest rate that passed, below all that failed."""
        failing = self.lowest(above=None, decisions={"fail", "inconclusive"}) or math.inf
        passed = [rate for rate, d in self.decided.items() if d == "pass" and rate < failing]
        return max(passed, default=None)

    def lowest(self, *, above: float | None, decisions: set[Decision]) -> float | None:
        """The lowest rate above another that has one of these decisions."""
        rates = [rate for rate, d in self.decided.items() if d in decisions]
        return min((rate for rate in rates if above is None or rate > above), default=None)

    # Steps

    def _holds(self, low: float) -> bool:
        """Repeat a rate; if one repeat misses, the rate no longer counts as passed."""
        requests = max(MIN_REPEAT_REQUESTS, math.ceil(REPEAT_S * low))
        while self.held.get(low, 0) < REPEATS:
            results = [self._run(low, requests)]
            if results[0].verdict == "UNSTABLE":
                results.append(self._run(low, requests))
            result = results[-1]
            missed = [
                tally.misses > result.requests * allowed_fraction(objective)
                for tally, objective in zip(result.tallies, self.objectives, strict=True)
            ]
            holds = result.verdict == "OK" and not any(missed)
            reason = "holds" if holds else "; ".join(result.reasons) or "misses an objective"
            repeat = self.held.get(low, 0) + 1
            decision: Decision = "pass" if holds else "inconclusive"
            self._note(low, results, decision, f"repeat {repeat}: {reason}")
            self.held[low] = repeat if holds else 0
            if not holds:
                return False
        return True

    def _refuted(self, low: float) -> bool:
        """Show that a rate above fails; False if one passed, which raises the bracket."""
        rate = low * REFUTE_STEP
        high = self.lowest(above=low, decisions={"fail"})
        while (decision := self._decide(rate)) == "inconclusive":
            if high is not None and high <= rate * REFUTE_STEP:
                return True
            rate *= REFUTE_STEP
        if decision == "fail":
            return True
        self._settle(rate)
        return False

    def _settle(self, passed: float) -> None:
        """Run rates that did not pass below one that passed again; the second results count."""
        below = [r for r, d in self.decided.items() if d in {"fail", "inconclusive"} and r < passed]
        for rate in sorted(below):
            if self._decide(rate) != "pass":
                self.contradicted = True
                return
        self._decide(passed)

    # Decisions

    def _decide(self, rate: float) -> Decision:
        """Run points at a rate until a look is significant."""
        alpha = (1 - self.confidence) / LOOKS
        allowed = ALLOWED_AT_FIRST_LOOK / min(map(allowed_fraction, self.objectives))
        first = math.ceil(max(allowed, MIN_LOOK_S * rate))
        results: list[ProbeResult] = []
        decision: Decision = "inconclusive"
        reason = "not significant after the last look"
        unstable = 0
        for look in range(LOOKS):
            result = self._run(rate, first * 2 ** max(look - 1, 0))  # 1, 2, 4 times it in all
            results.append(result)
            if result.verdict == "ERRORS":
                decision, reason = "fail", "; ".join(result.reasons)
                break
            unstable += result.verdict == "UNSTABLE"
            words = [
                evidence(
                    [r.tallies[i] for r in results],
                    total=sum(r.requests for r in results),
                    allowed=allowed_fraction(objective),
                    alpha=alpha,
                )
                for i, objective in enumerate(self.objectives)
            ]
            if "fail" in words or unstable > 1:
                objective = self.objectives[words.index("fail")] if "fail" in words else None
                decision = "fail"
                reason = f"misses {objective.typed}" if objective else "; ".join(result.reasons)
                break
            if result.verdict == "OK" and all(word == "pass" for word in words):
                decision, reason = "pass", "meets all objectives"
                break
        self._note(rate, results, decision, reason)
        return decision

    def _run(self, rate: float, requests: int, *, again: bool = False) -> ProbeResult:
        if self.points == self.max_points:
            raise _EndedError(f"ended after {self.points} points, before it was confirmed")
        self.points += 1
        result = self.probe(rate, requests)
        if result.verdict == "CLIENT-LIMITED" and not again:  # once may be another's doing
            return self._run(rate, requests, again=True)
        if result.verdict == "CLIENT-LIMITED":
            self._note(rate, [result], "inconclusive", "; ".join(result.reasons))
            raise _EndedError(
                f"at {rate:.4g}/s the client was the limit: {'; '.join(result.reasons)}"
            )
        return result

    def _note(
        self, rate: float, results: list[ProbeResult], decision: Decision, reason: str
    ) -> None:
        self.decided[rate] = decision
        worst = max(range(len(self.objectives)), key=lambda i: self._excess(results, i))
        self.probes.append(
            Probe(
                rate_per_s=rate,
                requests=sum(r.requests for r in results),
                misses=sum(r.tallies[worst].misses for r in results),
                passed=decision == "pass",
                decision=decision,
                reason=reason,
                point=results[-1].point,
                points=[r.point for r in results],
            )
        )

    def _excess(self, results: list[ProbeResult], i: int) -> float:
        """Ratio of an objective's misses to the fraction that it allows."""
        return sum(r.tallies[i].misses for r in results) / allowed_fraction(self.objectives[i])
