"""Options that differ from those of what runs: they are refused, and need a teardown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from newsclf.common.errors import StateError
from newsclf.deploy.records import Api, ApiRequest, LocalDeployment

_API_DEFAULTS: Mapping[str, Any] = {
    "auth": "api-key",
    "cors_origins": (),
    "runtimes": 4,
    "rate_per_s": 500.0,
    "burst": 500,
}
_OPTIONS = {
    "auth": "--auth",
    "cors_origins": "--cors",
    "runtimes": "--runtimes",
    "rate_per_s": "--rate",
    "burst": "--burst",
    "port": "--port",
    "workers": "--workers",
}


def api_options(request: ApiRequest, earlier: Api | None) -> dict[str, Any]:
    """The options of an API: what was asked for, else what it has, else the default."""
    return {**_API_DEFAULTS, **_known(earlier), **_known(request)}


def _known(options: Api | ApiRequest | None) -> dict[str, Any]:
    if options is None:
        return {}
    return options.model_dump(include=set(_API_DEFAULTS), exclude_none=True)


def check_deployed(found: LocalDeployment, *, port: int, workers: int | None) -> None:
    """Raise StateError if the server that runs has other options than those that were given."""
    runs = {"port": found.server.port, "workers": found.workers}
    if other := _differing(runs, {"port": port or None, "workers": workers}):
        commands = [_deploy_again(found, other)]
        if found.api is not None:
            commands.append(_wire_again(found.name, found.api, {}))
        raise _different(f"'{found.name}'", found.name, runs, other, commands)


def check_wired(deployment: LocalDeployment, api: Api, request: ApiRequest) -> None:
    """Raise StateError if the API that runs has other options than those that were given."""
    name, runs = deployment.name, api.model_dump()
    if other := _differing(runs, {"port": request.port or None, **_known(request)}):
        commands = [_deploy_again(deployment, {}), _wire_again(name, api, other)]
        raise _different(f"the API of '{name}'", name, runs, other, commands)


def _deploy_again(deployment: LocalDeployment, other: Mapping[str, Any]) -> list[str]:
    options = ({"workers": deployment.workers} if deployment.workers else {}) | dict(other)
    name, model = deployment.name, str(deployment.model)
    return ["newsclf", "deploy", "--deployment", name, "--model", model, *_typed(options)]


def _wire_again(name: str, api: Api, other: Mapping[str, Any]) -> list[str]:
    kept = {**_API_DEFAULTS, **_known(api)}
    options = {key: value for key, value in kept.items() if value != _API_DEFAULTS[key]}
    return ["newsclf", "wire-api", "--deployment", name, *_typed(options | dict(other))]


def _differing(runs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options given that differ from those of what runs; None was not given."""
    return {key: value for key, value in given.items() if value is not None and value != runs[key]}


def _different(
    what: str,
    name: str,
    runs: Mapping[str, Any],
    other: Mapping[str, Any],
    again: Sequence[Sequence[str]],
) -> StateError:
    """Say which options differ, and which commands bring the wanted ones about."""
    need = "needs" if len(other) == 1 else "need"
    has = " ".join(_typed({key: runs[key] for key in other}))
    commands = [f"newsclf teardown --deployment {name}", *(shlex.join(each) for each in again)]
    return StateError(
        f"{what} is up with {has}; {' '.join(_typed(other))} {need} a teardown",
        hint="; ".join(commands),
    )


def _typed(options: Mapping[str, Any]) -> list[str]:
    """Options as they are typed."""
    words: list[str] = []
    for key, value in options.items():
        option = _OPTIONS[key]
        if isinstance(value, tuple):
            words += [word for each in value for word in (option, each)]
            words += [] if value else [option, "none"]
        else:
            shown = "unknown" if value is None else value
            words += [option, f"{shown:.15g}" if isinstance(shown, float) else str(shown)]
    return words
