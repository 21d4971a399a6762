"""Records of deployments: the specification, and everything that was made for it."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from newsclf.common.account_rules import NO_RULES, AccountRules
from newsclf.common.records import LenientRecord, StrictRecord
from newsclf.common.state_dir import GATEWAY_LOG, KEY_FILE, SERVER_LOG
from newsclf.deploy.auth import Auth, AwsAuth

_LEAST_TTL_S = 15 * 60


class Process(LenientRecord):
    """A background process of the local target that listens on a port."""

    status: Literal["creating", "ready"]
    port: Annotated[int, Field(ge=1, le=65535)]
    pid: Annotated[int, Field(gt=1, lt=2**31)] | None = None
    """None until the process is started."""
    boot_id: str | None = None
    """Linux's id of the boot of the machine during which the process began."""
    start_ticks: int | None = None
    """When the process began, in clock ticks since that boot; together with the pid and the boot it
    identifies one process for ever, which a pid alone does not. None where the system does not
    tell."""

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"


class Api(Process):
    """The gateway in front of a local deployment, with its Lambda runtimes."""

    auth: Auth
    cors_origins: tuple[str, ...] = ()
    """Origins of the web pages that may call it; none: CORS is off."""
    runtimes: int
    """Requests that are handled at the same time."""
    rate_per_s: float
    """Sustained requests per second."""
    burst: int
    """Requests at once."""
    page: bool = True
    """Whether a page to try headlines on is wanted."""

    @property
    def shows_page(self) -> bool:
        """Whether it serves the page, which can't sign requests."""
        return self.page and self.auth != "iam"


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _moment_or_none(text: str | None) -> str | None:
    return text and _moment(text)


class _Recorded(LenientRecord):
    """Fields that the records of both targets have."""

    schema_version: Literal[1] = 1
    name: str
    created: Annotated[str, AfterValidator(_moment)]
    """UTC, ISO 8601."""
    model: Path
    model_digest: str
    paused_since: Annotated[str | None, AfterValidator(_moment_or_none)] = None
    """UTC, ISO 8601; None: it is meant to answer."""
    folder: Annotated[Path, Field(exclude=True)]
    """Folder of its logs and of its API's credential. It follows from the state directory and the
    name and is not recorded: a record may have come from elsewhere."""

    @property
    def key_file(self) -> Path:
        """File with the credential of the API, readable by the user alone."""
        return self.folder / KEY_FILE


class LocalDeployment(_Recorded):
    """A deployment on this machine and everything that it consists of."""

    target: Literal["local"]
    server: Process
    workers: int
    """Worker processes of the model server."""
    api: Api | None = None

    @property
    def server_log(self) -> Path:
        """Log of the model server."""
        return self.folder / SERVER_LOG

    @property
    def gateway_log(self) -> Path:
        """Log of the gateway and the Lambda runtimes."""
        return self.folder / GATEWAY_LOG


class Serverless(LenientRecord):
    """SageMaker's serverless inference: billed per use, and free while idle."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 3072
    """The default is what the quota of a new account allows."""
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = 5
    """The default is half of what a new account has for all its serverless endpoints."""


class Vpc(LenientRecord):
    """The network that the containers are attached to."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]

    @field_validator("subnets")
    @classmethod
    def _two_subnets(cls, subnets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(subnets)) < 2:  # noqa: PLR2004 - SageMaker's guide on endpoints in a VPC
            raise ValueError("two subnets at least, in different availability zones")
        return subnets


def _vpc(value: object) -> object:
    """Read a network that is written as `subnet-1,subnet-2:sg-1`."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"subnet-\w+(,subnet-\w+)*:sg-\w+(,sg-\w+)*", value):
        raise ValueError("expected subnet-1,subnet-2:sg-1")
    subnets, groups = value.split(":")
    return {"subnets": subnets.split(","), "security_groups": groups.split(",")}


def _min_instances(fields: dict[str, Any]) -> int:
    least: int = fields.get("min_instances", 1)
    return least


class AwsSpec(LenientRecord):
    """The specification of a deployment on AWS, apart from the model."""

    image: str
    """URI of the container image."""
    instance: str | None = None
    """`ml.c5.xlarge`, or None with `serverless`."""
    serverless: Serverless | None = None
    min_instances: Annotated[int, Field(ge=1)] = 1
    max_instances: int = Field(default_factory=_min_instances)
    """Autoscaling is on if this is more than `min_instances`."""
    vpc: Annotated[Vpc | None, BeforeValidator(_vpc)] = None
    kms_key: str | None = None
    """ARN or id of the key that encrypts the volumes and the archive; None: AWS's own."""
    ttl_s: int | None = None
    """Seconds from the deployment to the moment at which AWS deletes the endpoint."""
    budget_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Monthly cost of SageMaker at which an alert is sent."""
    budget_email: Annotated[str | None, Field(validate_default=True)] = None
    """Recipient of the alert."""
    usd_per_hour: float | None = None
    """Price of one instance when it was deployed; None: billed by use."""
    rules: AccountRules = NO_RULES
    """What the account demands of everything that is created."""

    @property
    def scales(self) -> bool:
        """Whether the number of instances follows the load."""
        return self.max_instances > self.min_instances

    @field_validator("serverless")
    @classmethod
    def _no_instance(cls, found: Serverless | None, info: ValidationInfo) -> Serverless | None:
        if found is not None and info.data.get("instance") is not None:
            raise ValueError("an endpoint has an instance or is serverless, not both")
        return found

    @field_validator("min_instances", "max_instances", "vpc")
    @classmethod
    def _instances_only(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("serverless") is not None and value not in (1, None):
            raise ValueError("not for a serverless endpoint")
        return value

    @field_validator("max_instances")
    @classmethod
    def _scalable(cls, most: int, info: ValidationInfo) -> int:
        least, instance = info.data.get("min_instances", 1), info.data.get("instance") or ""
        if most < least:
            raise ValueError(f"less than the minimum, {least}")
        if most > least and instance.startswith("ml.t2."):
            raise ValueError(f"{instance} cannot be scaled: it is a burstable instance")
        return most

    @field_validator("ttl_s")
    @classmethod
    def _long_enough(cls, ttl_s: int | None) -> int | None:
        if ttl_s is not None and ttl_s < _LEAST_TTL_S:
            raise ValueError(
                f"{_LEAST_TTL_S // 60}m is the minimum, since AWS deletes no endpoint while it is"
                " created; name the unit, such as 90m, 2h or 3d"
            )
        return ttl_s

    @field_validator("budget_email")
    @classmethod
    def _recipient(cls, email: str | None, info: ValidationInfo) -> str | None:
        if (email is None) != (info.data.get("budget_usd") is None):
            raise ValueError("a budget and the address for its alert go together")
        if email is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            raise ValueError("not an address such as you@example.com")
        return email


class AwsStep(LenientRecord):
    """One resource in the journal of a deployment on AWS."""

    kind: str
    name: str
    status: Literal["creating", "ready", "deleting"]
    ids: dict[str, str] = {}
    """Ids that AWS gave it, such as an API's id."""


