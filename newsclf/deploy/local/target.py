"""Deploy a model on this machine, look after it, and take it away again."""

from __future__ import annotations

import shlex
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from newsclf.common.errors import StateError, TargetError
from newsclf.common.extras import require_extra
from newsclf.common.machine import available_cores
from newsclf.common.state_dir import GATEWAY_LOG, SERVER_LOG
from newsclf.deploy.http_client import client_for
from newsclf.deploy.local import process
from newsclf.deploy.local.credentials import auth_of
from newsclf.deploy.local.gateway.settings import remove_files, write_settings
from newsclf.deploy.local.readiness import wait_until_ready
from newsclf.deploy.records import Api, Auth, LocalDeployment, Process
from newsclf.deploy.smoke_test import REQUEST, is_classified
from newsclf.deploy.store import Deployments
from newsclf.model.card import read_card
from newsclf.model.directory import check_files
from newsclf.serving.engine import FILES

_GATEWAY = "newsclf.deploy.local.gateway.app"
_API_DEFAULTS: dict[str, Any] = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a deployment is doing."""

    deployment: LocalDeployment
    running: bool
    answers: bool = False
    """Whether /ping answered at all."""
    healthy: bool = False
    """Whether /ping answered 200."""
    api_running: bool = False
    api_answers: bool = False
    """Whether the gateway answered, be it with a refusal."""
    uptime_s: float | None = None
    requests: int | None = None
    """Answered since the start, of any status."""
    original: Path | None = None
    """The folder of the deployment that the recorded server belongs to, in a copied project."""

    @property
    def url(self) -> str:
        """Where `predict` sends headlines: the API, if there is one, else the model server."""
        if self.deployment.api is not None:
            return f"{self.deployment.api.url}/classify"
        return f"{self.deployment.server.url}/invocations"


class LocalTarget:
    """Deployments on this machine, recorded in a state directory."""

    def __init__(self, state_dir: Path, *, say: Callable[[str], None] = lambda _: None) -> None:
        """Nothing is looked at yet.

        Args:
            state_dir: Where deployments are recorded.
            say: Is told what a user should know besides, a line at a time.
        """
        self._deployments = Deployments(state_dir)
        self._say = say

    def deploy(
        self,
        name: str,
        model: Path,
        *,
        port: int = 0,
        workers: int | None = None,
        cores: int | None = None,
    ) -> tuple[LocalDeployment, bool]:
        """Start a server for a model, wait until it answers, and record it.

        Deploying the same model again changes nothing while it runs, and starts it again if it
        has died.

        Args:
            name: Of the deployment.
            model: Its directory.
            port: Where it listens; 0 takes a free one.
            workers: Processes; None: as it is deployed, else one per core.
            cores: Keep it to so many cores of this machine (Linux only); None: all.

        Returns:
            The deployment, and whether anything was started.

        Raises:
            ModelError: the model can't be used.
            StateError: another model is deployed under this name, or with other options.
            ConfigError: the port is in use.
            TargetError: the server did not come up; nothing is left of it.
        """
        folder, card = read_card(model)
        check_files(folder, card.files, FILES)
        with self._deployments.locked(name):
            found = self._deployments.find_of(LocalDeployment, name)
            if found is not None and _server(found) is not None:
                if found.model_digest != card.digest:
                    raise StateError(
                        f"another model is deployed as '{name}'",
                        hint=f"newsclf teardown --deployment {name},"
                        " or deploy this one under another name",
                    )
                status = self.status(found)
                if status.healthy:
                    _check_deployed(found, port=port, workers=workers)
                    return found, False
                if found.server.status == "ready":  # it may be busy: only what is gone is replaced
                    raise _unwell(name, status)
            if found is not None:
                self._remove(found)
                workers = workers or found.workers
            with process.listen(port) as listener:
                deployment = LocalDeployment(
                    name=name,
                    target="local",
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                    model=folder.resolve(),
                    model_digest=card.digest,
                    folder=self._deployments.folder(name),
                    server=Process(status="creating", port=listener.getsockname()[1]),
                    workers=workers or available_cores(),
                )
                self._deployments.save(deployment)
                try:
                    deployment = self._start(deployment, listener, cores)
                except BaseException:  # Ctrl-C too: nothing may be left running
                    self._remove(self._deployments.get_of(LocalDeployment, name))
                    raise
        return deployment, True

    def _start(
        self, deployment: LocalDeployment, listener: socket.socket, cores: int | None
    ) -> LocalDeployment:
        arguments = ["newsclf", "serve", str(deployment.model)]
        arguments += ["--socket", "{socket}", "--workers", str(deployment.workers)]
        self._deployments.files.create("run", deployment.name)
        running = process.start(arguments, listener, deployment.server_log)
        if cores is not None:
            process.pin(running, cores)  # before it has started its workers, which inherit it
        server = process.recorded(deployment.server, running)
        deployment = deployment.model_copy(update={"server": server})
        self._deployments.save(deployment)
        listener.close()  # only the server's copy stays, so the port closes with it
        wait_until_ready(
            f"{server.url}/ping",
            None,
            running,
            deployment.server_log,
            hint=f"newsclf serve {shlex.quote(str(deployment.model))} shows it in the foreground",
        )
        _smoke_test(server.url)
        ready = server.model_copy(update={"status": "ready"})
        deployment = deployment.model_copy(update={"server": ready})
        self._deployments.save(deployment)
        return deployment

    def wire_api(
        self,
        name: str,
        *,
        auth: Auth | None = None,
        port: int = 0,
        runtimes: int | None = None,
        rate_per_s: float | None = None,
        burst: int | None = None,
        cors_origins: tuple[str, ...] | None = None,
    ) -> tuple[LocalDeployment, bool]:
        """Put a gateway and Lambda runtimes before a deployment, and wait until they answer.

        Wiring again changes nothing while the gateway runs, and starts it again if it has died.
        What is None is as it was wired before, or the default where it was not.

        Args:
            name: Of the deployment.
            auth: Who may call the API.
            port: Where the gateway listens; 0 takes a free one.
            runtimes: Requests that are handled at the same time.
            rate_per_s: Requests per second in the long run.
            burst: Requests at once.
            cors_origins: Whose pages may call it from a browser.

        Returns:
            The deployment, and whether anything was started.

        Raises:
            StateError: there is no such deployment, it is down, or its API is wired otherwise.
            ConfigError: the port is in use.
            TargetError: the gateway did not come up; nothing is left of it.
        """
        require_extra("awslambdaric", "boto3", extra="api", purpose="the API on this machine")
        given = {
            "auth": auth,
            "cors_origins": cors_origins,
            "runtimes": runtimes,
            "rate_per_s": rate_per_s,
            "burst": burst,
        }
        with self._deployments.locked(name):
            deployment = self._deployments.get_of(LocalDeployment, name)
            status = self.status(deployment)
            if not status.running:
                raise StateError(f"'{name}' is down", hint="newsclf deploy starts it again")
            if not status.healthy:
                raise _unwell(name, status)
            if deployment.api is not None and status.api_running:
                if not status.api_answers:
                    raise _not_answering(name, "API", f"newsclf logs --api {name}")
                _check_wired(deployment, deployment.api, {"port": port or None, **given})
                return deployment, False
            if deployment.api is not None:
                self._stop(deployment.api, deployment.gateway_log)
            with process.listen(port) as listener:
                options = _wiring(deployment.api, given)
                api = Api(status="creating", port=listener.getsockname()[1], **options)
                deployment = deployment.model_copy(update={"api": api})
                self._deployments.save(deployment)
                try:
                    settings = write_settings(deployment, api)
                    deployment = self._start_gateway(deployment, api, listener, settings)
                except BaseException:  # Ctrl-C too: nothing may be left running
                    self._remove_api(self._deployments.get_of(LocalDeployment, name))
                    raise
        return deployment, True

    def _start_gateway(
        self, deployment: LocalDeployment, api: Api, listener: socket.socket, settings: Path
    ) -> LocalDeployment:
        arguments = [_GATEWAY, "{socket}", str(settings)]
        running = process.start(arguments, listener, deployment.gateway_log)
        api = process.recorded(api, running)
        deployment = deployment.model_copy(update={"api": api})
        self._deployments.save(deployment)
        listener.close()
        wait_until_ready(
            f"{api.url}/health",
            auth_of(deployment),
            running,
            deployment.gateway_log,
            hint=f"newsclf logs --deployment {deployment.name} --api shows more of the API's log",
        )
        ready = api.model_copy(update={"status": "ready"})
        deployment = deployment.model_copy(update={"api": ready})
        self._deployments.save(deployment)
        return deployment

    def names(self) -> Sequence[str]:
        """The names of all deployments on this machine whose record can be read."""
        return [each.name for each in self.deployments()]

    def deployments(self) -> Sequence[LocalDeployment]:
        """All deployments on this machine whose record can be read."""
        found, _ = self._deployments.load()
        return [each for each in found if isinstance(each, LocalDeployment)]

    def get(self, name: str) -> LocalDeployment:
        """A deployment; StateError if there is none of this name."""
        return self._deployments.get_of(LocalDeployment, name)

    def status(self, deployment: LocalDeployment) -> Status:
        """Look at a deployment; changes nothing."""
        running = _server(deployment)
        if running is None:
            log = process.log_of_stranger(deployment.server, deployment.server_log)
            original = log.parent if log is not None else None
            return Status(deployment=deployment, running=False, original=original)
        answers, healthy, requests = False, False, None
        url = deployment.server.url
        with suppress(httpx.TransportError), client_for(url, timeout_s=2) as client:
            healthy = client.get(f"{url}/ping").status_code == httpx.codes.OK
            answers = True
            requests = _answered(client.get(f"{url}/metrics").text)
        gateway = _gateway(deployment)
        return Status(
            deployment=deployment,
            running=True,
            answers=answers,
            healthy=healthy,
            api_running=gateway is not None,
            api_answers=gateway is not None and _gateway_answers(deployment),
            uptime_s=time.time() - running.create_time(),
            requests=requests,
        )

    def teardown(self, name: str) -> bool:
        """Stop a deployment's processes and remove all that is left of it.

        Processes are found without a record, too, if they were started for this deployment.

        Returns:
            Whether there was anything to remove.

        Raises:
            StateError: another command is at work on it, or its files can't be removed.
        """
        files = self._deployments.files
        files.check()
        files.check_files(name)
        if self._deployments.find_of(LocalDeployment, name) is None and not self._remains(name):
            return False
        with self._deployments.locked(name):
            found = self._deployments.find_of(LocalDeployment, name)
            if found is not None:
                self._remove(found)
            else:
                for running in self._remains(name):
                    process.stop(running)
                self._remove_files(name)
        return True

    def _remains(self, name: str) -> list[psutil.Process]:
        """What runs of a deployment that is not recorded any more."""
        folder = self._deployments.folder(name)
        return [
            running
            for log in (folder / SERVER_LOG, folder / GATEWAY_LOG)
            if (running := process.find_unrecorded(None, log)) is not None
        ]

    def _remove(self, deployment: LocalDeployment) -> None:
        self._remove_api(deployment)
        self._stop(deployment.server, deployment.server_log)
        self._remove_files(deployment.name)

    def _remove_files(self, name: str) -> None:
        for path in self._deployments.remove(name):
            self._say(f"{path} was left in place: newsclf did not write it")

    def _remove_api(self, deployment: LocalDeployment) -> None:
        if deployment.api is None:
            return
        self._stop(deployment.api, deployment.gateway_log)
        remove_files(deployment)
        self._deployments.save(deployment.model_copy(update={"api": None}))

    def _stop(self, known: Process, log: Path) -> None:
        """Stop one of a deployment's processes, even one whose pid could not be recorded."""
        running = process.find(known, log) or process.find_unrecorded(known.port, log)
        if running is not None:
            process.stop(running)
        elif (others := process.log_of_stranger(known, log)) is not None:
            self._say(
                f"process {known.pid} was left running: it belongs to the deployment in"
                f" {others.parent}, and this state directory is a copy of that one"
            )


