"""The life of a SageMaker job: look at it, wait for its end, stop it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from newsclf.common.errors import NewsclfError, TargetError
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.walk.resource import Deletable

OVER: Final = frozenset(
    {"Completed", "Failed", "Stopped", "Deleting", "COMPLETED", "FAILED", "STOPPED", "DELETED"}
)
_ABSENT: Final = "DELETED"
SEEN_AT_MOST_S: Final = 60.0
"""How long SageMaker may not see what was created a moment ago."""
_ENDING: Final = {"Stopping", "STOPPING", "DELETING"}


class Job(Deletable):
    """A job. Its record can't be deleted, so for a teardown it exists while it runs."""

    service = "sagemaker"
    holds_others = True
    status_field: ClassVar[str]
    """The field of its description that holds its status."""
    stop_operation: ClassVar[str]
    stopped_at_most_s: ClassVar[float] = 0.0
    """How long it may take to stop."""

    def look(self) -> Mapping[str, Any]:
        """What AWS says of it; only a status if there is no such job."""
        found: Mapping[str, Any] | None = self.find()
        return {self.status_field: _ABSENT} if found is None else found

    def is_over(self, found: Mapping[str, Any]) -> bool:
        """Whether it has ended, so that it is no longer billed."""
        return found[self.status_field] in OVER

    def exists(self) -> bool:
        return not self.is_over(self.look())

    def delete(self) -> bool:
        """Stop it, and wait until it is no longer billed; False if it was not running."""
        if not self.exists():
            return False
        self.stop()
        return True

    def wait(
        self,
        *,
        at_most_s: float,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> Mapping[str, Any] | None:
        """Wait for its end; what AWS says of it then, None once `goes_on` is false.

        Raises:
            TargetError: it does not end in time; others are those of `Clients.call`.
        """
        status, was_seen, began_s = "", False, self.scope.clock.now_s()

        def look() -> tuple[str, tuple[Mapping[str, Any] | None] | None]:
            nonlocal status, was_seen
            if not goes_on():
                return "", (None,)
            found = self.look()
            was_seen = was_seen or found[self.status_field] != _ABSENT
            if not was_seen and self.scope.clock.now_s() - began_s < SEEN_AT_MOST_S:
                return "", None
            status = found[self.status_field]
            return status, (found,) if self.is_over(found) else None

        found = self.scope.clock.follow(f"{self.kind} {self.name}", look, at_most_s=at_most_s)
        if found is None:
            minutes = f"{at_most_s / 60:.0f} minutes"
            raise TargetError(f"the {self.kind} {self.name} is still {status} after {minutes}")
        return found[0]

    def tell_to_stop(self) -> None:
        """Tell it to stop, if it exists. Errors are those of `Clients.call`."""
        self.drop(self.stop_operation)

    def stop(self) -> Mapping[str, Any]:
        """Stop it unless it has ended, and wait until it has; what AWS says of it then.

        Raises:
            TargetError: it does not stop; others are those of `Clients.call`.
        """
        try:
            found = self.look()
        except NewsclfError:
            with suppress(NewsclfError):
                self.tell_to_stop()  # all the same
            raise
        if self.is_over(found):
            return found
        if found[self.status_field] not in _ENDING:
            try:
                self.tell_to_stop()
            except RefusedError:
                found = self.look()  # it may just have ended
                if found[self.status_field] not in OVER | _ENDING:
                    raise
        ended = self.scope.clock.until(
            lambda: found if self.is_over(found := self.look()) else None,
            at_most_s=self.stopped_at_most_s,
        )
        if ended is None:
            raise TargetError(
                f"the {self.kind} {self.name} was told to stop, and has not",
                hint=self.names.teardown,
            )
        return ended


@dataclass(frozen=True)
class TimedJob(Job):
    """One of a deployment's many jobs of a kind, whose names end with the time of their start."""

    name: str
    kind: ClassVar[str]
    listing: ClassVar[str]
    """The operation that lists such jobs."""
    listed: ClassVar[str]
    """The field of its answer that holds them."""
    digits: ClassVar[int]
    """How many the time in the name has."""


@dataclass(frozen=True)
class RunningJobs(Deletable):
    """The running jobs of a deployment, of one kind, left by a command that was killed.

    The record of a job that has ended can't be deleted, and costs nothing.
    """

    of: type[TimedJob]
    holds_others = True

    @property
    def kind(self) -> str:
        return self.of.kind

    @property
    def name(self) -> str:
        return f"{self.names.endpoint}-*"

    def find(self) -> list[TimedJob]:
        named = re.compile(rf"{re.escape(self.names.endpoint)}-\d{{{self.of.digits}}}")
        found = self.scope.clients.listed(
            self.of.service, self.of.listing, self.of.listed, NameContains=self.names.endpoint
        )
        return [
            self.of(self.scope, each[self.of.name_argument])
            for each in found
            if named.fullmatch(each[self.of.name_argument])
            and each[self.of.status_field] not in OVER
        ]

    def delete(self) -> bool:
        found = self.find()
        for job in found:
            job.stop()
        return bool(found)
