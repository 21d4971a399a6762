"""What is deployed: one JSON document for each deployment, written before and after each step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from newsclf.core.errors import ConfigError, StateError
from newsclf.core.files import write_text
from newsclf.core.findings import first_finding

Auth = Literal["api-key", "iam", "none"]
"""What an API asks for: a key in a header, a signature of each request (SigV4), or nothing."""
AwsAuth = Literal["iam", "jwt", "api-key", "none"]
"""The same on AWS, where a JWT of an issuer may be asked for too."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Process(_Document):
    """A background process of the local target that listens on a port."""

    status: Literal["creating", "ready"]
    port: int
    pid: int | None = None
    """None until the process is started."""
    boot_id: str | None = None
    """Of the boot of the machine in which the process began, as Linux names it."""
    start_ticks: int | None = None
    """When the process began, in clock ticks since that boot; together with the pid and the boot it
    names one process for ever, a pid alone does not. None where the system does not tell."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class Api(Process):
    """The gateway before a deployment, with its Lambda runtimes."""

    auth: Auth
    cors_origins: tuple[str, ...] = ()
    """Whose pages may call it from a browser; none: CORS is off."""


class LocalDeployment(_Document):
    """A deployment on this machine and everything that it consists of."""

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


class Serverless(_Document):
    """SageMaker's serverless inference: it bills by use, and nothing while nobody asks."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 4096
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 10


class Vpc(_Document):
    """The network that the containers are attached to."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


class AwsSpec(_Document):
    """What was asked for, apart from the model."""

    image: str
    """URI of the container image."""
    instance: str | None = None
    """`ml.c5.xlarge`, or None with `serverless`."""
    serverless: Serverless | None = None
    min_instances: int = 1
    max_instances: int = 1
    """More than `min_instances`: it scales with the load."""
    vpc: Vpc | None = None
    kms_key: str | None = None
    """ARN or id of the key that encrypts the volumes and the archive; None: AWS's own."""
    ttl_s: int | None = None
    """The endpoint deletes itself so long after the deployment."""
    budget_usd: float | None = None
    """A warning is sent when SageMaker has cost as much in a month."""
    budget_email: str | None = None
    """To whom."""
    usd_per_hour: float | None = None
    """Of one instance when it was deployed; None: it bills by use."""


class AwsStep(_Document):
    """One resource in the journal of a deployment on AWS."""

    kind: str
    name: str
    status: Literal["creating", "ready", "deleting"]
    ids: dict[str, str] = {}
    """What only AWS knows, such as an API's id."""


class AwsApi(_Document):
    """The HTTP API before an endpoint."""

    url: str
    auth: AwsAuth
    key_file: Path | None = None
    """The credential, readable by the user alone; only with `api-key`."""


class AwsDeployment(_Document):
    """A deployment on AWS; what it consists of is told by its name, so this may even get lost."""

    schema_version: Literal[1] = 1
    name: str
    target: Literal["aws"]
    created: str
    """UTC, ISO 8601."""
    region: str
    profile: str | None = None
    """Of ~/.aws; None: what the environment says. Never a credential."""
    account: str
    model: Path
    model_digest: str
    spec: AwsSpec
    journal: tuple[AwsStep, ...] = ()
    """Every resource that was begun, in the order of creation."""
    api: AwsApi | None = None


class _Versioned(_Document):
    schema_version: Literal[1]


Deployment = LocalDeployment | AwsDeployment
_DEPLOYMENT: TypeAdapter[Deployment] = TypeAdapter(
    Annotated[Deployment, Field(discriminator="target")]
)
_Kind = TypeVar("_Kind", LocalDeployment, AwsDeployment)


def is_deployment_name(text: str) -> bool:
    """Whether a deployment can be called so."""
    return _NAME.fullmatch(text) is not None


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
            text = path.read_bytes()
            _Versioned.model_validate_json(text)  # another version may not even have a target
            return _DEPLOYMENT.validate_json(text)
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
            hint=f"newsclf teardown {name}, or take another name",
        )

    def get_of(self, kind: type[_Kind], name: str) -> _Kind:
        """A deployment on this target; StateError if there is none of this name on it."""
        self.get(name)
        found = self.find_of(kind, name)
        if found is None:
            raise AssertionError  # get has found it
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
        return first_finding(error)
    return str(error).splitlines()[0]
