"""What a hosting service measured by itself while it was under load, minute by minute."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from newsclf.common.errors import ServiceError
from newsclf.common.records import StrictRecord

_MS_PER_UNIT = {"Microseconds": 1e-3, "Milliseconds": 1.0, "Seconds": 1e3}


class Datapoint(StrictRecord):
    """One minute of one metric, as CloudWatch gives it."""

    metric: str
    unit: str
    """As the service says: the same latency comes in microseconds here and milliseconds there."""
    begin_utc: datetime
    samples: float
    sum: float


class ServerFigures(StrictRecord):
    """All that was read for one instance of a load test."""

    instance: str
    source: str
    """Such as `CloudWatch, endpoint newsclf-news, variant AllTraffic`."""
    sent: int
    """Requests that the client sent while these minutes ran."""
    datapoints: list[Datapoint]

    @property
    def counted_fraction(self) -> float | None:
        """Requests that the service counted, over those that were sent; None if none were."""
        return (total(self.datapoints, "Invocations") or 0) / self.sent if self.sent else None


class ServerSide(StrictRecord):
    """What the service says of one point. Means are over requests, or over a minute's readings."""

    source: str
    whole_minutes: bool
    """Only minutes within the measured window; otherwise the minutes that it touches, and so the
    warm-up or a neighbour too."""
    counted_fraction: float | None
    """Of all requests that were sent to this instance, those that the service counted: far from 1,
    it had not yet reported all, or someone else sent requests too."""
    invocations: int | None
    errors_4xx: int | None
    errors_5xx: int | None
    model_latency_ms: float | None
    """In the container, as SageMaker sees it."""
    overhead_latency_ms: float | None
    """SageMaker's own part, before and after the container."""
    cpu_percent: float | None
    """Per cent of one core: a machine with four reaches 400."""
    memory_percent: float | None


def total(datapoints: Iterable[Datapoint], metric: str) -> float | None:
    """The sum of a counter; None if it was not reported."""
    found = [point.sum for point in datapoints if point.metric == metric]
    return sum(found) if found else None


def mean(datapoints: Iterable[Datapoint], metric: str) -> float | None:
    """The mean of a metric, in its own unit, each reading counted once."""
    found = [point for point in datapoints if point.metric == metric]
    samples = sum(point.samples for point in found)
    return sum(point.sum for point in found) / samples if samples else None


def mean_ms(datapoints: Iterable[Datapoint], metric: str) -> float | None:
    """The mean of a latency in milliseconds, whatever unit it came in.

    Raises:
        ServiceError: its unit is not a unit of time.
    """
    found = [
        point.model_copy(update={"sum": point.sum * _ms_per(point), "unit": "Milliseconds"})
        for point in datapoints
        if point.metric == metric
    ]
    return mean(found, metric)


def _ms_per(point: Datapoint) -> float:
    try:
        return _MS_PER_UNIT[point.unit]
    except KeyError:
        raise ServiceError(f"{point.metric} came in the unit {point.unit!r}, not in time") from None
