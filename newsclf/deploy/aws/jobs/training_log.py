"""The log of a training job in CloudWatch: a stream for each machine that it ran on."""

from __future__ import annotations

from collections.abc import Iterator

from newsclf.common.errors import NewsclfError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.names import TRAINING_LOG
from newsclf.deploy.aws.log_group import last_lines, lines_of


class TrainingLog:
    """Reads a job's log from where it stopped reading."""

    def __init__(self, clients: Clients, job: str) -> None:
        self._clients = clients
        self._job = job
        self._doing = f"reading the log of {job}"
        self._tokens: dict[str, str] = {}
        """Stream → token of its next page."""

    def new_lines(self) -> Iterator[str]:
        """The lines since the last call; after a spot interruption another stream follows."""
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
                yield from lines_of(page["events"])
                # At the end the token stays what it was (CloudWatch's reference of GetLogEvents).
                if page["nextForwardToken"] == token:
                    break
                self._tokens[stream] = page["nextForwardToken"]

    def last_lines(self, count: int) -> list[str]:
        """The last lines of the last machine; if they can't be read, why not."""
        try:
            return last_lines(self._clients, TRAINING_LOG, self._streams()[-1:], count)
        except NewsclfError as error:  # what the lines would explain matters more
            return [error.message]

    def _streams(self) -> list[str]:
        """The names of its streams, which end in when they began."""
        found = self._clients.find(
            "logs",
            "describe_log_streams",
            doing=self._doing,
            logGroupName=TRAINING_LOG,
            logStreamNamePrefix=f"{self._job}/",
        )
        return sorted(stream["logStreamName"] for stream in (found or {}).get("logStreams", []))
