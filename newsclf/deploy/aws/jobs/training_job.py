"""Training jobs on SageMaker: follow one, stop it, and report how it ended."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

from newsclf.common.errors import NewsclfError, TargetError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import TRAINING_LOG
from newsclf.deploy.aws.jobs.job import SEEN_AT_MOST_S, Job
from newsclf.deploy.aws.log_group import last_lines, lines_of

log = logging.getLogger(__name__)

_LINES: Final = 50


class TrainingJob(Job):
    """The training job of a deployment of `newsclf train`."""

    kind = "training job"
    name_argument = "TrainingJobName"
    look_up = "describe_training_job"
    status_field = "TrainingJobStatus"
    stop_operation = "stop_training_job"
    stopped_at_most_s = 900.0
    """120 s from SIGTERM to SIGKILL (docs of StopTrainingJob), and what it uploads after that."""

    @property
    def name(self) -> str:
        return self.names.endpoint

    def follow(self, on_line: Callable[[str], None]) -> dict[str, Any]:
        """Wait for its end, which SageMaker sets; what AWS says of it then.

        Args:
            on_line: Called with each line of the job's log.

        Raises:
            TargetError: there is no such job, or AWS refuses a look at it.
            ServiceError: AWS can't be reached for ten minutes.
        """
        found = self.scope.clock.follow(self.name, _Watch(self, on_line), at_most_s=math.inf)
        assert found is not None  # noqa: S101 - it ends, or a look at it fails
        return found

    def check_end(self, found: dict[str, Any]) -> None:
        """Raise TargetError, with the end of its log, unless it is completed."""
        status, secondary = found["TrainingJobStatus"], found.get("SecondaryStatus", "")
        if status == "Completed":
            return
        reason = found.get("FailureReason", "")
        said = f"{status.lower()}{f' ({secondary})' if secondary not in ('', status) else ''}"
        lines = _Log(self.scope.clients, self.name).last_lines(_LINES) or ["(it is empty)"]
        message = "\n".join(
            [
                f"the training job {self.name} has {said}{f': {reason}' if reason else ''}",
                f"the last lines of {TRAINING_LOG}, {self.name}:",
                *(f"  {line}" for line in lines),
            ]
        )
        raise TargetError(message, hint=_next_step(secondary, reason))


class _Log:
    """Log of a job in CloudWatch: a stream for each machine, read from where it was left."""

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


class _Watch:
    """Looks at a job again and again, and passes on the new lines of its log."""

    def __init__(self, job: TrainingJob, on_line: Callable[[str], None]) -> None:
        self._job = job
        self._on_line = on_line
        self._log = _Log(job.scope.clients, job.name)
        self._log_is_readable = True
        self._clock = job.scope.clock
        self._started_s = self._clock.now_s()

    def __call__(self) -> tuple[str, dict[str, Any] | None]:
        """The status of the job, and what AWS says of it when it has ended."""
        found = self._job.find()
        if found is None:
            if self._clock.now_s() - self._started_s > SEEN_AT_MOST_S:
                raise TargetError(f"there is no training job {self._job.name}")
            return "", None
        self._pass_on_log()
        status = found.get("SecondaryStatus") or found["TrainingJobStatus"]
        transitions = found.get("SecondaryStatusTransitions", [])
        message = transitions[-1].get("StatusMessage", "") if transitions else ""
        return f"{status}: {message}" if message else status, found if self._job.is_over(
            found
        ) else None

    def _pass_on_log(self) -> None:
        if not self._log_is_readable:
            return
        try:
            for line in self._log.new_lines():
                self._on_line(line)
        except NewsclfError as error:
            self._log_is_readable = not isinstance(error, RefusedError)
            log.warning("its log is not shown for now: %s", error.message)


def _next_step(secondary: str, reason: str) -> str:
    if "CapacityError" in reason or "capacity" in reason.lower():
        return "AWS has no such machine free: take another --instance, or try again later"
    if secondary == "MaxWaitTimeExceeded":
        return "no spot machine came in time: train without --spot, or with another --instance"
    if secondary == "MaxRuntimeExceeded":
        return "train again with a longer --max-runtime, or on a faster --instance"
    return "newsclf train … --on sagemaker starts again once that is fixed"
