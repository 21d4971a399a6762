"""Background processes that are known again later, and never mistaken for others."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from newsclf.core.errors import ConfigError

_STOP_S = 30
"""What the server takes at most to finish what it has."""

_CLOCK_S = 2
"""How far the start of a process, counted from that of the machine, may be from the clock."""


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
        log: Where its output goes.
    """
    words = [word.replace("{socket}", str(listener.fileno())) for word in arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
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


def find(pid: int | None, started: float | None) -> psutil.Process | None:
    """The process of this pid that began at this time, or None if it is gone."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        # A pid is given out again, at the latest after a reboot; the time of its start is not.
        alive = process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def find_unrecorded(words: Sequence[str], port: int, since_s: float) -> psutil.Process | None:
    """The process that `start` began, where the command was killed before it wrote the pid down.

    Args:
        words: How its arguments to `start` begin.
        port: Where it listens.
        since_s: It began no earlier, seconds since the epoch.
    """
    command = ["-m", *words]
    for candidate in psutil.process_iter():
        try:
            if (
                candidate.uids().real == os.getuid()
                and candidate.create_time() >= since_s - _CLOCK_S
                and candidate.cmdline()[1 : len(command) + 1] == command
                and any(
                    held.status == psutil.CONN_LISTEN and held.laddr[1:2] == (port,)
                    for held in candidate.net_connections("tcp")
                )
            ):
                return candidate
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return None


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
