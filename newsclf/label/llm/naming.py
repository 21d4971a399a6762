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
from newsclf.common.urls import without_secrets
from newsclf.label.llm.model import Model
from newsclf.label.llm.openai import OPENAI_URL, OpenAiModel, key_of

_BEDROCK = "bedrock:"
_AT = re.compile(r"(?P<model>[^@\s]\S*?)@(?P<url>https?://\S+)")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where a key is, and which server it is for."""

    variable: str | None = None
    file: Path | None = None
    server: str | None = None
    """Its host, with the port if the address has one, or a model on it; None: the only server."""


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
    hosts_by_model: dict[str, set[str]] = {}
    for name, (model, _) in addresses.items():
        hosts_by_model.setdefault(model, set()).add(hosts[name])
    key_by_host = _keys(keys, hosts_by_model, environ)
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
            f"--llm {without_secrets(name)}: not the name of a model",
            hint="write MODEL, MODEL@https://HOST/v1 or bedrock:MODEL",
        )
    return name, OPENAI_URL


def _host(url: str) -> str:
    try:
        return httpx.URL(url).netloc.decode("ascii")
    except httpx.InvalidURL:
        return ""  # the client says what is wrong with it


def _keys(
    keys: Sequence[KeySource], hosts_by_model: Mapping[str, set[str]], environ: Mapping[str, str]
) -> dict[str, str]:
    """Host → key."""
    hosts = sorted(set[str]().union(*hosts_by_model.values()))
    found: dict[str, str] = {}
    for source in keys:
        host = _host_of(source, hosts, hosts_by_model)
        if host in found:
            raise ConfigError(f"{host} has several keys", hint="name one for each server")
        key = key_of(environ, variable=source.variable, file=source.file)
        if key is not None:
            found[host] = key
    openai = _host(OPENAI_URL)
    if openai in hosts and openai not in found:
        key = key_of(environ)
        if key is not None:
            found[openai] = key
    return found


def _host_of(
    source: KeySource, hosts: Sequence[str], hosts_by_model: Mapping[str, set[str]]
) -> str:
    """The host that a key is for."""
    if source.server is None:
        if len(hosts) == 1:
            return hosts[0]
        raise ConfigError(
            f"a key for {len(hosts)} servers ({', '.join(hosts) or 'none'}): each has its own",
            hint="write HOST=VARIABLE or HOST=FILE",
        )
    if source.server in hosts:
        return source.server
    of_model = sorted(hosts_by_model.get(source.server, ()))
    if len(of_model) == 1:
        return of_model[0]
    if of_model:
        raise ConfigError(
            f"a key for {source.server}, which {' and '.join(of_model)} have",
            hint="write HOST=VARIABLE or HOST=FILE",
        )
    raise ConfigError(
        f"a key for {source.server}, which no --llm names",
        hint=f"write one of {', '.join(hosts)}" if hosts else "Bedrock takes credentials of AWS",
    )


def _bedrock(model: str, connecting: Connecting) -> Model:
    require_extra("boto3", extra="aws", purpose="asking a model on Bedrock")
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
