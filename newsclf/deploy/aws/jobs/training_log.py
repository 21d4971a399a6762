"""What a training job says, as CloudWatch has it: a stream for each machine that it ran on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import TRAINING_LOG


class TrainingLog:
    """Reads on where it stopped reading."""

    def __init__(self, clients: Clients, job: str) -> None:
        self._clients = clients
        self._job = job
        self._doing = f"reading the log of {job}"
        self._tokens: dict[str, str] = {}
        """Stream → where the next page of it begins."""

    def new_lines(self) -> Iterator[str]:
        """What has been said since the last time; after a spot interruption a stream follows."""
        for stream in self._streams():
            while True:
                token = self._tokens.get(stream)
                page = self._clients.call(
                    "logs",
                    "get_log_events",
                    doing=self._doing,
                    logGroupName=TRAINING_LOG,
                    logStreamName=stream,
                    startFromHead=True,
                    **({"nextToken": token} if token else {}),
                )
                yield from _lines(page)
                # At the end the token stays what it was (CloudWatch's reference of GetLogEvents).
                if page["nextForwardToken"] == token:
                    break
                self._tokens[stream] = page["nextForwardToken"]

    def last_lines(self, count: int) -> list[str]:
        """The last lines of the last machine; why they can't be read, if so."""
        try:
            streams = self._streams()
            if not streams:
                return []
            page = self._clients.call(
                "logs",
                "get_log_events",
                doing=self._doing,
                logGroupName=TRAINING_LOG,
                logStreamName=streams[-1],
                startFromHead=False,
                limit=count,
            )
        except NewsclfError as error:  # what the lines would explain matters more
            return [error.message]
        return list(_lines(page))

    def _streams(self) -> list[str]:
        """Their names, which end in when they began."""
        found = self._clients.find(
            "logs",
            "describe_log_streams",
            doing=self._doing,
            logGroupName=TRAINING_LOG,
            logStreamNamePrefix=f"{self._job}/",
        )
        return sorted(stream["logStreamName"] for stream in (found or {}).get("logStreams", []))


def _lines(page: dict[str, Any]) -> Iterator[str]:
    for event in page["events"]:
        yield str(event["message"]).rstrip("\n")
