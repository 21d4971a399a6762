"""Data of charts from raw samples: percentile curves, and buckets over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from newsclf.loadtest.store.records import Load
from newsclf.loadtest.store.samples import NEVER, Outcome, Samples

_NS = 1_000_000_000
_MS = 1_000_000
_WIDTHS_S = tuple(m * 10.0**p for p in range(-2, 5) for m in (1, 2, 5))


class Percentiles(NamedTuple):
    """Quantile curves of the OK requests that were due in the measured window."""

    n: int
    percentiles: list[float]
    """Rising, up to the last that n supports, 100·(1 − 1/n)."""
    response_ms: list[float]
    """Response times, from the scheduled time."""
    service_ms: list[float]
    """Service times, from sending."""


class Bucket(NamedTuple):
    """Figures of a short interval of a load."""

    begin_s: float
    end_s: float
    p50_ms: float | None
    """Response time of the OK requests that were due in it; None without any."""
    max_ms: float | None
    errors: int
    """Requests due in it that failed."""
    in_flight: int
    """The most that were in flight at once."""
    waiting: int
    """The most that were due and not yet sent."""


def percentile_curves(samples: Samples, load: Load) -> Percentiles:
    """Nearest-rank percentiles (sorted[ceil(p·n) − 1]) of response and service time."""
    begin, end = window_ns(load)
    due = samples["intended_ns"]
    good = samples[(due >= begin) & (due < end) & (samples["outcome"] == Outcome.OK)]
    n = len(good)
    if n == 0:
        return Percentiles(0, [], [], [])
    response = np.sort(good["ended_ns"] - good["intended_ns"]) / _MS
    service = np.sort(good["ended_ns"] - good["sent_ns"]) / _MS
    steps = np.arange(0.0, np.log10(n) + 1e-9, 0.05)
    ranks = np.unique([*np.ceil((1 - 10.0**-steps) * n - 1e-9).astype(int).clip(1), n])
    percentiles = 100 * np.minimum(ranks / n, 1 - 1 / n)
    return Percentiles(
        n, percentiles.tolist(), response[ranks - 1].tolist(), service[ranks - 1].tolist()
    )


def over_time(samples: Samples, load: Load, most: int) -> list[Bucket]:
    """At most `most` buckets of one round length from the load's begin to the last due request.

    Each keeps its largest value, so that a stall of one request still shows.
    """
    if len(samples) == 0:
        return []
    due = samples["intended_ns"]
    length_s = max(float(due.max()) / _NS, load.warmup_s + load.duration_s, _WIDTHS_S[0])
    width_s = next((w for w in _WIDTHS_S if length_s / w <= most), length_s / most)
    count = max(1, int(np.ceil(length_s / width_s - 1e-9)))
    where = np.minimum((due / (width_s * _NS)).astype(np.int64), count - 1)
    good = samples["outcome"] == Outcome.OK
    response = (samples["ended_ns"] - due) / _MS
    errors = np.bincount(where[~good], minlength=count)
    in_flight = _peaks(samples["sent_ns"], samples["ended_ns"], width_s * _NS, count)
    waiting = _peaks(due, samples["sent_ns"], width_s * _NS, count)
    buckets = []
    for i in range(count):
        values = response[good & (where == i)]
        buckets.append(
            Bucket(
                i * width_s,
                (i + 1) * width_s,
                float(np.sort(values)[(len(values) - 1) // 2]) if len(values) else None,
                float(values.max()) if len(values) else None,
                int(errors[i]),
                int(in_flight[i]),
                int(waiting[i]),
            )
        )
    return buckets


def window_ns(load: Load) -> tuple[int, int]:
    """The measured window on the clock of the samples."""
    return round(load.warmup_s * _NS), round((load.warmup_s + load.duration_s) * _NS)


def _peaks(
    begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], width: float, count: int
) -> npt.NDArray[np.int64]:
    """For each bucket, the most intervals [begin, end) that were open at once in it.

    Intervals whose begin or end is NEVER are left out.
    """
    known = (begins != NEVER) & (ends != NEVER) & (ends > begins)
    begins, ends = begins[known], ends[known]
    times = np.concatenate([ends, begins])  # at the same moment, ends come first
    order = np.argsort(times, kind="stable")
    changes = np.concatenate([np.full(len(ends), -1), np.ones(len(begins), dtype=np.int64)])
    levels = np.concatenate([[0], np.cumsum(changes[order])])
    edges = np.arange(1, count) * width
    firsts = [0, *np.searchsorted(times[order], edges, side="right")]
    lasts = [*np.searchsorted(times[order], edges, side="left"), len(order)]
    # levels[first] is what a bucket begins with; then comes each change within it.
    return np.array(
        [levels[first : last + 1].max() for first, last in zip(firsts, lasts, strict=True)]
    )
