"""Alarms that end a bad update, when the new model answers too many requests with an error.

There is one for each endpoint configuration, so that it watches the new fleet alone: with an alarm
over both, SageMaker would also end the update that mends a broken model (its guide, "Auto-Rollback
Configuration and Monitoring", which has these dimensions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from newsclf.deploy.aws.call.scope import Scope
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.walk.resource import Deletable, SimpleResource

_SHARE = 0.05


@dataclass(frozen=True)
class ErrorAlarm(SimpleResource):
    """In alarm when in a minute a configuration's model fails on one request in twenty."""

    config: str
    """Name of the endpoint configuration that it watches."""
    kind = "error alarm"
    service = "cloudwatch"
    name_argument = "AlarmName"
    settings: ClassVar[Mapping[str, Any]] = {
        "Namespace": "AWS/SageMaker",
        # Not the 4xx, which are the callers' own mistakes: the container answers 500 for ours.
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": _SHARE,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
    detail = f"more than {_SHARE:.0%} errors"

    @property
    def name(self) -> str:
        return f"{self.config}-errors"

    def find(self) -> dict[str, Any] | None:
        found = _described(self.scope, AlarmNames=[self.name])
        return next(iter(found), None)

    def create(self) -> None:
        self.call("put_metric_alarm", Tags=self.scope.tag_list, **self.definition)

    @property
    def definition(self) -> dict[str, Any]:
        """The arguments of PutMetricAlarm, apart from its name and tags."""
        return {
            "AlarmDescription": f"newsclf deployment {self.names.deployment}: ends a bad update",
            "Dimensions": [
                {"Name": "EndpointName", "Value": self.names.endpoint},
                {"Name": "VariantName", "Value": VARIANT},
                {"Name": "EndpointConfigName", "Value": self.config},
            ],
            **self.settings,
        }

    def delete(self) -> bool:
        return self.exists() and _delete(self.scope, [self.name])

    @property
    def has_risen(self) -> bool:
        """Whether it is in alarm now."""
        found = self.find()
        return found is not None and found["StateValue"] == "ALARM"


class ErrorAlarms(Deletable):
    """All error alarms of a deployment."""

    kind = "error alarm"

    @property
    def name(self) -> str:
        return f"{self.names.endpoint}-*errors"

    def find(self) -> list[ErrorAlarm]:
        """All of them, also the one for all configurations of old versions.

        CloudWatch's filter also finds those of a deployment whose name begins like this one's.
        """
        named = re.compile(f"({re.escape(self.names.endpoint)}(-[0-9a-f]{{12}})?)-errors")
        found = _described(self.scope, AlarmNamePrefix=self.names.endpoint)
        matches = [named.fullmatch(each["AlarmName"]) for each in found]
        return [ErrorAlarm(self.scope, match[1]) for match in matches if match]

    def delete(self) -> bool:
        return _delete(self.scope, [alarm.name for alarm in self.find()])


def _described(scope: Scope, **which: Any) -> Iterator[dict[str, Any]]:
    doing = f"looking for the alarms of {scope.names.deployment}"
    return scope.clients.listed(
        "cloudwatch", "describe_alarms", "MetricAlarms", doing=doing, **which
    )


def _delete(scope: Scope, names: list[str]) -> bool:
    if names:
        scope.clients.find("cloudwatch", "delete_alarms", AlarmNames=names)
    return bool(names)
