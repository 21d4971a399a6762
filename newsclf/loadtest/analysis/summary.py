"""Summary of a point from its samples: counts, rates, percentiles and verdict."""

from __future__ import annotations

import numpy as np

from newsclf.common.errors import DataError
from newsclf.common.intervals import Interval
from newsclf.loadtest.analysis.statistics import (
    BATCHES,
    Floats,
    little_gap,
    mean,
    mean_number,
    nearest_rank,
    percentiles,
)
from newsclf.loadtest.analysis.timeline import Timeline, timeline
from newsclf.loadtest.analysis.verdict import MAX_ERROR_FRACTION, judge
from newsclf.loadtest.store.records import Point, PointSummary
from newsclf.loadtest.store.samples import Outcome, Samples

LATE_S = 0.010
"""A request sent later than this after it was due counts as late: a hundredth of perf_analyzer's
second, about the granularity of an event loop under load."""
_THIRDS = 3


def summarise(
    point: Point, samples: Samples, *, max_error_fraction: float = MAX_ERROR_FRACTION
) -> PointSummary:
    """Summarise a point from its raw samples; the same samples give the same summary.

    Latencies are those of requests due in [window_begin, window_end), each followed to its end,
    wherever that lies. Throughput counts good answers that were complete in the window. A request
    that failed stays in `response_all_ms` at the time it took: a timeout's answer would have come
    later still, so percentiles there are lower bounds (right-censored), never flattered. One that
    never ended, or was never sent, counts as lasting to the end of the point.

    Args:
        point: The point as it was run.
        samples: In the order of `intended_ns`, warm-up included.
        max_error_fraction: Share of failed requests above which the verdict is ERRORS.

    Raises:
        DataError: the samples contradict themselves.
    """
    line = timeline(point, samples)
    measured, ok = line.measured, line.measured & line.ok
    requests = int(np.count_nonzero(measured))
    outcomes = _count(point, samples[measured])
    response_s = np.where(np.isfinite(line.end_s), line.end_s, line.last_s) - line.due_s
    in_time = measured & (line.sent_s - line.due_s <= LATE_S)
    free = measured & ~line.held & (samples["outcome"] != Outcome.CANCELLED)
    delays_s = np.sort((line.sent_s - line.due_s)[free & np.isfinite(line.sent_s)])
    sent = np.isfinite(line.sent_s)
    draft = PointSummary(
        id=point.id,
        instance=point.instance,
        load=point.load,
        repeat=point.repeat,
        requests=requests,
        outcomes=outcomes,
        error_fraction=_error_fraction(outcomes),
        offered_per_s=requests / line.window_s,
        throughput_per_s=_good_per_s(line, *line.window),
        throughput_interval=_throughput(line),
        response_ms=percentiles(1e3 * response_s[ok]),
        response_all_ms=percentiles(1e3 * response_s[measured]),
        service_ms=percentiles(1e3 * (line.end_s[ok] - line.sent_s[ok])),
        mean_in_flight=float(
            mean_number(line.sent_s[sent], line.end_s[sent], np.asarray(line.window))[0]
        ),
        send_delay_p99_ms=1e3 * nearest_rank(delays_s, 0.99) if len(delays_s) else 0.0,
        late_fraction=_fraction(free & ~in_time, free),
        held_fraction=_fraction(measured & line.held, measured),
        achieved_fraction=_fraction(in_time, measured) if requests else 1.0,
        little_gap=little_gap(line.sent_s[sent], line.end_s[sent], line.window),
        windows=_thirds(line, response_s),
        verdict="OK",
        reasons=[],
    )
    verdict, reasons = judge(draft, point, line, max_error_fraction=max_error_fraction)
    return draft.model_copy(update={"verdict": verdict, "reasons": reasons})


def _count(point: Point, samples: Samples) -> dict[str, int]:
    counts = {
        outcome.name: int(np.count_nonzero(samples["outcome"] == outcome)) for outcome in Outcome
    }
    if sum(counts.values()) != len(samples):
        raise DataError(
            f"point {point.id}: its outcomes sum to {sum(counts.values())}, not to the "
            f"{len(samples)} requests of its window",
            hint=f"its raw samples are damaged: delete points/{point.id} and run again",
        )
    return {name: count for name, count in counts.items() if count}


def _error_fraction(outcomes: dict[str, int]) -> float:
    """Share of failed requests, without those cancelled by the end of the run."""
    requests = sum(outcomes.values()) - outcomes.get(Outcome.CANCELLED.name, 0)
    return 1 - outcomes.get(Outcome.OK.name, 0) / requests if requests else 0.0


def _fraction(part: np.ndarray, whole: np.ndarray) -> float:
    total = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part)) / total if total else 0.0


def _good_per_s(line: Timeline, begin_s: float, end_s: float) -> float:
    ended = line.ok & (line.end_s >= begin_s) & (line.end_s < end_s)
    return int(np.count_nonzero(ended)) / (end_s - begin_s)


def _throughput(line: Timeline) -> Interval:
    """Throughput with the interval of the means of equal stretches of the window."""
    edges = np.linspace(*line.window, BATCHES + 1)
    return mean(np.histogram(line.end_s[line.ok], edges)[0] / np.diff(edges))


def _thirds(line: Timeline, response_s: Floats) -> list[dict[str, float | None]]:
    edges = np.linspace(*line.window, _THIRDS + 1)
    sent = np.isfinite(line.sent_s)
    in_flight = mean_number(line.sent_s[sent], line.end_s[sent], edges)
    thirds: list[dict[str, float | None]] = []
    for begin_s, end_s, number in zip(edges[:-1], edges[1:], in_flight, strict=True):
        due = line.ok & (line.due_s >= begin_s) & (line.due_s < end_s)
        ordered = np.sort(1e3 * response_s[due])
        thirds.append(
            {
                "throughput_per_s": _good_per_s(line, float(begin_s), float(end_s)),
                "p50_ms": nearest_rank(ordered, 0.50) if len(ordered) else None,
                "p95_ms": nearest_rank(ordered, 0.95) if len(ordered) else None,
                "in_flight": float(number),
            }
        )
    return thirds
