"""Base classes of the AWS resources of a deployment.

`deploy` and `wire-api` plan first: each resource compares what it finds with its desired state.
`walk/apply.py` then ensures one after the other, and deletes them in the opposite order. Each step
may be repeated, and may find that an earlier run was cut off anywhere in it.

A resource says what is particular to it: how it is found, in what it differs from the desired
state, and which calls create and update it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from newsclf.deploy.aws.call.clients import doing_of
from newsclf.deploy.aws.call.errors import RefusedError
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.aws.call.scope import Scope

Action = Literal["create", "keep", "update", "replace"]
_NOT_YET_S = 60.0
"""How long a new role or registration may take until another service sees it."""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """What a resource needs, found by reading only."""

    action: Action
    detail: str = ""
    """What is there or will be, or what differs: `ml.c5.xlarge × 1`, `instance m5 → c5`."""
    usd_per_hour: float | None = None
    """What it will cost while it is up; None: nothing by the hour."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """Ids that only AWS knows, such as an API's."""


@dataclass(frozen=True)
class Deletable(ABC):
    """An AWS resource of a deployment, known by its name alone, which is enough to delete it."""

    scope: Scope
    service: ClassVar[str]
    """The service, as boto3 calls it."""
    name_argument: ClassVar[str] = ""
    """The argument of each call that names it: `RoleName`."""
    look_up: ClassVar[str] = ""
    """The operation that finds it: `get_role`."""
    deletion: ClassVar[str] = ""
    """The operation that deletes it; empty: it is deleted with what it is part of."""
    holds_others: ClassVar[bool] = False
    """Whether it must be gone before anything that it needs is deleted."""

    if TYPE_CHECKING:  # fields in some subclasses, to which a property would look like a default

        @property
        @abstractmethod
        def kind(self) -> str:
            """The kind of resource, for people and the journal: `endpoint configuration`."""

        @property
        @abstractmethod
        def name(self) -> str:
            """Its name on AWS."""

    @property
    def names(self) -> Names:
        """The names of the deployment's resources."""
        return self.scope.names

    @property
    def identity(self) -> Mapping[str, Any]:
        """The arguments that name it in each call."""
        return {self.name_argument: self.name} if self.name_argument else {}

    def find(self) -> Any:
        """Ask AWS for it; None or empty if it does not exist."""
        return self.ask(self.look_up)

    def found(self) -> Any:
        """The result of `find`, remembered until a call changes the resource."""
        return self.scope.remembered((self.kind, self.name), self.find)

    def exists(self) -> bool:
        """Whether anything of it is left, for the proof after a teardown."""
        return bool(self.find())

    def delete(self) -> bool:
        """Delete it and wait until it is gone; False if it was not there."""
        return bool(self.deletion) and self.drop(self.deletion)

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """Call an operation that reads; None if the resource does not exist."""
        return self.scope.clients.find(
            self.service, operation, doing=self._doing(operation), **self.identity, **arguments
        )

    def call(self, operation: str, *, doing: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Call an operation that changes the resource. Errors are those of `Clients.call`.

        Args:
            doing: For the message of an error, where the operation's name does not tell.
        """
        self.scope.forget((self.kind, self.name))
        return self.scope.clients.call(
            self.service,
            operation,
            doing=doing or self._doing(operation),
            **self.identity,
            **arguments,
        )

    def drop(self, operation: str, **arguments: Any) -> bool:
        """Call an operation that deletes; False if the resource does not exist."""
        self.scope.forget((self.kind, self.name))
        return self.ask(operation, **arguments) is not None

    def make(
        self,
        operation: str,
        *,
        not_yet: Callable[[RefusedError], bool] = lambda _: False,
        at_most_s: float = _NOT_YET_S,
        **arguments: Any,
    ) -> dict[str, Any] | None:
        """Call an operation that creates; None if an earlier attempt has created it.

        Args:
            not_yet: Whether a refusal is temporary, so that the call is repeated.
            at_most_s: How long it is repeated.
        """
        self.scope.forget((self.kind, self.name))
        return self.scope.clients.create(
            self.service,
            operation,
            doing=self._doing(operation),
            not_yet=not_yet,
            at_most_s=at_most_s,
            **self.identity,
            **arguments,
        )

    def _doing(self, operation: str) -> str:
        return doing_of(operation, f"the {self.kind} {self.name}")


@dataclass(frozen=True)
class Resource(Deletable):
    """An AWS resource of a deployment, in its desired state."""

    differs: ClassVar[Action] = "update"
    """How it gets from another state to the desired one."""

    @property
    def detail(self) -> str:
        """The desired state in a few words, for the plan."""
        return ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The fields of its desired state, as AWS takes and returns them."""
        return {}

    def difference(self, found: Any) -> str | None:
        """What differs from the desired state; None: nothing."""
        return None if has(found, self.settings) else self.detail

    def ids(self, found: Any) -> Mapping[str, str]:  # noqa: ARG002
        """Ids of what was found that only AWS knows."""
        return {}

    def planned(self) -> PlannedChange:
        """Find out what it needs; changes nothing. Errors are those of `Clients.call`."""
        found = self.found()
        if not found:
            return PlannedChange("create", self.detail)
        difference = self.difference(found)
        if difference is None:
            return PlannedChange("keep", self.detail, ids=self.ids(found))
        return PlannedChange(self.differs, difference, ids=self.ids(found))

    @abstractmethod
    def ensure(self) -> Mapping[str, str]:
        """Create or update it, wait until it can be used; returns ids that only AWS knows."""


@dataclass(frozen=True)
class SimpleResource(Resource):
    """A resource that one call creates and another one updates, usable at once."""

    @abstractmethod
    def create(self) -> Any:
        """Create it; may return what `find` would find then."""

    def update(self, found: Any) -> None:  # noqa: ARG002
        """Bring what was found to the desired state; by default as it is created."""
        self.create()

    def ensure(self) -> Mapping[str, str]:
        """Create it, or update it where it differs; returns ids that only AWS knows."""
        found = self.found()
        if not found:
            found = self.create()
            self.scope.forget((self.kind, self.name))
            if found:
                self.scope.remember((self.kind, self.name), found)
        elif self.difference(found) is not None:
            self.update(found)
            self.scope.forget((self.kind, self.name))
        return self.ids(found)


class NamedLikeDeployment:
    """Mix-in for what a deployment has one of, which is named like it."""

    scope: Scope

    @property
    def name(self) -> str:
        """The name of the endpoint, the API and the function."""
        return self.scope.names.endpoint


def has(found: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    """Whether all that is desired is found so; what AWS adds to it does not count."""
    return all(found.get(key) == value for key, value in desired.items())
