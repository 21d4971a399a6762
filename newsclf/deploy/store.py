"""The records of deployments in a state directory: one JSON document each."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from newsclf.common.errors import ConfigError, StateError, reason_of
from newsclf.common.files import PRIVATE, write_private
from newsclf.common.records import find_record
from newsclf.common.state_dir import StateDir, unusable, writing
from newsclf.common.suggestions import did_you_mean
from newsclf.common.validation import first_problem
from newsclf.deploy.records import AwsDeployment, Deployment, LocalDeployment

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_DEPLOYMENT: TypeAdapter[Deployment] = TypeAdapter(
    Annotated[Deployment, Field(discriminator="target")]
)
_Kind = TypeVar("_Kind", LocalDeployment, AwsDeployment)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything that a state directory records."""

    local: list[LocalDeployment] = field(default_factory=list)
    aws: list[AwsDeployment] = field(default_factory=list)
    damaged: dict[str, StateError] = field(default_factory=dict)
    """Names whose record cannot be used, with what is wrong."""


def is_deployment_name(text: str) -> bool:
    """Whether this is a valid deployment name."""
    return _NAME.fullmatch(text) is not None


def check_deployment_name(text: str) -> None:
    """Raise ConfigError for an invalid deployment name."""
    if not is_deployment_name(text):
        raise ConfigError(
            f"'{text}' is not a valid deployment name",
            hint="use up to 40 lower-case letters, digits and hyphens",
        )


def temporary_name(begin: str) -> str:
    """A name for what is removed soon; no other command has it, be it elsewhere in the account."""
    return f"{begin}-{secrets.token_hex(4)}"


class Deployments:
    """The deployments of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.files = StateDir(state_dir)

    def path(self, name: str) -> Path:
        """The file of a deployment; ConfigError if the name is not one."""
        check_deployment_name(name)
        return self.files.record(name)

    def folder(self, name: str) -> Path:
        """The folder of a deployment's logs and credential."""
        self.path(name)
        return self.files.run_folder(name)

    def names(self) -> list[str]:
        """All names of which there is a record, readable or not, sorted.

        Raises:
            StateError: the state directory can't be trusted, or not read.
        """
        return sorted(stem for stem in self._stems() if _NAME.fullmatch(stem))

    def strays(self) -> list[Path]:
        """Files among the records whose names are not valid deployment names."""
        return [
            self.files.record(stem) for stem in sorted(self._stems()) if not _NAME.fullmatch(stem)
        ]

    def load(self, only: str | None = None) -> Recorded:
        """All deployments by name, or the one that is named, if it is recorded.

        Raises:
            StateError: The state directory can't be trusted, or not read.
        """
        found = Recorded()
        for name in [only] if only is not None else self.names():
            try:
                deployment = self.find(name)
            except StateError as error:
                found.damaged[name] = error
                continue
            if isinstance(deployment, LocalDeployment):
                found.local.append(deployment)
            elif deployment is not None:
                found.aws.append(deployment)
        return found

    def find(self, name: str) -> Deployment | None:
        """A deployment, or None.

        Raises:
            StateError: its files can't be trusted, its record can't be read, or is of another
                version.
        """
        path = self.path(name)
        self.files.check()
        self.files.check_files(name)
        return find_record(
            path,
            partial(_parse, folder=self.folder(name)),
            error=StateError,
            hint=f"use the version that wrote it; or: rm {path};"
            f" newsclf teardown --deployment {name}, with --region if it is on AWS",
        )

    def get(self, name: str) -> Deployment:
        """Record of a deployment; StateError if the name is not recorded."""
        found = self.find(name)
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: str) -> StateError:
        """The error for a name that is not recorded, with the closest one that is."""
        names = self.names()
        if not names:
            return StateError(
                f"there is no deployment '{name}', nor any other", hint="newsclf deploy"
            )
        return StateError(
            f"there is no deployment '{name}'; there are: {', '.join(names)}",
            hint=did_you_mean(name, names) or "newsclf status shows them",
        )

    def find_of(self, kind: type[_Kind], name: str) -> _Kind | None:
        """A deployment on this target, or None.

        Raises:
            StateError: there is one of this name on another target, or its file can't be read.
        """
        found = self.find(name)
        if found is None or isinstance(found, kind):
            return found
        raise StateError(
            f"'{name}' is deployed on the target {found.target}",
            hint=f"newsclf teardown --deployment {name}, or take another name",
        )

    def get_of(self, kind: type[_Kind], name: str) -> _Kind:
        """Record of a deployment on this target; StateError if the name is not recorded on it."""
        found = self.find_of(kind, name)
        if found is None:
            raise self.unknown(name)
        return found

    def save(self, deployment: Deployment) -> None:
        """Write a deployment, whole; StateError if it can't be written."""
        path = self.path(deployment.name)
        self.files.create("deployments")
        with writing(path):
            write_private(path, deployment.model_dump_json(indent=2) + "\n")

    def remove(self, name: str) -> list[Path]:
        """Forget a deployment, and remove its files.

        Returns:
            What newsclf did not write and leaves where it is.

        Raises:
            StateError: a file can't be removed.
        """
        left = self.files.remove_run_folder(name)
        self.files.remove_record(name)
        return left

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Lock a deployment.

        Raises:
            StateError: another command holds it, or the state directory can't be written.
        """
        from filelock import FileLock, Timeout

        self.path(name)
        self.files.create("deployments")
        self.files.check_files(name)
        path = self.files.lock(name)
        lock = FileLock(path, timeout=0, mode=PRIVATE)
        try:
            lock.acquire()
        except Timeout:
            raise StateError(
                f"another command is working on '{name}'", hint="wait until it is done"
            ) from None
        except OSError as error:
            raise unusable(path, error) from None
        try:
            yield
        finally:
            if not self.files.record(name).exists():
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            lock.release()

    def _stems(self) -> list[str]:
        self.files.check()
        with writing(self.files.deployments):
            return [path.stem for path in self.files.deployments.glob("*.json")]


def _parse(record: bytes, folder: Path) -> Deployment:
    """The deployment of a record, whose folder is named like it; ValueError if it is unusable."""
    try:
        found = _DEPLOYMENT.validate_python(from_json(record) | {"folder": folder})
    except (TypeError, ValueError) as error:
        said = first_problem(error) if isinstance(error, ValidationError) else reason_of(error)
        raise ValueError(f"not a record of a deployment of this version ({said})") from error
    if found.name != folder.name:
        raise ValueError(f"it is the record of {found.name!r}")
    return found
