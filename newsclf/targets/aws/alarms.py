"""The alarm that ends a bad update of an endpoint: too many requests are answered with an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.endpoint_config import VARIANT
from newsclf.targets.aws.names import Names
from newsclf.targets.aws.resource import Look

_SHARE = 0.05
_SETTINGS = {
    "Namespace": "AWS/SageMaker",
    # Everything but 2xx, so also the 400 as which the stock container reports its own failures.
    "MetricName": "InvocationModelErrors",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": _SHARE,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


@dataclass(frozen=True, slots=True)
class ErrorAlarm:
    """In alarm when in a minute one request in twenty fails; SageMaker watches it in an update."""

    clients: Clients
    names: Names
    kind: str = "error alarm"

    @property
    def name(self) -> str:  # noqa: D102 - see Resource, here and below
        return self.names.error_alarm

    def look(self) -> Look:  # noqa: D102
        found = self._find()
        if found is None:
            return Look("create", f"more than {_SHARE:.0%} errors")
        same = all(found.get(key) == value for key, value in _SETTINGS.items())
        return Look("keep" if same else "update", f"more than {_SHARE:.0%} errors")

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        self.clients.call(
            "cloudwatch",
            "put_metric_alarm",
            doing=f"setting the alarm {self.name}",
            AlarmName=self.name,
            AlarmDescription=f"newsclf deployment {self.names.deployment}: ends a bad update",
            Dimensions=[
                {"Name": "EndpointName", "Value": self.names.endpoint},
                {"Name": "VariantName", "Value": VARIANT},
            ],
            Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
            **_SETTINGS,
        )
        return {}

    def delete(self) -> bool:  # noqa: D102
        if self._find() is None:
            return False
        doing = f"deleting the alarm {self.name}"
        self.clients.find("cloudwatch", "delete_alarms", doing=doing, AlarmNames=[self.name])
        return True

    def exists(self) -> bool:  # noqa: D102
        return self._find() is not None

    def _find(self) -> dict[str, Any] | None:
        answer = self.clients.call(
            "cloudwatch", "describe_alarms", doing=f"looking for the alarm {self.name}",
            AlarmNames=[self.name],
        )  # fmt: skip
        return next(iter(answer["MetricAlarms"]), None)