def _check_deployed(found: LocalDeployment, *, port: int, workers: int | None) -> None:
    """Raise StateError if the server that runs has other options than those that were given."""
    runs = {"port": found.server.port, "workers": found.workers}
    if other := _differing(runs, {"port": port or None, "workers": workers}):
        commands = [_deploy_again(found, other)]
        if found.api is not None:
            commands.append(_wire_again(found.name, found.api, {}))
        raise _otherwise(f"'{found.name}'", found.name, runs, other, commands)


def _check_wired(deployment: LocalDeployment, api: Api, given: Mapping[str, Any]) -> None:
    """Raise StateError if the API that runs has other options than those that were given."""
    name, runs = deployment.name, api.model_dump()
    if other := _differing(runs, given):
        commands = [_deploy_again(deployment, {}), _wire_again(name, api, other)]
        raise _otherwise(f"the API of '{name}'", name, runs, other, commands)


def _deploy_again(deployment: LocalDeployment, other: Mapping[str, Any]) -> list[str]:
    options = ({"workers": deployment.workers} if deployment.workers else {}) | dict(other)
    command = [
        "newsclf",
        "deploy",
        "--deployment",
        deployment.name,
        "--model",
        str(deployment.model),
    ]
    return command + _typed(options)


def _wire_again(name: str, api: Api, other: Mapping[str, Any]) -> list[str]:
    kept = _wiring(api, other)
    options = {key: value for key, value in kept.items() if value != _API_DEFAULTS[key]}
    return ["newsclf", "wire-api", "--deployment", name, *_typed(options | dict(other))]


