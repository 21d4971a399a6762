"""What `newsclf loadtest` measures: a deployment, a URL, or instances that it brings up itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from newsclf.cli.addresses import address_of, read_headers
from newsclf.core.contract import Form
from newsclf.core.deployment import AwsDeployment, Deployment, Deployments
from newsclf.core.errors import ConfigError
from newsclf.core.machine import available_cores
from newsclf.core.model_card import read_card
from newsclf.core.settings import Settings
from newsclf.lifecycle.loadtest import Kind, ReadFigures, Subject
from newsclf.targets.client import Address
from newsclf.targets.local.target import LocalTarget

_LOCAL = "local:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What the user named."""

    settings: Settings
    name: str
    direct: bool
    url: str | None
    header_file: Path | None
    owned_host: str | None
    instances: str | None


def find_subjects(where: Where) -> list[Subject]:
    """What to measure.

    Raises:
        ConfigError: the options contradict each other, or a host is not known to be the user's.
        StateError: there is no such deployment.
    """
    if where.url is not None:
        if where.instances is not None or where.direct:
            raise ConfigError("--url is measured as it is, without --instances or --direct")
        return [_of_url(where, where.url)]
    if where.owned_host is not None:
        raise ConfigError("--i-own-this goes with --url")
    if where.instances is not None:
        if where.header_file is not None:
            raise ConfigError("--header-file goes with a deployment's API or with --url")
        target = LocalTarget(where.settings.state_dir)
        return [_of_instance(target, where.settings.model, each.strip())
                for each in where.instances.split(",")]  # fmt: skip
    return [_of_deployment(where, Deployments(where.settings.state_dir).get(where.name))]


def _of_deployment(where: Where, deployment: Deployment) -> Subject:
    instance = "local"
    kind: Kind = "local"
    if isinstance(deployment, AwsDeployment):
        instance = deployment.spec.instance or "serverless"
        kind = "sagemaker" if deployment.api is None or where.direct else "api-gateway"
    address = address_of(deployment, direct=where.direct, header_file=where.header_file)
    return Subject(
        instance=instance,
        kind=kind,
        identity=f"{deployment.name} ({_what(deployment, direct=where.direct)})",
        model_digest=deployment.model_digest,
        shares_host=kind == "local",
        open=_always(address),
        figures=_metrics(deployment) if isinstance(deployment, AwsDeployment) else None,
    )


def _metrics(deployment: AwsDeployment) -> ReadFigures:
    from newsclf.targets.aws.clients import Clients
    from newsclf.targets.aws.metrics import EndpointMetrics
    from newsclf.targets.aws.names import Names

    clients = Clients(deployment.region, deployment.profile)
    names = Names(deployment.name, deployment.account, deployment.region)
    return EndpointMetrics(clients, names.endpoint, names.variant).read


def _of_url(where: Where, url: str) -> Subject:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"--url {url}: expected http://host/path or https://host/path")
    if parts.username is not None:
        raise ConfigError(
            "--url must not hold a password: it is written into the report",
            hint="put the header into a file and name it with --header-file",
        )
    if not _is_loopback(parts.hostname) and where.owned_host != parts.hostname:
        raise ConfigError(
            f"{parts.hostname} is neither this machine nor a deployment of yours",
            hint=f"if you may put load on it: --i-own-this {parts.hostname}",
        )
    form: Form = "endpoint" if parts.path.endswith("/invocations") else "api"
    headers = read_headers(where.header_file) if where.header_file else {}
    return Subject(
        instance="url",
        kind="url",
        identity=url,
        model_digest=None,
        shares_host=_is_loopback(parts.hostname),
        open=_always(Address(url, form, headers)),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _of_instance(target: LocalTarget, model: Path, instance: str) -> Subject:
    cores = instance.removeprefix(_LOCAL)
    if not instance.startswith(_LOCAL) or not cores.isdigit() or int(cores) < 1:
        raise ConfigError(
            f"--instances {instance}: there is no such instance",
            hint="local:1 is one core of this machine, local:2 two",
        )
    if int(cores) > available_cores():
        raise ConfigError(f"--instances {instance}: this machine has {available_cores()} cores")
    _, card = read_card(model)

    @contextmanager
    def brought_up() -> Iterator[Address]:
        name = f"loadtest-{cores}"
        deployment, _ = target.deploy(name, model, port=0, workers=int(cores), cores=int(cores))
        try:
            yield address_of(deployment, direct=True)
        finally:
            target.teardown(name)

    return Subject(
        instance=instance,
        kind="local",
        identity=instance,
        model_digest=card.digest,
        shares_host=True,
        open=brought_up,
    )


def _what(deployment: Deployment, *, direct: bool) -> str:
    return "endpoint" if deployment.api is None or direct else f"API, {deployment.api.auth}"


def _always(address: Address) -> Callable[[], AbstractContextManager[Address]]:
    return lambda: nullcontext(address)
