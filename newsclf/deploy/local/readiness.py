"""Wait until a background process answers."""

from __future__ import annotations

import time
from contextlib import suppress
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
