"""A Lambda function: its code, its settings and how many of it may run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.common.errors import ServiceError, TargetError
from newsclf.deploy.aws.api.function_code import code_sha256
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.errors import RefusedError, is_not_yet_assumable
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.walk.resource import Look

RUNTIME = "python3.13"
ARCHITECTURE = "x86_64"
_STATE_TIMEOUT_S = 120.0
_ROLE_TIMEOUT_S = 60.0
"""A new role can be assumed after 5 to 30 seconds."""


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


@dataclass(frozen=True)
class FunctionRemains:
    """A function, for taking it away."""

    clients: Clients
    names: Names
    name: str
    kind: str
    """`function`, or `authorizer function`."""

    def delete(self) -> bool:
        """Delete it and wait until it is gone."""
        doing = f"deleting the function {self.name}"
        gone = self.clients.find("lambda", "delete_function", doing=doing, FunctionName=self.name)
        there = self.clients.clock.until(
            lambda: None if self.exists() else True, at_most_s=_STATE_TIMEOUT_S
        )
        if there is None:
            raise ServiceError(f"{doing}: it is still there", hint="newsclf teardown tries again")
        return gone is not None

    def exists(self) -> bool:
        """Whether it is there."""
        return self._find() is not None

    def _find(self) -> dict[str, Any] | None:
        return self.clients.find(
            "lambda",
            "get_function",
            doing=f"looking at the function {self.name}",
            FunctionName=self.name,
        )


@dataclass(frozen=True)
class Function(FunctionRemains):
    """A function, as it is wanted."""

    role: str
    """Name of the role that it runs as."""
    spec: FunctionSpec

    def look(self) -> Look:
        """See whether it is there, and as it must be."""
        found = self._find()
        if found is None:
            return Look("create", f"{RUNTIME}, {self.spec.memory_mb} MB")
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
        differences = self._differences(self._wait_until_active())
        if "code" in differences:
            self._call(
                "update_function_code",
                "updating its code",
                ZipFile=self.spec.code,
                Architectures=[ARCHITECTURE],
            )
            self._wait_until_active()
        if "settings" in differences:
            self._call("update_function_configuration", "changing its settings", **self._settings())
            self._wait_until_active()
        if "concurrency" in differences:
            self._set_concurrency()
        return {}

    @property
    def arn(self) -> str:
        """Its ARN, which is known before it exists."""
        return self.names.arn("lambda", f"function:{self.name}")

    def _settings(self) -> dict[str, Any]:
        return {
            "Runtime": RUNTIME,
            "Role": self.names.role_arn(self.role),
            "Handler": self.spec.handler,
            "Timeout": self.spec.timeout_s,
            "MemorySize": self.spec.memory_mb,
            "Environment": {"Variables": dict(self.spec.environment)},
        }

    def _differences(self, found: Mapping[str, Any]) -> list[str]:
        has = found["Configuration"]
        differences = []
        if has["CodeSha256"] != code_sha256(self.spec.code):
            differences.append("code")
        if any(has.get(name) != value for name, value in self._settings().items()):
            differences.append("settings")
        reserved = found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        if reserved != self.spec.reserved_concurrency:
            differences.append("concurrency")
        return differences

    def _create(self) -> None:
        def attempt() -> bool | None:
            try:
                self._call(
                    "create_function",
                    "creating it",
                    **self._settings(),
                    Code={"ZipFile": self.spec.code},
                    Architectures=[ARCHITECTURE],
                    Tags=self.names.tags,
                )
            except RefusedError as error:
                if is_not_yet_assumable(error):
                    return None
                if self._find() is None:  # else an attempt before this one has made it
                    raise
            return True

        if self.clients.clock.until(attempt, at_most_s=_ROLE_TIMEOUT_S) is None:
            raise TargetError(
                f"Lambda cannot assume the role {self.role}, {_ROLE_TIMEOUT_S:g} s after it was"
                " made",
                hint="newsclf wire-api tries again",
            )

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

        found = self.clients.clock.until(look, at_most_s=_STATE_TIMEOUT_S)
        if found is None:
            raise ServiceError(
                f"the function {self.name} is not ready after {_STATE_TIMEOUT_S:g} s",
                hint="newsclf wire-api goes on",
            )
        return found

    def _set_concurrency(self) -> None:
        reserved = self.spec.reserved_concurrency
        if reserved is None:
            self._call("delete_function_concurrency", "giving back its reserved concurrency")
            return
        try:
            self._call(
                "put_function_concurrency",
                f"reserving a concurrency of {reserved}",
                ReservedConcurrentExecutions=reserved,
            )
        except RefusedError as error:
            raise TargetError(
                error.message,
                hint=error.hint
                or "newsclf wire-api --unreserved leaves the account's concurrency alone",
            ) from error

    def _call(self, operation: str, doing: str, **arguments: Any) -> dict[str, Any]:
        return self.clients.call(
            "lambda",
            operation,
            doing=f"the function {self.name}: {doing}",
            FunctionName=self.name,
            **arguments,
        )
