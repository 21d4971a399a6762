"""The samples of a point as arrays of seconds, in the form that queueing formulas want."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from newsclf.common.errors import DataError
from newsclf.loadtest.analysis.statistics import Floats
from newsclf.loadtest.store.records import Point
from newsclf.loadtest.store.samples import NEVER, Outcome, Samples

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All requests of a point, warm-up included, in the order in which they were due.

    Moments are seconds on the point's clock, infinite where they did not come.
    """

    due_s: Floats
    sent_s: Floats
    end_s: Floats
    ok: Flags
    dropped: Flags
    """Dropped by the full backlog of the load generator; never sent."""
    measured: Flags
    """Due in the measured window."""
    held: Flags
    """Due while all connections of its worker were in use, so it was queued."""
    window: tuple[float, float]

    @property
    def window_s(self) -> float:
        """Length of the measured window."""
        return self.window[1] - self.window[0]

    @property
    def last_s(self) -> float:
        """Moment of the last event of the point."""
        moments = np.concatenate([self.due_s, self.sent_s, self.end_s])
        return float(np.max(moments, initial=self.window[1], where=np.isfinite(moments)))


def timeline(point: Point, samples: Samples) -> Timeline:
    """Convert the samples of a point to arrays, and check them.

    Raises:
        DataError: the samples contradict themselves: out of order, answered before they were
            sent, with an unknown outcome, or a window of no length.
    """
    window = (point.window_begin_ns / 1e9, point.window_end_ns / 1e9)
    if window[1] <= window[0]:
        raise _damaged(point, "its measured window has no length")
    due_ns, sent_ns, end_ns = (samples[name] for name in ("intended_ns", "sent_ns", "ended_ns"))
    ok = samples["outcome"] == Outcome.OK
    was_sent, has_ended = sent_ns != NEVER, end_ns != NEVER
    if np.any(due_ns[1:] < due_ns[:-1]):
        raise _damaged(point, "its requests are not in the order in which they were due")
    if np.any(samples["outcome"] > max(Outcome)):
        raise _damaged(point, f"it has an unknown outcome {samples['outcome'].max()}")
    if np.any(ok & ~(was_sent & has_ended)):
        raise _damaged(point, "a good answer has no beginning or no end")
    if np.any(was_sent & (sent_ns < due_ns)):
        raise _damaged(point, "a request was sent before it was due")
    if np.any(was_sent & has_ended & (end_ns < sent_ns)):
        raise _damaged(point, "a request ended before it was sent")
    due_s, end_s = due_ns / 1e9, np.where(has_ended, end_ns / 1e9, np.inf)
    dropped = samples["outcome"] == Outcome.DROPPED
    return Timeline(
        due_s=due_s,
        sent_s=np.where(was_sent, sent_ns / 1e9, np.inf),
        end_s=end_s,
        ok=ok,
        dropped=dropped,
        measured=(due_s >= window[0]) & (due_s < window[1]),
        held=_held(point, samples["worker"], due_s, end_s, dropped),
        window=window,
    )


def _held(
    point: Point, worker: npt.NDArray[np.uint8], due_s: Floats, end_s: Floats, dropped: Flags
) -> Flags:
    """Requests that were due while earlier ones used all connections of their worker."""
    held = dropped.copy()
    if point.load.model == "closed":
        return held
    for number in np.unique(worker):
        connections = point.load.connections_of(int(number), max(len(point.workers), 1))
        mine = worker == number
        entered = mine & ~dropped
        before = np.cumsum(entered)[mine] - entered[mine]
        ended = np.searchsorted(np.sort(end_s[entered]), due_s[mine], side="right")
        held[mine] |= before - ended >= connections
    return held


def _damaged(point: Point, what: str) -> DataError:
    return DataError(
        f"point {point.id}: {what}",
        hint=f"its raw samples are damaged: delete points/{point.id} and run again with --resume",
    )
