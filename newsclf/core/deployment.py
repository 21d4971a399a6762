"""What is deployed: one JSON document for each deployment, written before and after each step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from newsclf.core.account_rules import NO_RULES, AccountRules
from newsclf.core.errors import ConfigError, StateError, reason_of
from newsclf.core.files import PRIVATE, read_regular, write_private
from newsclf.core.findings import first_finding
from newsclf.core.meant import closest
from newsclf.core.state_dir import GATEWAY_LOG, KEY_FILE, SERVER_LOG, StateDir, unusable, writing

Auth = Literal["api-key", "iam", "none"]
"""What an API asks for: a key in a header, a signature of each request (SigV4), or nothing."""
AwsAuth = Literal["iam", "jwt", "api-key", "none"]
"""The same on AWS, where a JWT of an issuer may be asked for too."""

_MAX_RECORD_BYTES = 10_000_000
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Process(_Document):
    """A background process of the local target that listens on a port."""

    status: Literal["creating", "ready"]
    port: Annotated[int, Field(ge=1, le=65535)]
    pid: Annotated[int, Field(gt=1, lt=2**31)] | None = None
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
    runtimes: int | None = None
    """Requests that are handled at the same time. This and the next two: None in older records."""
    rate_per_s: float | None = None
    """Requests per second in the long run."""
    burst: int | None = None
    """Requests at once."""


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


class _Recorded(_Document):
    """What the records of all targets hold."""

    schema_version: Literal[1] = 1
    name: str
    created: Annotated[str, AfterValidator(_moment)]
    """UTC, ISO 8601."""
    model: Path
    model_digest: str
    folder: Annotated[Path, Field(exclude=True)]
    """Where its logs and its API's credential are. It follows from the state directory and the name
    and is not recorded: a record may have come from elsewhere."""

    @property
    def key_file(self) -> Path:
        """The credential of the API, readable by the user alone."""
        return self.folder / KEY_FILE


class LocalDeployment(_Recorded):
    """A deployment on this machine and everything that it consists of."""

    target: Literal["local"]
    server: Process
    workers: int | None = None
    """Processes of the model server; None in older records."""
    api: Api | None = None

    @property
    def server_log(self) -> Path:
        """What the model server says."""
        return self.folder / SERVER_LOG

    @property
    def gateway_log(self) -> Path:
        """What the gateway and the Lambda runtimes say."""
        return self.folder / GATEWAY_LOG


class Serverless(_Document):
    """SageMaker's serverless inference: billed per use, and free while idle."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 3072
    """As much as the quota of a new account allows."""
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 5
    """Half of what a new account has for all its serverless endpoints."""


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
    rules: AccountRules = NO_RULES
    """What the account demands of all that is made."""


class AwsStep(_Document):
    """One resource in the journal of a deployment on AWS."""

    kind: str
    name: str
    status: Literal["creating", "ready", "deleting"]
    ids: dict[str, str] = {}
    """What only AWS knows, such as an API's id."""


class AwsApi(_Document):
    """The HTTP API in front of an endpoint."""

    url: str
    auth: AwsAuth
    rules: AccountRules | None = None
    """What the account demands of all that is made; None: see the deployment's."""


class AwsDeployment(_Recorded):
    """A deployment on AWS; what it consists of is told by its name, so this may even get lost."""

    target: Literal["aws"]
    region: str
    profile: str | None = None
    """Of ~/.aws; None: what the environment says. Never a credential."""
    account: str
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


def check_deployment_name(text: str) -> None:
    """Refuse with a ConfigError what no deployment can be called."""
    if not is_deployment_name(text):
        raise ConfigError(
            f"'{text}' is not a valid deployment name",
            hint="use up to 40 lower-case letters, digits and hyphens",
        )


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
        """Files among the records that are called as no deployment can be."""
        return [
            self.files.record(stem) for stem in sorted(self._stems()) if not _NAME.fullmatch(stem)
        ]

    def load(self) -> tuple[list[Deployment], dict[str, StateError]]:
        """All deployments by name, and the names whose record can't be used, with what is wrong.

        Raises:
            StateError: the state directory can't be trusted, or not read.
        """
        found: list[Deployment] = []
        damaged: dict[str, StateError] = {}
        for name in self.names():
            try:
                deployment = self.find(name)
            except StateError as error:
                damaged[name] = error
            else:
                found += [deployment] if deployment is not None else []
        return found, damaged

    def find(self, name: str) -> Deployment | None:
        """A deployment, or None.

        Raises:
            StateError: its files can't be trusted, its record can't be read, or is of another
                version.
        """
        path = self.path(name)
        self.files.check()
        self.files.check_files(name)
        try:
            return _parse(read_regular(path, at_most_bytes=_MAX_RECORD_BYTES), self.folder(name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"{path}: {reason_of(error)}", hint="name another state directory with --state-dir"
            ) from error
        except ValueError as error:
            raise StateError(
                f"{path}: not a deployment of this version of newsclf ({_first_line(error)})",
                hint=f"use the version that wrote it; or: rm {path}; newsclf teardown {name}",
            ) from error

    def get(self, name: str) -> Deployment:
        """A deployment; StateError if there is none of this name."""
        found = self.find(name)
        if found is None:
            raise self.unknown(name)
        return found

    def unknown(self, name: str) -> StateError:
        """The error for a name that is not recorded, with the one that may be meant."""
        names = self.names()
        if not names:
            return StateError(
                f"there is no deployment '{name}', nor any other", hint="newsclf deploy"
            )
        close = closest(name, names)
        return StateError(
            f"there is no deployment '{name}'; there are: {', '.join(names)}",
            hint=f"did you mean {close}?" if close else "newsclf status shows them",
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
        """Hold a deployment for oneself.

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
                f"another command is at work on '{name}'", hint="wait until it is done"
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
    """The deployment of a record, whose folder is named like it; ValueError if it is none."""
    document = from_json(record)
    _Versioned.model_validate(document)  # another version may not even have a target
    found = _DEPLOYMENT.validate_python(document | {"folder": folder})
    if found.name != folder.name:
        raise ValueError(f"it is the record of {found.name!r}")
    return found


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return first_finding(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).splitlines()[0]
