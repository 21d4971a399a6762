"""What is deployed: one JSON document for each deployment, written before and after each step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf.core.errors import ConfigError, StateError
from newsclf.core.model_dir import write_text

Auth = Literal["api-key", "iam", "none"]
"""What an API asks for: a key in a header, a signature of each request (SigV4), or nothing."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Process(_Document):
    """A background process of the local target that listens on a port."""

    status: Literal["creating", "ready"]
    port: int
    pid: int | None = None
    """None until the process is started."""
    process_started: float | None = None
    """When the operating system says that the process began, seconds since the epoch; together
    with the pid it names one process for ever, a pid alone does not."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class Api(Process):
    """The gateway before a deployment, with its Lambda runtimes."""

    auth: Auth


class Deployment(_Document):
    """One deployment and everything that it consists of."""

    schema_version: Literal[1] = 1
    name: str
    target: Literal["local"]
    created: str
    """UTC, ISO 8601."""
    model: Path
    model_digest: str
    folder: Path
    """Where its logs and its API's credential are."""
    server: Process
    api: Api | None = None

    @property
    def server_log(self) -> Path:
        """What the model server says."""
        return self.folder / "server.log"

    @property
    def gateway_log(self) -> Path:
        """What the gateway and the Lambda runtimes say."""
        return self.folder / "gateway.log"

    @property
    def key_file(self) -> Path:
        """The credential of the API, readable by the user alone."""
        return self.folder / "api.key"


class Deployments:
    """The deployments of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "deployments"

    def path(self, name: str) -> Path:
        """The file of a deployment; ConfigError if the name is not one."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"'{name}' is no deployment name",
                hint="use up to 40 lower-case letters, digits and hyphens",
            )
        return self._folder / f"{name}.json"

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def find(self, name: str) -> Deployment | None:
        """A deployment, or None.

        Raises:
            StateError: its file can't be read, or is of another version.
        """
        path = self.path(name)
        try:
            return Deployment.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise StateError(
                f"{path}: not a deployment of this version of newsclf ({_first_line(error)})",
                hint="use the version that wrote it, or stop its processes and remove the file",
            ) from error

    def get(self, name: str) -> Deployment:
        """A deployment; StateError if there is none of this name."""
        found = self.find(name)
        if found is None:
            there = ", ".join(self.names()) or "none"
            raise StateError(
                f"no deployment is called '{name}'; there are: {there}", hint="newsclf deploy"
            )
        return found

    def save(self, deployment: Deployment) -> None:
        """Write a deployment, whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = deployment.model_dump_json(indent=2) + "\n"
        write_text(self.path(deployment.name), text)

    def remove(self, name: str) -> None:
        """Forget a deployment."""
        self.path(name).unlink(missing_ok=True)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a deployment for oneself.

        Raises:
            StateError: another command holds it.
        """
        from filelock import FileLock, Timeout

        self.path(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = self._folder / f".{name}.lock"
        try:
            with FileLock(lock, timeout=0):
                try:
                    yield
                finally:
                    if not self.path(name).exists():
                        lock.unlink(missing_ok=True)
        except Timeout:
            raise StateError(
                f"another command is at work on '{name}'", hint="wait until it is done"
            ) from None


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        problem = error.errors()[0]
        return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
    return str(error).splitlines()[0]
