"""Lambda functions: their code, their settings and how many requests they may handle at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from newsclf.common.errors import ServiceError, TargetError
from newsclf.deploy.aws.api.function_code import code_sha256
from newsclf.deploy.aws.call.errors import RefusedError, is_not_yet_assumable
from newsclf.deploy.aws.walk.resource import (
    NamedLikeDeployment,
    PlannedChange,
    Resource,
    has,
)

RUNTIME = "python3.13"
ARCHITECTURE = "x86_64"
_STATE_TIMEOUT_S = 120.0
MODEL_VARIABLE = "MODEL_DIGEST"
"""The environment variable by which the API's function knows the digest of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """The code and the settings of a function."""

    handler: str
    """Such as `lambda_src.handler.handle`."""
    code: bytes
    """A zip archive."""
    environment: Mapping[str, str]
    memory_mb: int
    timeout_s: int
    reserved_concurrency: int | None
    """None: whatever the account has left."""


@dataclass(frozen=True)
class Function(Resource):
    """A function, in its desired state."""

    name: str
    kind: str
    """`function`, or `authorizer function`."""
    role: str = ""
    """Name of the role that it runs as."""
    desired: FunctionSpec | None = None
    """None: only to find or delete it."""
    service = "lambda"
    name_argument = "FunctionName"
    look_up = "get_function"

    @property
    def spec(self) -> FunctionSpec:
        """Its desired code and settings."""
        if self.desired is None:
            raise AssertionError  # made to delete it
        return self.desired

    @property
    def detail(self) -> str:
        return f"{RUNTIME}, {self.spec.memory_mb} MB"

    def difference(self, found: Mapping[str, Any]) -> str | None:
        if _has_failed(found):
            return "AWS could not create it"
        return ", ".join(self._differences(found)) or None

    def ensure(self) -> Mapping[str, str]:
        """Create or update it, and wait until it can be called."""
        found = self.found()
        if found is not None and _has_failed(found):
            self.delete()
            found = None
        if found is None:
            self.make(
                "create_function",
                not_yet=is_not_yet_assumable,
                **self.configuration,
                Code={"ZipFile": self.spec.code},
                Architectures=[ARCHITECTURE],
                Tags=self.names.tags,
            )
        differences = self._differences(self._wait_until_active())
        if "code" in differences:
            self.call("update_function_code", ZipFile=self.spec.code, Architectures=[ARCHITECTURE])
            self._wait_until_active()
        if "settings" in differences:
            self.call("update_function_configuration", **self.configuration)
            self._wait_until_active()
        if "concurrency" in differences:
            self._set_concurrency()
        return {}

    def delete(self) -> bool:
        """Delete it and wait until it is gone."""
        deleted = self.drop("delete_function")
        gone = self.scope.clock.until(
            lambda: None if self.exists() else True, at_most_s=_STATE_TIMEOUT_S
        )
        if gone is None:
            raise ServiceError(
                f"the function {self.name} was deleted, and is still there",
                hint="newsclf teardown tries again",
            )
        return deleted

    @property
    def arn(self) -> str:
        """Its ARN, which is known before it exists."""
        return self.names.arn("lambda", f"function:{self.name}")

    @property
    def configuration(self) -> dict[str, Any]:
        """Its settings as Lambda takes them, apart from the code and the concurrency."""
        return {
            "Runtime": RUNTIME,
            "Role": self.names.role_arn(self.role),
            "Handler": self.spec.handler,
            "Timeout": self.spec.timeout_s,
            "MemorySize": self.spec.memory_mb,
            "Environment": {"Variables": dict(self.spec.environment)},
        }

    def _differences(self, found: Mapping[str, Any]) -> list[str]:
        reserved = found.get("Concurrency", {}).get("ReservedConcurrentExecutions")
        there = found["Configuration"]
        same = {
            "code": there["CodeSha256"] == code_sha256(self.spec.code),
            "settings": has(there, self.configuration),
            "concurrency": reserved == self.spec.reserved_concurrency,
        }
        return [name for name, is_same in same.items() if not is_same]

    def _wait_until_active(self) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.find()
            if found is None:
                return None
            there = found["Configuration"]
            if "Failed" in (there.get("State"), there.get("LastUpdateStatus")):
                reason = there.get("StateReason") or there.get("LastUpdateStatusReason")
                raise TargetError(
                    f"Lambda could not create the function {self.name}: {reason or 'no reason'}",
                    hint="newsclf wire-api tries again; newsclf teardown removes it",
                )
            ready = there.get("State") in (None, "Active", "Inactive")
            updated = there.get("LastUpdateStatus") in (None, "Successful")
            return found if ready and updated else None

        found = self.scope.clock.until(look, at_most_s=_STATE_TIMEOUT_S)
        if found is None:
            raise ServiceError(
                f"the function {self.name} is not ready after {_STATE_TIMEOUT_S:g} s",
                hint="newsclf wire-api continues",
            )
        return found

    def _set_concurrency(self) -> None:
        reserved = self.spec.reserved_concurrency
        if reserved is None:
            self.call("delete_function_concurrency")
            return
        try:
            self.call("put_function_concurrency", ReservedConcurrentExecutions=reserved)
        except RefusedError as error:
            hint = "newsclf wire-api --unreserved leaves the account's concurrency alone"
            raise TargetError(error.message, hint=error.hint or hint) from error


@dataclass(frozen=True)
class FunctionModel(NamedLikeDeployment, Resource):
    """The model that the API's function names in its answers; nothing where there is no API."""

    digest: str
    kind = "model of the API"
    service = "lambda"
    name_argument = "FunctionName"
    look_up = "get_function"

    def planned(self) -> PlannedChange:
        found = self.found()
        if not found or _variables(found).get(MODEL_VARIABLE) == self.digest:
            return PlannedChange("keep")
        return PlannedChange("update", self.digest[:12])

    def ensure(self) -> Mapping[str, str]:
        found = self.found()
        if found is not None:
            variables = _variables(found) | {MODEL_VARIABLE: self.digest}
            self.call("update_function_configuration", Environment={"Variables": variables})
        return {}


def _has_failed(found: Mapping[str, Any]) -> bool:
    return str(found["Configuration"].get("State")) == "Failed"


def _variables(found: Mapping[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = found["Configuration"].get("Environment", {})["Variables"]
    return variables
