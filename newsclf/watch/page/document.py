"""HTML document of the page, with its style and script inside, and its security policy."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_SCRIPTS = (
    "elements.js",
    "headlines.js",
    "signals.js",
    "alerts.js",
    "sources.js",
    "classify.js",
    "page.js",
)


class Document(NamedTuple):
    """The page, and the Content-Security-Policy that it must be sent with."""

    html: bytes
    policy: str


@cache
def document() -> Document:
    """Put the page together from its files.

    The policy knows the style and the script by their digests; it allows no other, no address but
    the page's own server, no frame around the page, and no markup made from texts (Trusted Types).
    """
    style = _file("newsclf.reporting", "templates", "palette.css") + _asset("page.css")
    script = "".join(map(_asset, _SCRIPTS))
    html = _asset("page.html").replace("{{ style }}", style).replace("{{ script }}", script)
    policy = {
        "default-src": "'none'",
        "script-src": _digest(script),
        "style-src": _digest(style),
        "img-src": "data:",  # the icon
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return Document(html.encode(), "; ".join(f"{name} {value}" for name, value in policy.items()))


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return _file("newsclf.watch.page", "assets", name)


def _file(package: str, *path: str) -> str:
    return files(package).joinpath(*path).read_text(encoding="utf-8")
