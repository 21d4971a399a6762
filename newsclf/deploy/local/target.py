"""Local target: deploy a model on this machine, check its health, and remove it."""

from __future__ import annotations

import logging
import os
import shlex
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx
import psutil

from newsclf.common.errors import (
    ConfigError,
    StateError,
    TargetError,
    require_extra,
)
from newsclf.common.files import write_private
from newsclf.common.machine import available_cores
from newsclf.common.state_dir import GATEWAY_LOG, SERVER_LOG
from newsclf.deploy.client import Address
from newsclf.deploy.hosting import Hosting
from newsclf.deploy.http_client import client_for
from newsclf.deploy.local import process
from newsclf.deploy.local.address import address_of, down, page_of
from newsclf.deploy.local.changed_options import api_options, check_deployed, check_wired
from newsclf.deploy.local.credentials import auth_of, key_text
from newsclf.deploy.local.gateway.settings import GatewaySettings, remove_files
from newsclf.deploy.local.status import Status, status_of
from newsclf.deploy.records import Api, ApiRequest, LocalDeployment, Process
from newsclf.deploy.smoke_test import REQUEST, is_classified
from newsclf.deploy.store import Deployments
from newsclf.model.card import read_card
from newsclf.model.directory import ENGINE_FILES, check_files

_GATEWAY = "newsclf.deploy.local.gateway.app"
_LOOK_AGAIN_S = 0.3
"""Pause between two reads of a log that is followed."""
_log = logging.getLogger(__name__)


