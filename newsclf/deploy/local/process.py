"""Background processes: start and await them, identify them again in later commands, stop them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from newsclf.common.errors import ConfigError, TargetError
from newsclf.common.interpreter import module_command
from newsclf.common.state_dir import open_log
from newsclf.deploy.http_client import client_for
from newsclf.deploy.records import Process

_STOP_S = 30
"""Time that a process has to finish its requests after SIGTERM."""
_READY_S = 60
_PAUSE_S = 0.1
_LOG_LINES = 20
_MARK = "newsclf_log="
"""Prefix of Python's option `-X` by which background processes are recognised. The log's path
follows, which names the state directory, the deployment and its part."""
_STAT_START = 19
"""Index of the start time in /proc/PID/stat, counted from the field after the name."""


def listen(
    port: int, *, hint: str = "name another with --port, or leave it out for a free one"
) -> socket.socket:
    """A listening socket on loopback; 0 takes a free port.

    Args:
        port: The port.
        hint: What to type if it is in use.

    Raises:
        ConfigError: the port is in use; the message names the process that holds it.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} cannot be opened: {_holder_of(port) or error.strerror}",
            hint=hint,
        ) from None
    return listener


def start(arguments: Sequence[str], listener: socket.socket, log: Path) -> psutil.Process:
    """Start a module in the background, on a socket that listens already.

    The process has a session of its own, so that Ctrl-C and a closed terminal do not reach it.

    Args:
        arguments: Arguments of `python -m`; `{socket}` stands for the socket's descriptor.
        listener: A listening socket, which stays open in the process.
        log: File for its output, in an existing folder.

    Raises:
        StateError: the log can't be written.
    """
    words = [word.replace("{socket}", str(listener.fileno())) for word in arguments]
    with os.fdopen(open_log(log), "ab") as output:
        process = subprocess.Popen(
            module_command(*words, options=("-X", f"{_MARK}{log}")),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
    process.returncode = 0  # keeps Popen from warning that it was not waited for
    return psutil.Process(process.pid)


def wait_until_ready(
    url: str, auth: httpx.Auth | None, running: psutil.Process, log: Path, hint: str
) -> None:
    """Send requests to a URL until it answers 200.

    Args:
        url: Address of the health check.
        auth: Adds a credential to each request.
        running: The process that is to answer.
        log: Its log.
        hint: How to find out more if it does not become ready.

    Raises:
        TargetError: the process ended or was not ready in time; the message holds the end of its
            log.
    """
    deadline = time.monotonic() + _READY_S
    problem = f"{url} was not ready after {_READY_S} s"
    with client_for(url, auth=auth, timeout_s=2) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get(url).status_code == httpx.codes.OK:
                    return
            with suppress(psutil.TimeoutExpired):
                running.wait(timeout=_PAUSE_S)
                problem = "the process has ended"
                break
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    text = "\n".join(lines[-_LOG_LINES:]) or "(its log is empty)"
    raise TargetError(f"{problem}:\n{text}", hint=hint)


def pin(process: psutil.Process, cores: int) -> None:
    """Pin a process, and those that it starts, to the first few of the available cores.

    Raises:
        ConfigError: this system cannot pin processes.
    """
    if not hasattr(process, "cpu_affinity"):
        raise ConfigError("this system cannot pin processes to cores", hint="use Linux")
    process.cpu_affinity(sorted(os.sched_getaffinity(0))[:cores])


def identity(process: psutil.Process) -> dict[str, object]:
    """The fields of a process's record that identify it: pid, boot_id and start_ticks."""
    return {"pid": process.pid, **_start_of(process.pid)}


def find(known: Process, log: Path) -> psutil.Process | None:
    """The running process of a record, or None if it is gone or belongs to another deployment.

    Args:
        known: The record.
        log: The log of the process, which tells deployments apart: the records in a copied state
            directory name the processes of the original.
    """
    found = _alive(known)
    return found if found is not None and _writes(found, log) else None


def listening(known: Process, log: Path) -> bool:
    """Whether the process of a record is running and listens on the recorded port.

    Otherwise nothing secret may be sent to that port, because anybody may have taken it since.
    """
    found = find(known, log)
    return found is not None and _listens(found, known.port)


def find_unrecorded(port: int | None, log: Path) -> psutil.Process | None:
    """The process that `start` began for a log and whose pid was not recorded correctly.

    Args:
        port: Its port; None if there is no record.
        log: Its log.
    """
    for candidate in psutil.process_iter():
        if _writes(candidate, log) and (
            _marked_log(candidate) == log if port is None else _listens(candidate, port)
        ):
            return candidate
    return None


def log_of_stranger(known: Process, log: Path) -> Path | None:
    """The log of the process of a record, if it belongs to another deployment.

    It identifies the original of a state directory that was copied.
    """
    found = _alive(known)
    return None if found is None or _writes(found, log) else _marked_log(found)


def _alive(known: Process) -> psutil.Process | None:
    """The process with a record's pid, if it also began at the recorded time.

    Pids are reused, at the latest after a reboot. The start is counted from the boot, because wall
    clock times shift whenever the clock is set.
    """
    if known.pid is None:
        return None
    try:
        process = psutil.Process(known.pid)
    except (psutil.Error, ValueError):
        return None
    if not _runs(process):
        return None
    is_same = known.start_ticks is None or _start_of(process.pid) == {
        "boot_id": known.boot_id,
        "start_ticks": known.start_ticks,
    }
    return process if is_same else None


def _start_of(pid: int) -> dict[str, object]:
    """When a process began, as fields of its record; empty on systems without /proc."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return {}
    # The process's name is in parentheses, and may contain some itself.
    fields = stat.rpartition(b")")[2].split()
    return {"boot_id": boot_id, "start_ticks": int(fields[_STAT_START])}


def _writes(process: psutil.Process, log: Path) -> bool:
    """Whether a log belongs to a process of this user.

    The mark on its command line tells, even if the log has been removed. On Linux its stderr tells
    too, if the state directory has been moved.
    """
    try:
        if process.uids().real != os.getuid():
            return False
    except psutil.Error:
        return False
    return log in (_marked_log(process), _error_log(process))


def _error_log(process: psutil.Process) -> Path | None:
    try:
        return Path(f"/proc/{process.pid}/fd/2").readlink()
    except OSError:
        return None


def _marked_log(process: psutil.Process) -> Path | None:
    try:
        words = process.cmdline()
    except psutil.Error:
        return None
    marks = [word.removeprefix(_MARK) for word in words[2:3] if word.startswith(_MARK)]
    return Path(marks[0]) if marks else None


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(_is_listener(each, port) for each in process.net_connections("tcp"))
    except psutil.Error:
        return False


def _is_listener(connection: Any, port: int) -> bool:
    return bool(connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,))


def stop(process: psutil.Process) -> None:
    """End a process and its children: SIGTERM, then SIGKILL for those left after 30 s."""
    try:
        family = [process, *process.children(recursive=True)]
        process.terminate()
    except psutil.NoSuchProcess:
        return
    for survivor in _wait(family):
        with suppress(psutil.NoSuchProcess):
            survivor.kill()
    _wait(family)


def _wait(family: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those of some processes that still run after `_STOP_S`.

    One that its parent does not wait for has ended: the first process of many containers, which
    inherits a server, waits for none.
    """
    deadline = time.monotonic() + _STOP_S
    while (left := [each for each in family if _runs(each)]) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=_PAUSE_S)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _holder_of(port: int) -> str | None:
    """The process that listens on a port, as far as this user may see it."""
    with suppress(psutil.Error):
        for each in psutil.net_connections("tcp"):
            if _is_listener(each, port) and each.pid is None:
                return "another user's process listens there"
            if _is_listener(each, port):
                return f"{psutil.Process(each.pid).name()} ({each.pid}) listens there"
    return None
