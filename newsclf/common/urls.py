"""Loopback detection, and URLs safe to display."""

from __future__ import annotations

import ipaddress
import re


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without brackets and port, is this machine's loopback."""
    if f".{host.lower()}".endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_secrets(url: str) -> str:
    """A URL without query, fragment, user and password, safe to display."""
    return re.sub(r"(?<=://)[^/]*@", "", re.split(r"[?#]", url, maxsplit=1)[0])
