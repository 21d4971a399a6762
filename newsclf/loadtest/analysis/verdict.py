"""Verdict on a point's figures, with its reasons.

    CLIENT-LIMITED   load generator saturated: the figures describe the generator
    ERRORS           too many requests failed
    UNSTABLE         no steady state
    OK               the figures describe the server

The first that applies is the verdict; all reasons are given.
"""

from __future__ import annotations

from collections.abc import Iterator

from newsclf.loadtest.analysis.stability import MIN_FOR_GROWTH, unsteady
from newsclf.loadtest.analysis.timeline import Timeline
from newsclf.loadtest.store.records import Point, PointSummary, Verdict
from newsclf.loadtest.store.samples import Outcome

MAX_ERROR_FRACTION = 0.01
MAX_CPU_FRACTION = 0.85
"""Share of one core that a worker, which is one thread, may use. Locust warns at 90 %; queueing in
the worker sets in earlier."""
MAX_LAG_P99_MS = 20.0
"""Highest p99 of the delay of a worker's heartbeats: two of their periods."""
MAX_LATE_FRACTION = 0.01
"""perf_analyzer's limit for delayed requests."""
MIN_SEND_DELAY_MS = 5.0
MAX_SEND_DELAY = 0.10
"""Highest send delay as a fraction of the median service time; more would distort the latency."""
MAX_LITTLE_GAP = 0.03


def judge(
    summary: PointSummary,
    point: Point,
    line: Timeline,
    *,
    max_error_fraction: float = MAX_ERROR_FRACTION,
) -> tuple[Verdict, list[str]]:
    """Judge a point.

    Args:
        summary: Figures of the point; its verdict is ignored.
        point: The point as it was run.
        line: Requests of the point.
        max_error_fraction: Highest share of failed requests in the window.

    Returns:
        The verdict and its reasons. An OK has reasons only as warnings.
    """
    client = list(_client_limits(summary, point))
    errors = list(_errors(summary, max_error_fraction))
    unstable = list(_instability(summary, line))
    verdict: Verdict = "OK"
    if client:
        verdict = "CLIENT-LIMITED"
    elif errors:
        verdict = "ERRORS"
    elif unstable:
        verdict = "UNSTABLE"
    return verdict, client + errors + unstable + list(_warnings(summary))


def _client_limits(summary: PointSummary, point: Point) -> Iterator[str]:
    """Signs of a saturated load generator.

    A request that was due while all connections were taken waits for the server, so its delay is
    not held against the client; in a closed loop nothing is due before it is sent.
    """
    for number, worker in enumerate(point.workers):
        busy_fraction = worker.cpu_fraction + worker.cpu_wait_fraction
        if busy_fraction > MAX_CPU_FRACTION:
            yield (
                f"worker {number} of the generator was busy for {busy_fraction:.0%} of the time, "
                f"of which {worker.cpu_wait_fraction:.0%} waiting for a core "
                f"(at most {MAX_CPU_FRACTION:.0%})"
            )
        if worker.lag_p99_ms > MAX_LAG_P99_MS:
            yield (
                f"worker {number} of the generator ran late: 1 % of its heartbeats by more than "
                f"{worker.lag_p99_ms:.0f} ms (at most {MAX_LAG_P99_MS:.0f} ms)"
            )
    service_ms = summary.service_ms["p50"].value
    limit_ms = max(MIN_SEND_DELAY_MS, MAX_SEND_DELAY * (service_ms or 0.0))
    if summary.send_delay_p99_ms > limit_ms:
        yield (
            f"1 % of requests were sent more than {summary.send_delay_p99_ms:.1f} ms after they "
            f"were due though a connection was free (at most {limit_ms:.1f} ms)"
        )
    if summary.late_fraction > MAX_LATE_FRACTION:
        yield (
            f"{summary.late_fraction:.1%} of the requests were sent more than 10 ms late though a "
            f"connection was free (at most {MAX_LATE_FRACTION:.0%})"
        )


def _errors(summary: PointSummary, max_error_fraction: float) -> Iterator[str]:
    if summary.requests == 0:
        yield "no request was due in the measured window"
    elif summary.error_fraction > max_error_fraction:
        failures = sorted(
            ((count, name) for name, count in summary.outcomes.items() if name != Outcome.OK.name),
            reverse=True,
        )
        named = ", ".join(f"{count} {name.lower()}" for count, name in failures)
        yield (
            f"{summary.error_fraction:.1%} of {summary.requests} requests failed "
            f"(at most {max_error_fraction:.1%}): {named}"
        )


def _instability(summary: PointSummary, line: Timeline) -> Iterator[str]:
    model = summary.load.model
    if model in {"closed", "constant", "poisson"}:  # the others do not mean to be steady
        yield from unsteady(line, open_loop=model != "closed")
        good = summary.outcomes.get(Outcome.OK.name, 0)
        if 0 < good < MIN_FOR_GROWTH:
            yield f"{good} good answers are too few to tell whether the window was steady"
    if summary.little_gap > MAX_LITTLE_GAP:
        yield (
            f"requests in flight and throughput times time in flight differ by "
            f"{summary.little_gap:.1%} (Little's law; at most {MAX_LITTLE_GAP:.0%}): the window is "
            "too short for requests this long, or a count is wrong"
        )


def _warnings(summary: PointSummary) -> Iterator[str]:
    if summary.held_fraction > 0:
        yield (
            f"{summary.held_fraction:.1%} of the requests waited because all "
            f"{summary.load.max_in_flight} connections were busy"
        )
