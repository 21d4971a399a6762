"""Addresses of the web: whether one is usable, is loopback, and how it is safe to display."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit


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


def is_web_address(url: str) -> bool:
    """Whether a text is an address over HTTP or HTTPS, with a host and no impossible port."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port beyond 65535
        return False
    return usable and not any(character.isspace() for character in url)
