"""Wait until what was started in the background answers."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import psutil

from newsclf.common.errors import TargetError
from newsclf.deploy.http_client import client_for

_READY_S = 60
_PAUSE_S = 0.1
_LOG_LINES = 20


def wait_until_ready(
    url: str, auth: httpx.Auth | None, running: psutil.Process, log: Path, hint: str
) -> None:
    """Ask a URL until it answers 200.

    Args:
        url: What to ask.
        auth: Puts a credential into each request.
        running: The process that is to answer.
        log: What it writes.
        hint: How to find out more if it does not come up.

    Raises:
        TargetError: the process ended, or time is up; the message holds the end of its log.
    """
    deadline = time.monotonic() + _READY_S
    with client_for(url, auth=auth, timeout_s=2) as client:
        while True:
            try:
                if client.get(url).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not yet there, or gone: the next line tells
            if _has_ended(running):
                raise _failed(log, "what was started has ended", hint)
            if time.monotonic() > deadline:
                raise _failed(log, f"{url} was not ready after {_READY_S} s", hint)


def _has_ended(server: psutil.Process) -> bool:
    """Wait a moment for the process to end."""
    try:
        server.wait(timeout=_PAUSE_S)
    except psutil.TimeoutExpired:
        return False
    return True


def _failed(log: Path, what: str, hint: str) -> TargetError:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    text = "\n".join(lines[-_LOG_LINES:]) or "(its log is empty)"
    return TargetError(f"{what}:\n{text}", hint=hint)
