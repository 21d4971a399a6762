"""Alarms that end a bad update: too many requests to the new model are answered with an error.

There is one for each endpoint configuration, so that it watches the new fleet alone: with an alarm
over both, SageMaker would also end the update that mends a broken model (its guide, "Auto-Rollback
Configuration and Monitoring", which has these dimensions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.endpoint.config import VARIANT
from newsclf.deploy.aws.walk.resource import Look

_SHARE = 0.05
_SETTINGS = {
    "Namespace": "AWS/SageMaker",
    # Not the 4xx, which are the callers' own mistakes: serving/inference.py answers 500 for ours.
    "MetricName": "Invocation5XXErrors",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": _SHARE,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


@dataclass(frozen=True, slots=True)
class ErrorAlarm:
    """In alarm when in a minute a configuration's model fails on one request in twenty."""

    clients: Clients
    names: Names
    config: str
    """Name of the endpoint configuration that it watches."""
    kind: str = "error alarm"

    @property
    def name(self) -> str:  # noqa: D102 - see Resource, here and below
        return self.names.error_alarm(self.config)

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
                {"Name": "EndpointConfigName", "Value": self.config},
            ],
            Tags=[{"Key": key, "Value": value} for key, value in self.names.tags.items()],
            **_SETTINGS,
        )
        return {}

    def delete(self) -> bool:  # noqa: D102
        if self._find() is None:
            return False
        _delete(self.clients, self.name)
        return True

    def exists(self) -> bool:  # noqa: D102
        return self._find() is not None

    @property
    def has_risen(self) -> bool:
        """Whether it is in alarm now."""
        found = self._find()
        return found is not None and found["StateValue"] == "ALARM"

    def _find(self) -> dict[str, Any] | None:
        answer = self.clients.call(
            "cloudwatch",
            "describe_alarms",
            doing=f"looking for the alarm {self.name}",
            AlarmNames=[self.name],
        )
        return next(iter(answer["MetricAlarms"]), None)


@dataclass(frozen=True, slots=True)
class ErrorAlarms:
    """All error alarms that a deployment has."""

    clients: Clients
    names: Names
    kind: str = "error alarm"

    @property
    def name(self) -> str:  # noqa: D102
        return f"{self.names.endpoint}-*errors"

    def delete(self) -> bool:  # noqa: D102
        found = error_alarms(self.clients, self.names)
        for alarm in found:
            _delete(self.clients, alarm.name)
        return bool(found)

    def exists(self) -> bool:  # noqa: D102
        return bool(error_alarms(self.clients, self.names))


def error_alarms(clients: Clients, names: Names) -> list[ErrorAlarm]:
    """The error alarms that a deployment has, also the one for all configurations of old versions.

    CloudWatch's filter also finds those of a deployment whose name begins like this one's.
    """
    named = re.compile(f"({re.escape(names.endpoint)}(-[0-9a-f]{{12}})?)-errors")
    found = clients.listed(
        "cloudwatch",
        "describe_alarms",
        "MetricAlarms",
        doing=f"listing the alarms of {names.deployment}",
        AlarmNamePrefix=names.endpoint,
    )
    matches = [named.fullmatch(each["AlarmName"]) for each in found]
    return [ErrorAlarm(clients, names, match[1]) for match in matches if match]


def _delete(clients: Clients, name: str) -> None:
    doing = f"deleting the alarm {name}"
    clients.find("cloudwatch", "delete_alarms", doing=doing, AlarmNames=[name])
