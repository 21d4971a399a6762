"""Findings of `newsclf doctor`, one line each."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

State = Literal["ok", "absent", "unknown", "wrong"]
"""`absent`: missing, but only some commands need it; `wrong`: present, but it does not work."""
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    what: str
    state: State
    detail: str
    todo: str = ""
    """Command or advice, if something should be done."""


def check_reachable(what: str, url: str, *, todo: str) -> Check:
    """Check whether a connection to a host can be opened, without sending anything."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except OSError as error:
        detail = f"{parts.hostname} can't be reached ({error.strerror or error})"
        return Check(what, "absent", detail, todo)
    return Check(what, "ok", f"{parts.hostname} can be reached")
