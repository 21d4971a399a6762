"""What `newsclf loadtest` measures: a deployment, a URL, or instances that it brings up itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from newsclf.common.errors import ConfigError
from newsclf.common.settings import Settings
from newsclf.common.urls import is_loopback, without_secrets
from newsclf.contract.requests import WireFormat
from newsclf.costs.prices import PriceBook
from newsclf.deploy.client import Address
from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import Deployment
from newsclf.deploy.store import Deployments
from newsclf.deploy.target import aws_target, read_headers, target_of
from newsclf.loadtest.run import Subject

if TYPE_CHECKING:
    import httpx

    from newsclf.cli.measure.loadtest_instances import OnAws


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """What the user named."""

    settings: Settings
    name: str
    direct: bool
    url: str | None
    header_file: Path | None
    owned_host: str | None
    sign: str | None
    """AWS service whose signature --url asks for."""
    instances: str | None
    archive: Path | None
    region: str | None
    profile: str | None
    prices: PriceBook


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
    if where.owned_host is not None or where.sign is not None:
        raise ConfigError("--i-own-this and --sign go with --url")
    if where.instances is not None:
        if where.header_file is not None:
            raise ConfigError("--header-file goes with a deployment's API or with --url")
        return _of_instances(where)
    return [_of_deployment(where, Deployments(where.settings.state_dir).get(where.name))]


def _of_deployment(where: Where, deployment: Deployment) -> Subject:
    target = target_of(deployment, where.settings.state_dir)
    address = target.address(
        deployment, direct=where.direct, headers=read_headers(where.header_file)
    )
    hosting = target.hosting(deployment, direct=where.direct)
    return Subject(
        instance=hosting.instance,
        kind=hosting.kind,
        identity=f"{deployment.name} ({_what(deployment, direct=where.direct)})",
        model_digest=deployment.model_digest,
        shares_host=hosting.kind == "local",
        open=_always(address),
        figures=hosting.figures,
        region=hosting.region,
        usd_per_hour=hosting.usd_per_hour,
        instance_count=hosting.instance_count,
    )


def _of_url(where: Where, url: str) -> Subject:
    import httpx

    try:
        parts = urlsplit(url)
        _ = parts.port  # a wrong one raises
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"--url {without_secrets(url)}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"--url {without_secrets(url)}: expected http://host/path or https://host/path"
        )
    if parts.username is not None:
        raise ConfigError(
            "--url must not hold a password: it is written into the report",
            hint="put the header into a file and name it with --header-file",
        )
    if not is_loopback(parts.hostname) and where.owned_host != parts.hostname:
        raise ConfigError(
            f"{parts.hostname} is neither this machine nor a deployment of yours",
            hint=f"if you may put load on it: --i-own-this {parts.hostname}",
        )
    form: WireFormat = "endpoint" if parts.path.endswith("/invocations") else "api"
    headers = read_headers(where.header_file)
    auth = _signature(where) if where.sign else None
    return Subject(
        instance="url",
        kind="url",
        identity=without_secrets(url),
        model_digest=None,
        shares_host=is_loopback(parts.hostname),
        open=_always(Address(url, form, headers, auth)),
    )


def _signature(where: Where) -> httpx.Auth:
    from newsclf.common.errors import require_extra

    if where.sign not in ("execute-api", "sagemaker"):
        raise ConfigError(
            f"--sign {where.sign}: choose execute-api for an API, or sagemaker for an endpoint"
        )
    require_extra("boto3", extra="api", purpose="signing for AWS")
    from newsclf.deploy.aws.address import signature_for
    from newsclf.deploy.aws.call.clients import Clients

    return signature_for(Clients(where.region, where.profile), where.sign)


def instances_of(where: Where) -> list[str]:
    """What --instances names."""
    return [each.strip() for each in (where.instances or "").split(",")]


def aws_of(where: Where) -> OnAws | None:
    """What is deployed on the instances, if they are AWS's."""
    from newsclf.cli.measure.loadtest_instances import OnAws, is_on_aws

    if not is_on_aws(instances_of(where)):
        return None
    settings = where.settings
    target = aws_target(settings.state_dir, where.region, where.profile)
    return OnAws(
        target=target,
        model=settings.model,
        archive=where.archive,
        wheels=settings.state_dir / "wheels",
        rules=settings.aws,
        usd_per_hour=lambda each: where.prices.hosting_usd_per_hour(each, target.region),
    )


def _of_instances(where: Where) -> list[Subject]:
    from newsclf.cli.measure.loadtest_instances import aws_instance, local_instance

    wanted = aws_of(where)
    if wanted is not None:
        return [aws_instance(wanted, each) for each in instances_of(where)]
    here, model = LocalTarget(where.settings.state_dir), where.settings.model
    return [local_instance(here, model, each) for each in instances_of(where)]


def _what(deployment: Deployment, *, direct: bool) -> str:
    return "endpoint" if deployment.api is None or direct else f"API, {deployment.api.auth}"


def _always(address: Address) -> Callable[[], AbstractContextManager[Address]]:
    return lambda: nullcontext(address)