def _wiring(wired: Api | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an API: what was given, else what it has, else the default."""
    earlier = wired.model_dump() if wired is not None else {}
    return {
        key: next(each for each in (given.get(key), earlier.get(key), default) if each is not None)
        for key, default in _API_DEFAULTS.items()
    }


def _differing(runs: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options given that are not those that run; None is not given, or not recorded."""
    return {key: value for key, value in given.items() if value is not None and value != runs[key]}


def _otherwise(
    what: str,
    name: str,
    runs: Mapping[str, Any],
    other: Mapping[str, Any],
    again: Sequence[Sequence[str]],
) -> StateError:
    """Why a command changes nothing: what runs has other options than those that were given."""
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
            words += [] if value else [f"no {option}"]
        else:
            shown = "unknown" if value is None else value
            words += [option, f"{shown:.15g}" if isinstance(shown, float) else str(shown)]
    return words


def _unwell(name: str, status: Status) -> StateError:
    """Why nothing can be done with a server that runs."""
    if not status.answers:
        return _not_answering(name, "server", f"newsclf logs --deployment {name}")
    return StateError(
        f"the server of '{name}' is not ready",
        hint=f"newsclf logs --deployment {name} may show why;"
        f" newsclf teardown --deployment {name} removes it",
    )


def _not_answering(name: str, what: str, logs: str) -> StateError:
    return StateError(
        f"the {what} of '{name}' is running but does not answer",
        hint=f"{logs} may show why; newsclf teardown --deployment {name} removes it",
    )


def _server(deployment: LocalDeployment) -> psutil.Process | None:
    return process.find(deployment.server, deployment.server_log)


def _gateway(deployment: LocalDeployment) -> psutil.Process | None:
    return process.find(deployment.api, deployment.gateway_log) if deployment.api else None


def _gateway_answers(deployment: LocalDeployment) -> bool:
    """Ask the gateway what it refuses itself, whoever asks: it takes no token and no runtime."""
    if deployment.api is None:
        return False
    url = deployment.api.url
    try:
        with client_for(url, timeout_s=2) as client:
            client.post(f"{url}/health")
    except httpx.TransportError:
        return False
    return True


def _smoke_test(url: str) -> None:
    with client_for(url, timeout_s=30) as client:
        json_type = {"content-type": "application/json"}
        answer = client.post(f"{url}/invocations", content=REQUEST, headers=json_type)
    if answer.status_code != httpx.codes.OK or not is_classified(answer.content):
        raise TargetError(
            f"the model server does not answer as it should (status {answer.status_code})",
            hint="newsclf serve shows it in the foreground",
        )


def _answered(metrics: str) -> int:
    lines = (line for line in metrics.splitlines() if line.startswith("newsclf_requests_total{"))
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))
