"""Background processes that are known again later, and never mistaken for others."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from newsclf.common.errors import ConfigError
from newsclf.common.interpreter import module_command
from newsclf.common.state_dir import open_log
from newsclf.deploy.records import Process

_STOP_S = 30
"""What the server takes at most to finish what it has."""

_MARK = "newsclf_log="
"""Of Python's option `-X`, which every process of ours carries: the log that it writes, and so the
state directory, the deployment and the part in it that it belongs to."""

_STAT_START = 19
"""Where the start of a process stands in /proc/PID/stat, counted from the field after its name."""


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; 0 takes a free port.

    Raises:
        ConfigError: the port is in use; the message says by whom.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} cannot be had: {_holder_of(port) or error.strerror}",
            hint="name another with --port, or leave it out for a free one",
        ) from None
    return listener


def start(arguments: Sequence[str], listener: socket.socket, log: Path) -> psutil.Process:
    """Start a module of ours in the background, on a socket that listens already.

    The process has a session of its own, so that Ctrl-C and a closed terminal do not reach it.

    Args:
        arguments: What follows `python -m`; `{socket}` stands for the socket's descriptor.
        listener: Stays open in the process.
        log: Where its output goes; its folder is there.

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
    known = psutil.Process(process.pid)
    process.returncode = 0  # it is left to run: Popen need not warn that nobody waits for it
    return known


def pin(process: psutil.Process, cores: int) -> None:
    """Keep a process, and those that it starts, to the first few of the cores that we have.

    Raises:
        ConfigError: this system does not let processes be pinned.
    """
    if not hasattr(process, "cpu_affinity"):
        raise ConfigError("this system does not keep a process to some cores", hint="use Linux")
    process.cpu_affinity(sorted(os.sched_getaffinity(0))[:cores])


def identity(process: psutil.Process) -> dict[str, object]:
    """The fields of a process's record that identify it: pid, boot_id and start_ticks."""
    return {"pid": process.pid, **_start_of(process.pid)}


def find(known: Process, log: Path) -> psutil.Process | None:
    """The running process of a record, or None if it is gone or belongs to another deployment.

    Args:
        known: The record.
        log: The log that the process writes, which no other deployment's process does: a state
            directory that was copied names the processes of the original.
    """
    found = _alive(known)
    return found if found is not None and _writes(found, log) else None


def listening(known: Process, log: Path) -> bool:
    """Whether the process of a record runs and listens on the port of the record.

    Nothing secret may go to that port otherwise: anybody may have taken it since.

    Args:
        known: The record.
        log: The log that the process writes; see `find`.
    """
    found = find(known, log)
    return found is not None and _listens(found, known.port)


def find_unrecorded(port: int | None, log: Path) -> psutil.Process | None:
    """The process that `start` began, where its pid was not written down, or a wrong one was.

    Args:
        port: Where it listens; None where no record tells.
        log: What it was started to write.
    """
    for candidate in psutil.process_iter():
        if _writes(candidate, log) and (
            _marked_log(candidate) == log if port is None else _listens(candidate, port)
        ):
            return candidate
    return None


def log_of_stranger(known: Process, log: Path) -> Path | None:
    """The log of a running process that a record names but that belongs to another deployment.

    None where there is no such process. Names the original of a state directory that was copied.
    """
    found = _alive(known)
    if found is None or _writes(found, log):
        return None
    return _marked_log(found)


def _alive(known: Process) -> psutil.Process | None:
    """The process of a record's pid, if it began when that of the record did.

    A pid is given out again, at the latest after a reboot. Its start is counted from the boot,
    since seconds of the clock shift whenever the clock is set.
    """
    if known.pid is None:
        return None
    try:
        process = psutil.Process(known.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (psutil.Error, ValueError):
        return None
    is_same = known.start_ticks is None or _start_of(process.pid) == {
        "boot_id": known.boot_id,
        "start_ticks": known.start_ticks,
    }
    return process if is_same else None


def _start_of(pid: int) -> dict[str, object]:
    """When a process began, in the fields of its record; nothing where the system has no /proc."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return {}
    # The name of the process stands in parentheses, and may hold some itself.
    fields = stat.rpartition(b")")[2].split()
    return {"boot_id": boot_id, "start_ticks": int(fields[_STAT_START])}


def _writes(process: psutil.Process, log: Path) -> bool:
    """Whether a process of this user was started to write a log.

    The mark tells, also when the log was removed since. Where its errors go tells, on Linux, of a
    process whose state directory was moved, and of one that an earlier version started.
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
        held = process.net_connections("tcp")
    except psutil.Error:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr[1:2] == (port,) for each in held)


def stop(process: psutil.Process) -> None:
    """End a process and its children: SIGTERM, then SIGKILL for what is left after 30 s."""
    try:
        family = [process, *process.children(recursive=True)]
        process.terminate()
    except psutil.NoSuchProcess:
        return
    _, left = psutil.wait_procs(family, timeout=_STOP_S)
    for survivor in left:
        survivor.kill()
    psutil.wait_procs(left, timeout=_STOP_S)


def _holder_of(port: int) -> str | None:
    """Who listens on a port, as far as this user may see it."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,):
            if connection.pid is None:
                return "another user's process listens there"
            try:
                return f"{psutil.Process(connection.pid).name()} ({connection.pid}) listens there"
            except psutil.NoSuchProcess:
                return None
    return None
