"""Check options against those of a running deployment: changing them needs a teardown."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from newsclf.common.errors import StateError
from newsclf.deploy.records import Api, ApiRequest, LocalDeployment

_API_DEFAULTS: Mapping[str, Any] = {
    "auth": "api-key",
    "cors_origins": (),
    "runtimes": 4,
    "rate_per_s": 500.0,
    "burst": 500,
    "page": True,
}
_OPTIONS = {"cors_origins": "--cors", "rate_per_s": "--rate"}
"""Options that have another name than their field."""


def api_options(request: ApiRequest, earlier: Api | None) -> dict[str, Any]:
    """The options of an API: those of the request, else its earlier ones, else the defaults."""
    return {**_API_DEFAULTS, **_known(earlier), **_known(request)}


def _known(options: Api | ApiRequest | None) -> dict[str, Any]:
    return options.model_dump(include=set(_API_DEFAULTS), exclude_none=True) if options else {}


def check_deployed(found: LocalDeployment, *, port: int, workers: int | None) -> None:
    """Raise StateError if the running server has other options than the given ones."""
    runs = {"port": found.server.port, "workers": found.workers}
    if other := _differing(runs, {"port": port or None, "workers": workers}):
        raise _different(f"'{found.name}'", found, runs, server=other)


def check_wired(deployment: LocalDeployment, api: Api, request: ApiRequest) -> None:
    """Raise StateError if the running API has other options than the request."""
    runs = api.model_dump()
    if other := _differing(runs, {"port": request.port or None, **_known(request)}):
        raise _different(f"the API of '{deployment.name}'", deployment, runs, api=other)


def _differing(runs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None and value != runs[key]}


def _different(
    what: str,
    deployment: LocalDeployment,
    runs: Mapping[str, Any],
    *,
    server: Mapping[str, Any] | None = None,
    api: Mapping[str, Any] | None = None,
) -> StateError:
    """The error for changed options of the server or the API, with the commands that apply them."""
    name, other = deployment.name, server or api or {}
    model = ["--model", str(deployment.model)]
    options = {"workers": deployment.workers, **(server or {})}
    commands = [["teardown"], ["deploy", *model, *_typed(options)]]
    if deployment.api is not None:
        kept = _known(deployment.api).items()
        changed = {key: value for key, value in kept if value != _API_DEFAULTS[key]}
        commands.append(["wire-api", *_typed({**changed, **(api or {})})])
    has = " ".join(_typed({key: runs[key] for key in other}))
    need = "needs" if len(other) == 1 else "need"
    return StateError(
        f"{what} is up with {has}; {' '.join(_typed(other))} {need} a teardown",
        hint="; ".join(
            shlex.join(["newsclf", command, "--deployment", name, *words])
            for command, *words in commands
        ),
    )


def _typed(options: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line."""
    words: list[str] = []
    for key, value in options.items():
        if key == "page":
            words.append("--page" if value else "--no-page")
            continue
        for each in (value or ["none"]) if isinstance(value, tuple) else [value]:
            words += [
                _OPTIONS.get(key, f"--{key}"),
                f"{each:.15g}" if isinstance(each, float) else str(each),
            ]
    return words
