"""Deploy a model on AWS, look after it, and take it away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from newsclf.core.deployment import AwsDeployment, Deployments
from newsclf.targets.aws.api import ApiSpec
from newsclf.targets.aws.clients import Clients
from newsclf.targets.aws.journal import Journal
from newsclf.targets.aws.names import Names
from newsclf.targets.aws.wire_api import key_sha256, wire_api

Say = Callable[[str], None]
"""Is told what happens, a line at a time."""


class AwsTarget:
    """Deployments in one account and region, recorded in a state directory."""

    def __init__(self, state_dir: Path, clients: Clients, *, say: Say = lambda _: None) -> None:
        self._state_dir = state_dir
        self._deployments = Deployments(state_dir)
        self._clients = clients
        self._say = say

    def names_of(self, name: str) -> Names:
        """The names of a deployment's resources."""
        return Names(name, self._clients.account, self._clients.region)

    def get(self, name: str) -> AwsDeployment:
        """A deployment; StateError if none of this name is recorded."""
        return self._deployments.get_of(AwsDeployment, name)

    def wire_api(self, name: str, wanted: ApiSpec) -> AwsDeployment:
        """Create or update the API before a deployment's endpoint; see `wire_api.wire_api`.

        Raises:
            StateError: there is no such deployment, its endpoint is not in service, or another
                command is at work on it.
            TargetError: AWS refused, or the API does not answer as it must.
            ServiceError: AWS can't be reached, is busy, or failed.
        """
        with self._deployments.locked(name):
            journal = Journal(self._deployments, self.get(name))
            key_file = self.key_file(name)
            if wanted.auth == "api-key":
                wanted = replace(wanted, key_sha256=key_sha256(key_file))
            return wire_api(self._clients, journal, wanted, key_file, say=self._say)

    def key_file(self, name: str) -> Path:
        """Where the key of a deployment's API is, if it asks for one."""
        return (self._state_dir / "run" / name / "api.key").resolve()
