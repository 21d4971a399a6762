"""Deploy a model on this machine, look after it, and take it away again."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil

from newsclf.core.contract import LABELS
from newsclf.core.deployment import Deployment, Deployments, ServerProcess
from newsclf.core.errors import StateError, TargetError
from newsclf.core.model_card import read_card
from newsclf.core.model_dir import check_files
from newsclf.serving.engine import FILES
from newsclf.targets.local import process

_READY_S = 60
_PAUSE_S = 0.1
_LOG_LINES = 20
_SMOKE_TEST = ("Profit rose by a third", "The plant is closed and 240 people lose their jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a deployment is doing."""

    deployment: Deployment
    running: bool
    healthy: bool = False
    """Whether /ping answered 200."""
    uptime_s: float | None = None
    requests: int | None = None
    """Answered since the start, of any status."""


class LocalTarget:
    """Deployments on this machine, recorded in a state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._deployments = Deployments(state_dir)

    def deploy(self, name: str, model: Path, *, port: int, workers: int) -> tuple[Deployment, bool]:
        """Start a server for a model, wait until it answers, and record it.

        Deploying the same model again changes nothing while it runs, and starts it again if it
        has died.

        Returns:
            The deployment, and whether anything was started.

        Raises:
            ModelError: the model can't be used.
            StateError: another model is deployed under this name.
            ConfigError: the port is in use.
            TargetError: the server did not come up; nothing is left of it.
        """
        folder, card = read_card(model)
        check_files(folder, FILES)
        with self._deployments.locked(name):
            found = self._deployments.find(name)
            if found is not None and self._process(found) is not None:
                if found.model_digest != card.digest:
                    raise StateError(
                        f"another model is deployed as '{name}'",
                        hint=f"newsclf teardown {name}, or deploy this one with --name",
                    )
                if self.status(found).healthy:
                    return found, False
            if found is not None:
                self._remove(found)
            with process.listen(port) as listener:
                deployment = Deployment(
                    name=name,
                    target="local",
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                    model=folder.resolve(),
                    model_digest=card.digest,
                    server=ServerProcess(
                        status="creating",
                        port=listener.getsockname()[1],
                        log=(self._state_dir / "logs" / name / "server.log").resolve(),
                    ),
                )
                self._deployments.save(deployment)
                try:
                    deployment = self._start(deployment, listener, workers)
                except BaseException:  # Ctrl-C too: nothing may be left running
                    self._remove(self._deployments.get(name))
                    raise
        return deployment, True

    def _start(self, deployment: Deployment, listener: socket.socket, workers: int) -> Deployment:
        server = deployment.server
        started = process.start_server(deployment.model, listener, server.log, workers)
        deployment = _with_server(
            deployment, pid=started.pid, process_started=started.create_time()
        )
        self._deployments.save(deployment)
        listener.close()  # only the server's copy stays, so the port closes with it
        _wait_until_ready(deployment, started)
        _smoke_test(deployment.url)
        deployment = _with_server(deployment, status="ready")
        self._deployments.save(deployment)
        return deployment

    def names(self) -> Sequence[str]:
        """The names of all deployments."""
        return self._deployments.names()

    def get(self, name: str) -> Deployment:
        """A deployment; StateError if there is none of this name."""
        return self._deployments.get(name)

    def status(self, deployment: Deployment) -> Status:
        """Look at a deployment; changes nothing."""
        running = self._process(deployment)
        if running is None:
            return Status(deployment=deployment, running=False)
        try:
            with httpx.Client(base_url=deployment.url, timeout=2) as client:
                healthy = client.get("/ping").status_code == httpx.codes.OK
                requests = _answered(client.get("/metrics").text)
        except httpx.TransportError:
            healthy, requests = False, None
        return Status(
            deployment=deployment,
            running=True,
            healthy=healthy,
            uptime_s=time.time() - running.create_time(),
            requests=requests,
        )

    def teardown(self, name: str) -> None:
        """Stop a deployment's processes and remove all that is left of it.

        Raises:
            StateError: there is none of this name, or another command is at work on it.
        """
        with self._deployments.locked(name):
            self._remove(self._deployments.get(name))

    def _remove(self, deployment: Deployment) -> None:
        if running := self._process(deployment):
            process.stop(running)
        shutil.rmtree(deployment.server.log.parent, ignore_errors=True)
        self._deployments.remove(deployment.name)

    @staticmethod
    def _process(deployment: Deployment) -> psutil.Process | None:
        return process.find(deployment.server.pid, deployment.server.process_started)


def _with_server(deployment: Deployment, **changes: object) -> Deployment:
    return deployment.model_copy(update={"server": deployment.server.model_copy(update=changes)})


def _wait_until_ready(deployment: Deployment, server: psutil.Process) -> None:
    deadline = time.monotonic() + _READY_S
    with httpx.Client(base_url=deployment.url, timeout=2) as client:
        while True:
            try:
                if client.get("/ping").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not yet there, or gone: the next line tells
            if _has_ended(server):
                raise _failed(deployment, "the model server ended")
            if time.monotonic() > deadline:
                raise _failed(deployment, f"the model server was not ready after {_READY_S} s")


def _has_ended(server: psutil.Process) -> bool:
    """Wait a moment for the process to end."""
    try:
        server.wait(timeout=_PAUSE_S)
    except psutil.TimeoutExpired:
        return False
    return True


def _failed(deployment: Deployment, what: str) -> TargetError:
    lines = deployment.server.log.read_text(encoding="utf-8", errors="replace").splitlines()
    log = "\n".join(lines[-_LOG_LINES:]) or "(its log is empty)"
    return TargetError(f"{what}:\n{log}", hint="newsclf serve shows it in the foreground")


def _smoke_test(url: str) -> None:
    answer = httpx.post(f"{url}/invocations", json={"inputs": list(_SMOKE_TEST)}, timeout=30)
    rows = answer.json() if answer.status_code == httpx.codes.OK else []
    labels = [{entry["label"] for entry in row} for row in rows]
    if labels != [set(LABELS)] * len(_SMOKE_TEST):
        raise TargetError(
            f"the model server does not answer as it should (status {answer.status_code})",
            hint="newsclf serve shows it in the foreground",
        )


def _answered(metrics: str) -> int:
    lines = (line for line in metrics.splitlines() if line.startswith("newsclf_requests_total{"))
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))
