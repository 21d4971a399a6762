"""CloudWatch metrics of an endpoint under load.

Read with GetMetricStatistics, which gives each datapoint's unit; GetMetricData does not, and pages
of AWS's own documentation disagree on whether ModelLatency is in micro- or milliseconds. Without
the variant's name in the dimensions every answer is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.server_figures import Datapoint, ServerFigures, total

_INVOCATIONS: Final = "Invocations"
_REQUESTS: Final = "AWS/SageMaker"
_MACHINE: Final = "/aws/sagemaker/Endpoints"
_METRICS: Final = {
    _INVOCATIONS: _REQUESTS,
    "Invocation4XXErrors": _REQUESTS,
    "Invocation5XXErrors": _REQUESTS,
    "ModelLatency": _REQUESTS,
    "OverheadLatency": _REQUESTS,
    "CPUUtilization": _MACHINE,
    "MemoryUtilization": _MACHINE,
}
"""Metric → namespace."""
_PERIOD: Final = timedelta(minutes=1)
_MOST: Final = timedelta(minutes=1440)
"""Datapoints that one answer may have, as time."""
_POLL_S: Final = 15.0
_POLLS: Final = 20
"""Figures are usually there after one to three minutes; five are allowed."""
_ENOUGH: Final = 0.99


@dataclass(frozen=True, slots=True)
class EndpointMetrics:
    """The metrics of an endpoint."""

    clients: Clients
    endpoint: str

    def read(
        self,
        instance: str,
        window: tuple[datetime, datetime],
        sent: int,
        goes_on: Callable[[], bool],
    ) -> ServerFigures:
        """Read all metrics of a window, once CloudWatch has counted what was sent.

        After five minutes what is there is taken, and the result's `counted_fraction` tells.

        Args:
            instance: What was measured, for the result.
            window: From and to; aware of their time zones.
            sent: Requests that the client sent in it.
            goes_on: Asked before each wait; False takes what is there.

        Raises:
            TargetError: the credentials may not read metrics.
            ServiceError: AWS can't be reached, or is busy.
        """
        begin = window[0].replace(second=0, microsecond=0)
        end = window[1].replace(second=0, microsecond=0) + _PERIOD
        for _ in range(_POLLS):
            counted = total(self._datapoints(_INVOCATIONS, begin, end), _INVOCATIONS) or 0
            if counted >= _ENOUGH * sent or not goes_on():
                break
            self.clients.clock.sleep(_POLL_S)
        return ServerFigures(
            instance=instance,
            source=f"CloudWatch, endpoint {self.endpoint}, variant {VARIANT}",
            sent=sent,
            datapoints=[
                point for metric in _METRICS for point in self._datapoints(metric, begin, end)
            ],
        )

    def _datapoints(self, metric: str, begin: datetime, end: datetime) -> Iterator[Datapoint]:
        """One metric by the minute, oldest first."""
        while begin < end:
            until = min(end, begin + _MOST)
            answer = self.clients.call(
                "cloudwatch",
                "get_metric_statistics",
                doing="reading the endpoint's metrics",
                Namespace=_METRICS[metric],
                MetricName=metric,
                Dimensions=[
                    {"Name": "EndpointName", "Value": self.endpoint},
                    {"Name": "VariantName", "Value": VARIANT},
                ],
                StartTime=begin,
                EndTime=until,
                Period=int(_PERIOD.total_seconds()),
                Statistics=["SampleCount", "Sum"],
            )
            for point in sorted(answer["Datapoints"], key=lambda each: each["Timestamp"]):
                yield Datapoint(
                    metric=metric,
                    unit=point["Unit"],
                    begin_utc=point["Timestamp"],
                    samples=point["SampleCount"],
                    sum=point["Sum"],
                )
            begin = until
