"""Models by name: MODEL of OpenAI, MODEL@URL of any such server, bedrock:MODEL.

A key goes to one server only. OPENAI_API_KEY is OpenAI's, so no other server gets it unless it is
named for that server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from newsclf.common.errors import ConfigError, require_extra
from newsclf.label.llm.model import Model
from newsclf.label.llm.openai import OPENAI_URL, OpenAiModel, key_of

_BEDROCK = "bedrock:"
_AT = re.compile(r"(?P<model>[^@\s]\S*?)@(?P<url>https?://\S+)")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a key is, and which server it is for."""

    variable: str | None = None
    file: Path | None = None
    host: str | None = None
    """With the port, if the address has one; None: the only server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """How models are reached."""

    region: str | None = None
    """Of Bedrock; None: as boto3 finds it."""
    profile: str | None = None
    timeout_s: float = 60.0
    connections: int = 8


def open_models(
    names: Sequence[str],
    keys: Sequence[KeySource],
    environ: Mapping[str, str],
    connecting: Connecting,
) -> list[Model]:
    """Make the clients of models; none is asked yet.

    Raises:
        ConfigError: A name, an address or a key can't be used.
        CredentialsError: There are no usable credentials of AWS.
        MissingExtraError: Bedrock needs boto3.
    """
    addresses = {name: _address(name) for name in names if not name.startswith(_BEDROCK)}
    hosts = {host: _host(url) for host, (_, url) in addresses.items()}
    key_by_host = _keys(keys, sorted(set(hosts.values())), environ)
    models: list[Model] = []
    for name in names:
        if name.startswith(_BEDROCK):
            models.append(_bedrock(name.removeprefix(_BEDROCK), connecting))
        else:
            model, url = addresses[name]
            models.append(
                OpenAiModel(
                    url,
                    model,
                    key=key_by_host.get(hosts[name]),
                    timeout_s=connecting.timeout_s,
                    connections=connecting.connections,
                )
            )
    return models


def _address(name: str) -> tuple[str, str]:
    """A model's name on its server, and the server's address."""
    found = _AT.fullmatch(name)
    if found:
        return found["model"], found["url"]
    if not name or re.search(r"[@\s]|://", name):
        raise ConfigError(
            f"--llm {_without_user(name)}: not the name of a model",
            hint="write MODEL, MODEL@https://HOST/v1 or bedrock:MODEL",
        )
    return name, OPENAI_URL


def _without_user(name: str) -> str:
    return re.sub(r"://[^/]*@", "://", name)


def _host(url: str) -> str:
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL:
        return ""  # the client says what is wrong with it


def _keys(
    keys: Sequence[KeySource], hosts: Sequence[str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Host → key."""
    found: dict[str, str] = {}
    for source in keys:
        if source.host is None and len(hosts) != 1:
            raise ConfigError(
                f"a key for {len(hosts)} servers ({', '.join(hosts) or 'none'}): each has its own",
                hint="write HOST=VARIABLE or HOST=FILE",
            )
        host = source.host or hosts[0]
        if host not in hosts:
            raise ConfigError(
                f"a key for {host}, which no --llm names", hint=f"write one of {', '.join(hosts)}"
            )
        key = key_of(environ, variable=source.variable, file=source.file)
        if key is not None:
            found[host] = key
    openai = _host(OPENAI_URL)
    if openai in hosts and openai not in found:
        key = key_of(environ)
        if key is not None:
            found[openai] = key
    return found


def _bedrock(model: str, connecting: Connecting) -> Model:
    require_extra("boto3", extra="api", purpose="asking a model on Bedrock")
    from newsclf.deploy.aws.call.clients import Clients
    from newsclf.label.llm.bedrock import BedrockModel

    if not model or re.search(r"\s", model):
        raise ConfigError(
            f"--llm bedrock:{model}: not the identifier of a model",
            hint="write bedrock:MODEL, such as bedrock:amazon.nova-lite-v1:0",
        )
    return BedrockModel(
        Clients(connecting.region, connecting.profile),
        model,
        timeout_s=connecting.timeout_s,
        connections=connecting.connections,
    )