class Jwt(LenientRecord):
    """The tokens that an API accepts."""

    issuer: str
    """Base address of the issuer (iss), which publishes its keys there."""
    audience: Annotated[tuple[str, ...], Field(min_length=1)]
    """Accepted audiences (aud)."""

    @field_validator("issuer")
    @classmethod
    def _https(cls, issuer: str) -> str:
        if not issuer.startswith("https://"):
            raise ValueError("expected an address that begins with https://")
        return issuer


def _origin(text: str) -> str:
    # As browsers send it: in lower case, without a path.
    if text != "*" and not re.fullmatch(r"https?://[^\s/?#@A-Z]+", text):
        raise ValueError("expected https://host, * for every page, or none")
    return text


Origins = tuple[Annotated[str, AfterValidator(_origin)], ...]


class ApiRequest(StrictRecord):
    """Desired state of an API; what is None stays as it is, or takes its default."""

    auth: AwsAuth | None = None
    rate_per_s: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] | None = None
    """Sustained requests per second."""
    burst: Annotated[int, Field(ge=1)] | None = None
    """Requests at once."""
    runtimes: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Requests that are handled at the same time; on AWS, reserved Lambda concurrency."""
    cors_origins: Origins | None = None
    """Origins of the web pages that may call it; empty: CORS is off."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """On this machine: the port of the gateway; 0 takes a free one."""
    page: bool | None = None
    """On this machine: whether it serves a page to try headlines on."""
    jwt: Jwt | None = None
    """On AWS, with `jwt`: the tokens that are accepted."""
    unreserved: bool = False
    """On AWS: no reserved Lambda concurrency; the API shares what the account has."""
    rules: AccountRules = NO_RULES
    """On AWS: what the account demands of everything that is created."""

    @field_validator("jwt")
    @classmethod
    def _with_jwt(cls, found: Jwt | None, info: ValidationInfo) -> Jwt | None:
        if found is not None and info.data.get("auth") not in ("jwt", None):
            raise ValueError("only with the authentication jwt")
        return found

    @field_validator("unreserved")
    @classmethod
    def _reserves(cls, unreserved: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        if unreserved and info.data.get("runtimes") is not None:
            raise ValueError("reserves nothing, so there is nothing for a number of runtimes")
        return unreserved


class AwsApiSettings(LenientRecord):
    """Settings of an API on AWS, with the defaults of a new one."""

    rate_per_s: float = 500.0
    burst: int = 500
    cors_origins: tuple[str, ...] = ()
    reserved_concurrency: int | None = 50
    """Requests that the function may handle at once; None: what the account has left."""
    jwt: Jwt | None = None
    """With `jwt`: the tokens that are accepted."""


class AwsApi(LenientRecord):
    """The HTTP API in front of an endpoint."""

    url: str
    auth: AwsAuth
    settings: AwsApiSettings | None = None
    """None in older records."""
    rules: AccountRules | None = None
    """What the account demands of everything that is created; None: see the deployment's."""


class AwsDeployment(_Recorded):
    """A deployment on AWS; its resources are named after it, so this record may even get lost."""

    target: Literal["aws"]
    region: str
    profile: str | None = None
    """Profile in ~/.aws; None: the environment decides. Never a credential."""
    account: str
    spec: AwsSpec
    journal: tuple[AwsStep, ...] = ()
    """Every resource whose creation was begun, in that order."""
    paused_config: str | None = None
    """While it is paused: the endpoint configuration from which the endpoint is made again."""
    api: AwsApi | None = None


Deployment = LocalDeployment | AwsDeployment
