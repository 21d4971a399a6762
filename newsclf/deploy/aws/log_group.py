"""Log groups of CloudWatch, created before AWS would do so: tagged, and kept for a month only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.walk.resource import SimpleResource

KEPT_DAYS = 30
_STREAMS = 5
"""The latest streams, in which the last lines of a group are looked for."""


@dataclass(frozen=True)
class LogGroup(SimpleResource):
    """A log group with our tags.

    A function's role may write to it, but not create it, so that a late line after a teardown does
    not bring it back.
    """

    name: str
    kind: str = "log group"
    service = "logs"
    name_argument = "logGroupName"
    deletion = "delete_log_group"
    detail = f"{KEPT_DAYS} days"

    def find(self) -> dict[str, Any] | None:
        groups = self.scope.clients.listed(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=self.name
        )
        return next((group for group in groups if group["logGroupName"] == self.name), None)

    def difference(self, found: Mapping[str, Any]) -> str | None:
        return None if found.get("retentionInDays") else self.detail

    def create(self) -> None:
        self.make("create_log_group", tags=self.names.tags)
        self.call("put_retention_policy", retentionInDays=KEPT_DAYS)

    def last_lines(self, count: int) -> list[str]:
        """The last lines of its latest streams together, oldest first; none without a group."""
        streams = self.ask(
            "describe_log_streams", orderBy="LastEventTime", descending=True, limit=_STREAMS
        )
        names = [each["logStreamName"] for each in (streams or {}).get("logStreams", [])]
        return last_lines(self.scope.clients, self.name, names, count)

    def last_lines_or_problem(self, count: int) -> list[str]:
        """The last lines; if they can't be read, why not."""
        try:
            return self.last_lines(count)
        except NewsclfError as error:  # what the lines would explain matters more
            return [error.message]


def last_lines(clients: Clients, group: str, streams: list[str], count: int) -> list[str]:
    """The last lines of streams of a log group together, oldest first."""
    pages = [
        clients.call(
            "logs",
            "get_log_events",
            logGroupName=group,
            logStreamName=stream,
            limit=count,
            startFromHead=False,
        )
        for stream in streams
    ]
    events = sorted((e for page in pages for e in page["events"]), key=lambda e: e["timestamp"])
    return list(lines_of(events[-count:]))


def lines_of(events: list[dict[str, Any]]) -> Iterator[str]:
    """The text of log events."""
    for event in events:
        yield str(event["message"]).rstrip("\n")
