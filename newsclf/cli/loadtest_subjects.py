"""What `newsclf loadtest` measures: a deployment, a URL, or instances that it brings up itself."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from newsclf.core.deployment import Deployment
from newsclf.core.errors import ConfigError
from newsclf.core.machine import available_cores
from newsclf.core.model_card import read_card
from newsclf.core.settings import Settings
from newsclf.lifecycle.loadtest import Address, Subject
from newsclf.loadtest.payloads import Form
from newsclf.targets.local.credentials import auth_of
from newsclf.targets.local.target import LocalTarget

_LOCAL = "local:"
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([\x20-\x7e]*)")


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
    if where.header_file is not None or where.owned_host is not None:
        raise ConfigError("--header-file and --i-own-this go with --url")
    target = LocalTarget(where.settings.state_dir)
    if where.instances is not None:
        return [_of_instance(target, where.settings.model, each.strip())
                for each in where.instances.split(",")]  # fmt: skip
    deployment = target.get(where.name)
    return [
        Subject(
            instance="local",
            kind="local",
            identity=f"{deployment.name} ({_what(deployment, direct=where.direct)})",
            model_digest=deployment.model_digest,
            shares_host=True,
            open=_always(_address(deployment, direct=where.direct)),
        )
    ]


def _of_url(where: Where, url: str) -> Subject:
    import httpx

    try:
        parts = urlsplit(url)
        _ = parts.port  # a wrong one raises
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise ConfigError(f"--url {url}: {error}") from None
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
    headers = _read_headers(where.header_file) if where.header_file else {}
    return Subject(
        instance="url",
        kind="url",
        identity=urlunsplit(parts._replace(query="", fragment="")),  # a key may stand there
        model_digest=None,
        shares_host=_is_loopback(parts.hostname),
        open=_always(Address(url, form, headers)),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_headers(path: Path) -> dict[str, str]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from None
    found = [_HEADER.fullmatch(line.strip()) for line in lines]
    if not all(found):  # the line itself is not quoted: it may hold a key
        number = found.index(None) + 1
        raise ConfigError(f"{path}: line {number} is not of the form `name: value`, in ASCII")
    return {match[1].lower(): match[2] for match in found if match is not None}


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
        name = f"loadtest-{cores}-{os.getpid()}"  # nobody else's
        deployment, _ = target.deploy(name, model, port=0, workers=int(cores), cores=int(cores))
        try:
            yield _address(deployment, direct=True)
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


def _address(deployment: Deployment, *, direct: bool) -> Address:
    if deployment.api is None or direct:
        return Address(f"{deployment.server.url}/invocations", "endpoint")
    return Address(f"{deployment.api.url}/classify", "api", auth=auth_of(deployment))


def _always(address: Address) -> Callable[[], AbstractContextManager[Address]]:
    return lambda: nullcontext(address)
