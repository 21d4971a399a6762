"""Figures of the service for the points of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from newsclf.deploy.server_figures import Datapoint, ServerFigures, ServerSide, mean, mean_ms, total
from newsclf.loadtest.store.records import Point

_MINUTE = timedelta(minutes=1)


def window_of(point: Point) -> tuple[datetime, datetime]:
    """The measured window of a point as UTC time."""
    started = datetime.fromisoformat(point.started_utc).astimezone(UTC)
    return (
        started + timedelta(seconds=point.window_begin_ns / 1e9),
        started + timedelta(seconds=point.window_end_ns / 1e9),
    )


def server_side(point: Point, figures: Sequence[ServerFigures]) -> ServerSide | None:
    """Figures of the service for a point; None if it has none for its minutes.

    The service reports by the minute. Minutes that lie within the measured window are taken if
    there is one, else all that the window touches.

    Raises:
        ServiceError: the unit of a latency is not a unit of time.
    """
    own = next((each for each in figures if each.instance == point.instance), None)
    if own is None:
        return None
    begin, end = window_of(point)
    inside = [p for p in own.datapoints if begin <= p.begin_utc and p.begin_utc + _MINUTE <= end]
    touched = [p for p in own.datapoints if p.begin_utc < end and begin < p.begin_utc + _MINUTE]
    found = inside or touched
    if not found:
        return None
    return ServerSide(
        source=own.source,
        whole_minutes=bool(inside),
        counted_fraction=own.counted_fraction,
        invocations=_count(found, "Invocations"),
        errors_4xx=_count(found, "Invocation4XXErrors"),
        errors_5xx=_count(found, "Invocation5XXErrors"),
        model_latency_ms=mean_ms(found, "ModelLatency"),
        overhead_latency_ms=mean_ms(found, "OverheadLatency"),
        cpu_percent=mean(found, "CPUUtilization"),
        memory_percent=mean(found, "MemoryUtilization"),
    )


def _count(found: Sequence[Datapoint], metric: str) -> int | None:
    value = total(found, metric)
    return None if value is None else round(value)
