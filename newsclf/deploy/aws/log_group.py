"""A log group of CloudWatch, made before AWS would make it: tagged, and kept for a month only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

_KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A log group with our tags.

    A function's role may write to it, but not create it, so that a late line after a teardown does
    not bring it back.
    """

    clients: Clients
    names: Names
    name: str
    kind: str = "log group"

    def look(self) -> Look:  # noqa: D102 - see Resource, here and below
        found = self._find()
        if found is None:
            return Look("create")
        return Look("keep" if found.get("retentionInDays") else "update", f"{_KEPT_DAYS} days")

    def ensure(self) -> Mapping[str, str]:  # noqa: D102
        self.clients.create(
            "logs",
            "create_log_group",
            doing=f"creating the log group {self.name}",
            logGroupName=self.name,
            tags=self.names.tags,
        )
        self.clients.call(
            "logs",
            "put_retention_policy",
            doing=f"keeping {self.name} for {_KEPT_DAYS} days",
            logGroupName=self.name,
            retentionInDays=_KEPT_DAYS,
        )
        return {}

    def delete(self) -> bool:  # noqa: D102
        doing = f"deleting the log group {self.name}"
        deleted = self.clients.find("logs", "delete_log_group", doing=doing, logGroupName=self.name)
        return deleted is not None

    def exists(self) -> bool:  # noqa: D102
        return self._find() is not None

    def last_lines(self, count: int) -> list[str]:
        """The last lines of all its streams together, oldest first; none if there is no group."""
        streams = self.clients.find(
            "logs",
            "describe_log_streams",
            doing=f"reading {self.name}",
            logGroupName=self.name,
            orderBy="LastEventTime",
            descending=True,
            limit=5,
        )
        events = [
            event
            for stream in (streams or {}).get("logStreams", [])
            for event in self.clients.call(
                "logs",
                "get_log_events",
                doing=f"reading {self.name}",
                logGroupName=self.name,
                logStreamName=stream["logStreamName"],
                limit=count,
                startFromHead=False,
            )["events"]
        ]
        events.sort(key=lambda event: event["timestamp"])
        return [str(event["message"]).rstrip("\n") for event in events[-count:]]

    def _find(self) -> dict[str, Any] | None:
        groups = self.clients.listed(
            "logs",
            "describe_log_groups",
            "logGroups",
            doing=f"looking for the log group {self.name}",
            logGroupNamePrefix=self.name,
        )
        return next((group for group in groups if group["logGroupName"] == self.name), None)
