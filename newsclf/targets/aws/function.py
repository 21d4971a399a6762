"""A Lambda function: its code, its settings and how many of it may run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newsclf.core.errors import TargetError
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.function_code import code_sha256
from newsclf.targets.aws.names import Names
from newsclf.targets.aws.resource import Look

RUNTIME = "python3.13"
ARCHITECTURE = "x86_64"
_STATE_TIMEOUT_S = 120.0
_ROLE_TIMEOUT_S = 60.0
"""A new role can be assumed after 5 to 30 seconds."""
_LOOK_S = 2.0
_NOT_YET = "cannot be assumed by Lambda"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """What a function is."""

    handler: str
    """Such as `lambda_src.handler.handle`."""
    code: bytes
    """A zip."""
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int
    reserved_concurrency: int | None
    """None: whatever the account has left."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function."""

    clients: Clients
    names: Names
    name: str
    role: str
    """Name of the role that it runs as."""
    spec: FunctionSpec | None = None
    """None: only to be found and deleted."""
    kind: str = field(default="function", init=False)

    def look(self) -> Look:
        """See whether it is there, and as it must be."""
        found = self._find()
        if found is None:
            return Look("create", f"{RUNTIME}, {self._wanted.memory_mb} MB")
        if found["Configuration"].get("State") == "Failed":
            return Look("replace", "AWS could not make it")
        differences = self._differences(found)
        return Look("update", ", ".join(differences)) if differences else Look("keep")

    def ensure(self) -> Mapping[str, str]:
        """Create or update it, and wait until it can be called."""
        found = self._find()
        if found is not None and found["Configuration"].get("State") == "Failed":
            self.delete()
            found = None
        if found is None:
            self._create()
            found = self._wait_until_active()
        differences = self._differences(found)
        if "code" in differences:
            self._call(
                "update_function_code", "updating its code",
                ZipFile=self._wanted.code, Architectures=[ARCHITECTURE],
            )  # fmt: skip
            self._wait_until_active()
        if "settings" in differences:
            self._call("update_function_configuration", "changing its settings", **self._settings())
            self._wait_until_active()
        if "concurrency" in differences:
            self._set_concurrency()
        return {}

    def delete(self) -> bool:
        """Delete it and wait until it is gone."""
        gone = self.clients.find(
            "lambda", "delete_function", doing=f"deleting the function {self.name}",
            FunctionName=self.name,
        )  # fmt: skip
        self.clients.wait_until(
            lambda: self._find() is None or None,
            doing=f"deleting the function {self.name}", timeout_s=_STATE_TIMEOUT_S, every_s=_LOOK_S,
        )  # fmt: skip
        return gone is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._find() is not None

    @property
    def arn(self) -> str:
        """Its ARN, which is known before it exists."""
        return self.names.arn("lambda", f"function:{self.name}")

    @property
    def _wanted(self) -> FunctionSpec:
        if self.spec is None:
            raise AssertionError  # what has no spec is only deleted
        return self.spec

    def _find(self) -> dict[str, Any] | None:
        return self.clients.find(
            "lambda", "get_function", doing=f"looking at the function {self.name}",
            FunctionName=self.name,
        )  # fmt: skip

    def _settings(self) -> dict[str, Any]:
        return {
            "Runtime": RUNTIME,
            "Role": self.names.role_arn(self.role),
            "Handler": self._wanted.handler,
            "Timeout": self._wanted.timeout_s,
            "MemorySize": self._wanted.memory_mb,
            "Environment": {"Variables": dict(self._wanted.environment)},
        }

    def _differences(self, found: Mapping[str, Any]) -> list[str]:
        has = found["Configuration"]
        differences = []
        if has["CodeSha256"] != code_sha256(self._wanted.code):
            differences.append("code")
        if any(has.get(name) != value for name, value in self._settings().items()):
            differences.append("settings")
        reserved = found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        if reserved != self._wanted.reserved_concurrency:
            differences.append("concurrency")
        return differences

    def _create(self) -> None:
        def attempt() -> bool | None:
            try:
                self._call(
                    "create_function", "creating it", **self._settings(),
                    Code={"ZipFile": self._wanted.code}, Architectures=[ARCHITECTURE],
                    Tags=self.names.tags,
                )  # fmt: skip
            except TargetError as error:
                if _NOT_YET in error.message:
                    return None
                if self._find() is None:  # else an attempt before this one has made it
                    raise
            return True

        self.clients.wait_until(
            attempt, doing=f"waiting until Lambda can assume the role {self.role}",
            timeout_s=_ROLE_TIMEOUT_S, every_s=_LOOK_S,
        )  # fmt: skip

    def _wait_until_active(self) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self._find()
            if found is None:
                return None
            has = found["Configuration"]
            if "Failed" in (has.get("State"), has.get("LastUpdateStatus")):
                reason = has.get("StateReason") or has.get("LastUpdateStatusReason") or "no reason"
                raise TargetError(
                    f"Lambda could not make the function {self.name}: {reason}",
                    hint="newsclf wire-api tries again; newsclf teardown removes it",
                )
            ready = has.get("State") in (None, "Active", "Inactive")
            updated = has.get("LastUpdateStatus") in (None, "Successful")
            return found if ready and updated else None

        found: dict[str, Any] = self.clients.wait_until(
            look, doing=f"waiting for the function {self.name}",
            timeout_s=_STATE_TIMEOUT_S, every_s=_LOOK_S,
        )  # fmt: skip
        return found

    def _set_concurrency(self) -> None:
        reserved = self._wanted.reserved_concurrency
        if reserved is None:
            self._call("delete_function_concurrency", "giving back its reserved concurrency")
            return
        try:
            self._call(
                "put_function_concurrency", f"reserving a concurrency of {reserved}",
                ReservedConcurrentExecutions=reserved,
            )  # fmt: skip
        except TargetError as error:
            raise TargetError(
                error.message,
                hint=error.hint
                or "newsclf wire-api --unreserved leaves the account's concurrency alone",
            ) from error

    def _call(self, operation: str, doing: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.clients.call(
            "lambda", operation, doing=f"the function {self.name}: {doing}",
            FunctionName=self.name, **arguments,
        )  # fmt: skip
        return answer
