"""Deploy a model on AWS, look after it, and take it away again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from newsclf.core.deployment import AwsDeployment, Deployments
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.names import Names

Say = Callable[[str], None]
"""Is told what happens, a line at a time."""


class AwsTarget:
    """Deployments in one account and region, recorded in a state directory."""

    def __init__(self, state_dir: Path, clients: Clients, *, say: Say = lambda _: None) -> None:
        self._deployments = Deployments(state_dir)
        self._clients = clients
        self._say = say

    def names_of(self, name: str) -> Names:
        """The names of a deployment's resources."""
        return Names(name, self._clients.account, self._clients.region)

    def get(self, name: str) -> AwsDeployment:
        """A deployment; StateError if none of this name is recorded."""
        return self._deployments.get_of(AwsDeployment, name)