class LocalTarget:
    """Deployments on this machine, recorded in a state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._deployments = Deployments(state_dir)

    def deploy(
        self,
        name: str,
        model: Path,
        *,
        port: int = 0,
        workers: int | None = None,
        cores: int | None = None,
        replace: bool = False,
    ) -> tuple[LocalDeployment, bool]:
        """Start a server for a model, wait until it answers, and record it.

        Deploying the same model again changes nothing while it is running. If it has died or is
        paused, it is started again as it was, and an API in front of it stays.

        Args:
            port: Port to listen on; 0 takes a free one.
            workers: Worker processes; None: as recorded, else one per core.
            cores: Number of cores to pin it to (Linux only); None: all.
            replace: Whether the model replaces another one that is deployed under this name; the
                addresses and the API's credential stay.

        Returns:
            The deployment, and whether anything was started.

        Raises:
            ModelError: The model can't be used.
            StateError: Another model is deployed under this name, or with other options.
            ConfigError: The port is in use.
            TargetError: The server did not become ready, and was removed.
        """
        folder, card = read_card(model)
        check_files(folder, card.files, ENGINE_FILES)
        with self._deployments.locked(name):
            found = self._deployments.find_of(LocalDeployment, name)
            if found is not None:
                status = self.status(found)
                is_paused = found.paused_since is not None
                if found.model_digest != card.digest and replace:
                    check_deployed(found, port=port, workers=None)
                    changes = {"model": folder.resolve(), "model_digest": card.digest}
                    changes["workers"] = workers or found.workers
                    return self._replace(found, found.model_copy(update=changes)), True
                if found.model_digest != card.digest and (
                    status.running or is_paused or found.api is not None
                ):
                    raise StateError(
                        f"another model is deployed as '{name}'",
                        hint="add --replace, which keeps its address,"
                        " or deploy this one under another name with --deployment",
                    )
                if status.healthy and not is_paused:
                    check_deployed(found, port=port, workers=workers)
                    found = self._seen_ready(found)
                    serving = self._with_its_digest(found)  # unless a --replace was killed
                    return serving, serving is not found
                if status.running and found.server.status == "ready" and not is_paused:
                    raise _unhealthy(name, "server", answers=status.answers)  # maybe only busy
                if found.model_digest == card.digest:  # paused, dead or half begun
                    check_deployed(found, port=port, workers=workers)
                    found = found.model_copy(update={"model": folder.resolve()})
                    return self._resumed(found, status), True
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
                    return self._start_server(deployment, listener, cores), True
                except BaseException:  # on Ctrl-C too, nothing may be left running
                    self._remove(self.get(name))
                    raise

    def pause(self, name: str) -> tuple[LocalDeployment, bool]:
        """Stop the model server of a deployment; its API stays and answers 503.

        Returns:
            The deployment, and whether it was not paused yet.

        Raises:
            StateError: There is no such deployment, or another command is working on it.
        """
        with self._deployments.locked(name):
            found = self.get(name)
            changed = found.paused_since is None or process.listening(
                found.server, found.server_log
            )
            if found.paused_since is None:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                found = found.model_copy(update={"paused_since": now})
                self._deployments.save(found)
            self._stop(found.server, found.server_log)
            return found, changed

    def resume(self, name: str) -> tuple[LocalDeployment, bool]:
        """Start the model server of a paused deployment again, on its port.

        Returns:
            The deployment, and whether it was paused.

        Raises:
            StateError: There is no such deployment, it is down without being paused, another model
                is in its directory, or another command is working on it.
            ModelError: The model can't be used any more.
            ConfigError: Its port is in use.
            TargetError: The server did not become ready; the deployment stays paused.
        """
        with self._deployments.locked(name):
            found = self.get(name)
            status = self.status(found)
            if found.paused_since is not None:
                return self._resumed(found, status), True
            if not status.running:
                raise StateError(
                    f"'{name}' is not paused, but down", hint="newsclf deploy starts it again"
                )
            return found, False

    def _resumed(self, deployment: LocalDeployment, status: Status) -> LocalDeployment:
        """A paused or dead deployment, running again."""
        folder, card = read_card(deployment.model)
        check_files(folder, card.files, ENGINE_FILES)
        if card.digest != deployment.model_digest:
            raise StateError(
                f"{deployment.model} holds another model than the one that was deployed",
                hint=f"newsclf deploy --deployment {deployment.name} --replace --model"
                f" {shlex.quote(str(deployment.model))} serves that one",
            )
        if status.healthy:  # a resume was cut off at its end
            deployment = self._seen_ready(deployment)
        else:
            self._stop(deployment.server, deployment.server_log)
            deployment = self._start_on_its_port(deployment)
        deployment = deployment.model_copy(update={"paused_since": None})
        self._deployments.save(deployment)
        return self._with_its_digest(deployment)

    def _replace(self, old: LocalDeployment, new: LocalDeployment) -> LocalDeployment:
        """Serve another model on the same ports; if it does not work, the old one again.

        The API answers 503 while the server starts.
        """
        was_running = process.listening(old.server, old.server_log)
        self._stop(old.server, old.server_log)
        try:
            new = self._start_on_its_port(new)
        except BaseException as error:  # on Ctrl-C too
            self._deployments.save(old)
            if not was_running:
                raise
            _log.info("going back to the old model")
            self._start_on_its_port(old)
            if not isinstance(error, TargetError):
                raise
            raise TargetError(
                f"the new model does not work, so '{old.name}' is back on the old one"
                f" ({error.message})",
                hint=error.hint,
            ) from error
        new = new.model_copy(update={"paused_since": None})
        self._deployments.save(new)
        return self._with_its_digest(new)

    def _seen_ready(self, found: LocalDeployment) -> LocalDeployment:
        """A deployment whose server answers, recorded so if the command that started it was killed.

        Else a later command would take a busy server for one that never became ready.
        """
        if found.server.status == "ready":
            return found
        return self._record(found, "server", {"status": "ready"})

    def _with_its_digest(self, found: LocalDeployment) -> LocalDeployment:
        """Start a gateway that runs again if its answers name another model than is served."""
        if found.api is None or not process.listening(found.api, found.gateway_log):
            return found
        kept = GatewaySettings.kept(found)
        settings = kept.of_model(found.model_digest)
        if settings == kept:
            return found
        self._stop(found.api, found.gateway_log)
        hint = f"newsclf wire-api --deployment {found.name} starts its API again"
        with process.listen(found.api.port, hint=hint) as listener:
            return self._run_gateway(found, settings.write(found.folder), listener)

    def _start_on_its_port(self, deployment: LocalDeployment) -> LocalDeployment:
        """Start the server on the port that is recorded, so that its address stays."""
        port = deployment.server.port
        name = deployment.name
        hint = f"end that process, or: newsclf teardown --deployment {name}, and deploy again"
        with process.listen(port, hint=hint) as listener:
            server = Process(status="creating", port=port)
            deployment = deployment.model_copy(update={"server": server})
            self._deployments.save(deployment)
            try:
                return self._start_server(deployment, listener, None)
            except BaseException:  # on Ctrl-C too, nothing may be left running
                self._stop(self.get(name).server, deployment.server_log)
                raise

    def _start_server(
        self, deployment: LocalDeployment, listener: socket.socket, cores: int | None
    ) -> LocalDeployment:
        model = str(deployment.model)
        arguments = ["newsclf", "serve", model]
        arguments += ["--socket", "{socket}", "--workers", str(deployment.workers)]
        arguments.append("--no-page")  # the API in front of it has the page
        hint = f"newsclf serve {shlex.quote(model)} shows it in the foreground"
        deployment = self._start(deployment, "server", arguments, listener, hint=hint, cores=cores)
        url = deployment.server.url
        json_type = {"content-type": "application/json"}
        try:
            with client_for(url, timeout_s=30) as client:
                answer = client.post(f"{url}/invocations", content=REQUEST, headers=json_type)
        except httpx.TransportError as error:
            reason = type(error).__name__
            raise TargetError(f"the model server does not answer ({reason})", hint=hint) from None
        if answer.status_code != httpx.codes.OK or not is_classified(answer.content):
            raise TargetError(
                f"the model server does not answer correctly (status {answer.status_code})",
                hint="newsclf serve shows it in the foreground",
            )
        return self._record(deployment, "server", {"status": "ready"})

    def wire_api(self, name: str, request: ApiRequest) -> tuple[LocalDeployment, bool]:
        """Put a gateway and Lambda runtimes in front of a deployment; wait until they answer.

        Wiring again changes nothing while the gateway is running. If it has died it is started
        again, on its port and with its credential.

        Returns:
            The deployment, and whether anything was started.

        Raises:
            StateError: There is no such deployment, it is down, or its API has other options.
            ConfigError: The port is in use, or the authentication is only for AWS.
            TargetError: The gateway did not become ready. A new one was removed; one that had run
                before is down, and keeps its credential.
        """
        if request.auth == "jwt":
            raise ConfigError("--auth jwt is for AWS; on this machine: api-key, iam or none")
        require_extra("awslambdaric", "boto3", extra="local", purpose="the API on this machine")
        with self._deployments.locked(name):
            deployment = self.get(name)
            status = self.status(deployment)
            if not status.running:
                raise down(f"'{name}' is", deployment, "deploy")
            if not status.healthy:
                raise _unhealthy(name, "server", answers=status.answers)
            earlier = deployment.api
            if earlier is not None:
                if status.api_answers:
                    check_wired(deployment, earlier, request)
                    return deployment, False
                if status.api_running:
                    raise _unhealthy(name, "API", answers=False)
                self._stop(earlier, deployment.gateway_log)
            port = request.port or (earlier.port if earlier else 0)
            with process.listen(port, hint="name another with --port") as listener:
                options = api_options(request, earlier)
                key = key_text(deployment)
                api = Api(status="creating", port=listener.getsockname()[1], **options)
                deployment = deployment.model_copy(update={"api": api})
                self._deployments.save(deployment)
                try:
                    return self._start_gateway(deployment, api, listener), True
                except BaseException:  # on Ctrl-C too, nothing may be left half made
                    if earlier is None:
                        self._remove_api(self.get(name))
                    else:
                        if key is not None:
                            write_private(deployment.key_file, key)
                        kept = self.get(name).model_copy(update={"api": earlier})
                        self._deployments.save(kept)
                    raise

    def _start_gateway(
        self, deployment: LocalDeployment, api: Api, listener: socket.socket
    ) -> LocalDeployment:
        settings = GatewaySettings.create(deployment, api).write(deployment.folder)
        return self._run_gateway(deployment, settings, listener)

    def _run_gateway(
        self, deployment: LocalDeployment, settings: Path, listener: socket.socket
    ) -> LocalDeployment:
        arguments = [_GATEWAY, "{socket}", str(settings)]
        name, log = deployment.name, deployment.gateway_log
        hint = f"newsclf logs --deployment {name} --api shows more of the API's log"
        try:
            deployment = self._start(deployment, "api", arguments, listener, hint=hint)
            return self._record(deployment, "api", {"status": "ready"})
        except BaseException:  # on Ctrl-C too, nothing may be left running
            if (api := self.get(name).api) is not None:
                self._stop(api, log)
            raise

    def _start(
        self,
        deployment: LocalDeployment,
        part: Literal["server", "api"],
        arguments: list[str],
        listener: socket.socket,
        *,
        hint: str,
        cores: int | None = None,
    ) -> LocalDeployment:
        """Start a part of a deployment on its socket, record its process, wait until it answers."""
        self._deployments.files.create("run", deployment.name)
        port = listener.getsockname()[1]
        path, auth, log = (
            ("ping", None, deployment.server_log)
            if part == "server"
            else ("health", auth_of(deployment), deployment.gateway_log)
        )
        running = process.start(arguments, listener, log)
        deployment = self._record(deployment, part, process.identity(running))
        listener.close()  # leaves the process's copy alone, so the port closes when it ends
        if cores is not None:
            process.pin(running, cores)  # before it starts its workers, which inherit it
        process.wait_until_ready(f"http://127.0.0.1:{port}/{path}", auth, running, log, hint)
        return deployment

    def _record(
        self,
        deployment: LocalDeployment,
        part: Literal["server", "api"],
        changes: Mapping[str, object],
    ) -> LocalDeployment:
        changed = getattr(deployment, part).model_copy(update=changes)
        deployment = deployment.model_copy(update={part: changed})
        self._deployments.save(deployment)
        return deployment

    def get(self, name: str) -> LocalDeployment:
        """Record of a deployment; StateError if the name is not recorded."""
        return self._deployments.get_of(LocalDeployment, name)

    def address(
        self,
        deployment: LocalDeployment,
        *,
        direct: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Address:
        """Address of the API or the model server; errors are those of `address_of`."""
        return address_of(deployment, direct=direct, headers=headers)

    def page(self, deployment: LocalDeployment) -> str:
        """Address of the page to try headlines on; errors are those of `page_of`."""
        return page_of(deployment)

    def status(self, deployment: LocalDeployment) -> Status:
        """Check the health of a deployment; changes nothing."""
        return status_of(deployment)

    def hosting(
        self,
        deployment: LocalDeployment,  # noqa: ARG002 - part of the protocol
        *,
        direct: bool = False,  # noqa: ARG002
    ) -> Hosting:
        """Hosting of a deployment: this machine."""
        return Hosting(kind="local", instance="local")

    def log(
        self, deployment: LocalDeployment, lines: int, *, api: bool = False, follow: bool = False
    ) -> Iterator[str]:
        """The last lines of the model server's log, or of the API's.

        Args:
            deployment: Its record.
            lines: Number of lines.
            api: Read the log of the gateway and its Lambda runtimes instead.
            follow: Also yield new lines as they are written, until interrupted.
        """
        path = deployment.gateway_log if api else deployment.server_log
        if not path.is_file():
            return
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in deque(file, maxlen=lines):
                yield line.rstrip("\n")
            while follow:
                for line in file:
                    yield line.rstrip("\n")
                threading.Event().wait(_LOOK_AGAIN_S)
                if os.fstat(file.fileno()).st_size < file.tell():  # it was rotated
                    file.seek(0)

    def teardown(self, name: str) -> bool:
        """Stop a deployment's processes and remove its files and record.

        Its processes are found without a record, too.

        Returns:
            Whether there was anything to remove.

        Raises:
            StateError: Another command is working on it, or its files can't be removed.
        """
        files = self._deployments.files
        files.check()
        files.check_files(name)
        recorded = self._deployments.find_of(LocalDeployment, name) is not None
        begun = (self._deployments.folder(name) / SERVER_LOG).exists()
        if not (recorded or begun or self._orphans(name)):
            return False
        with self._deployments.locked(name):
            found = self._deployments.find_of(LocalDeployment, name)
            if found is not None:
                self._remove(found)
            else:
                for running in self._orphans(name):
                    process.stop(running)
                self._remove_files(name)
        return True

    def _orphans(self, name: str) -> list[psutil.Process]:
        """Processes of a deployment that is no longer recorded."""
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
            _log.info("%s was left in place, because newsclf did not write it", path)

    def _remove_api(self, deployment: LocalDeployment) -> None:
        if deployment.api is None:
            return
        self._stop(deployment.api, deployment.gateway_log)
        remove_files(deployment)
        self._deployments.save(deployment.model_copy(update={"api": None}))

    @staticmethod
    def _stop(known: Process, log: Path) -> None:
        """Stop one of a deployment's processes, even one without a recorded pid."""
        running = process.find(known, log) or process.find_unrecorded(known.port, log)
        if running is not None:
            process.stop(running)
        elif (others := process.log_of_stranger(known, log)) is not None:
            _log.info(
                "process %d was left running: it belongs to the deployment in %s, and this state"
                " directory is a copy of that one",
                known.pid,
                others.parent,
            )


def _unhealthy(name: str, part: Literal["server", "API"], *, answers: bool) -> StateError:
    """The error for a running server or API that cannot be used."""
    logs = f"newsclf logs --deployment {name}" + (" --api" if part == "API" else "")
    return StateError(
        f"the {part} of '{name}' is {'not ready' if answers else 'running but does not answer'}",
        hint=f"{logs} may show why; newsclf teardown --deployment {name} removes it",
    )
