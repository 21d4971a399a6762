"""One deployment's access to AWS: the clients that call it and the names of its resources."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.errors import StateError
from newsclf.deploy.aws.call.clients import Clients
from newsclf.deploy.aws.call.clock import Clock
from newsclf.deploy.aws.call.names import Names
from newsclf.deploy.records import AwsDeployment

_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Clients and names of one deployment, and what was looked up with them."""

    clients: Clients
    names: Names
    _known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def named(cls, clients: Clients, deployment: str, rules: AccountRules = NO_RULES) -> Self:
        """The scope of a deployment of this name in the clients' account and region."""
        return cls(clients, Names(deployment, clients.account, clients.region, rules))

    @classmethod
    def of(cls, clients: Clients, deployment: AwsDeployment) -> Self:
        """The scope of a recorded deployment, in the account in which it was recorded."""
        names = Names(deployment.name, deployment.account, deployment.region, deployment.spec.rules)
        return cls(clients, names)

    def check_account(self) -> None:
        """Raise StateError if the credentials belong to another account than the deployment."""
        if self.names.account != self.clients.account:
            raise StateError(
                f"'{self.names.deployment}' is in the account {self.names.account}, but these"
                f" credentials belong to {self.clients.account}",
                hint="set AWS_PROFILE to the profile of that account",
            )

    @property
    def clock(self) -> Clock:
        """The clock to wait by."""
        return self.clients.clock

    @property
    def tag_list(self) -> list[dict[str, str]]:
        """The tags of everything that is made, as most services take them."""
        return [{"Key": key, "Value": value} for key, value in self.names.tags.items()]

    def remembered(self, key: Hashable, look_up: Callable[[], _Found]) -> _Found:
        """The result of a look-up, made once until the key is forgotten."""
        if key not in self._known:
            self._known[key] = look_up()
        found: _Found = self._known[key]
        return found

    def remember(self, key: Hashable, found: object) -> None:
        """Take this as the result of the next look-ups of the key."""
        self._known[key] = found

    def forget(self, key: Hashable) -> None:
        """Look the key up again the next time."""
        self._known.pop(key, None)

    def forget_all(self) -> None:
        """Look everything up again, as at the beginning of a walk."""
        self._known.clear()
