"""What is deployed: one JSON document for each deployment, written before and after each step."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.state_dir import GATEWAY_LOG, KEY_FILE, SERVER_LOG

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


Deployment = LocalDeployment | AwsDeployment
