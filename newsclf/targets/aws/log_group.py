"""A CloudWatch log group, made before what writes into it.

So it has a retention, and the writer needs no permission to create one; without that, a Lambda that
flushes late would bring its group back after it was deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.names import Names
from newsclf.targets.aws.resource import Look

RETENTION_DAYS = 30


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One log group."""

    clients: Clients
    names: Names
    name: str
    kind: str = "log group"

    def look(self) -> Look:
        """See whether it is there, with its retention."""
        found = self._find()
        if found is None:
            return Look("create", f"kept {RETENTION_DAYS} days")
        if found.get("retentionInDays") != RETENTION_DAYS:
            return Look("update", f"retention → {RETENTION_DAYS} days")
        return Look("keep")

    def ensure(self) -> Mapping[str, str]:
        """Create it, and set its retention."""
        action = self.look().action
        if action == "create":
            self.clients.call(
                "logs", "create_log_group", doing=f"creating the log group {self.name}",
                logGroupName=self.name, tags=self.names.tags,
            )  # fmt: skip
        if action != "keep":
            self.clients.call(
                "logs", "put_retention_policy", doing=f"setting the retention of {self.name}",
                logGroupName=self.name, retentionInDays=RETENTION_DAYS,
            )  # fmt: skip
        return {}

    def delete(self) -> bool:
        """Delete it with all that was logged."""
        answer = self.clients.find(
            "logs", "delete_log_group", doing=f"deleting the log group {self.name}",
            logGroupName=self.name,
        )  # fmt: skip
        return answer is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._find() is not None

    def _find(self) -> dict[str, Any] | None:
        groups = self.clients.call(
            "logs", "describe_log_groups", doing="looking at log groups",
            logGroupNamePrefix=self.name,
        )["logGroups"]  # fmt: skip
        return next((group for group in groups if group["logGroupName"] == self.name), None)
