"""Refuse what a browser sends for a web page of another origin."""

from __future__ import annotations

from aiohttp import web

from newsclf.common.urls import is_loopback
from newsclf.serving.refusal import RefusedError

_OWN_SITES = (None, "none", "same-origin")
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def host_names(host: str) -> frozenset[str] | None:
    """Names, besides loopback's, by which clients may call a server that listens on `host`.

    None stands for any name: a server on all addresses cannot know its own.
    """
    return None if host in _ANY_ADDRESS else frozenset({host.lower()})


def check_host(request: web.Request, names: frozenset[str] | None) -> None:
    """Refuse a request that names another Host, as DNS rebinding does.

    Such a request comes from a web page whose name has been pointed to this machine, so that the
    browser lets the page read the answers.

    Args:
        request: The request; without a Host it comes from no browser, and passes.
        names: From `host_names`.

    Raises:
        RefusedError: the Host is neither loopback nor one of `names`.
    """
    host = request.headers.get("Host")
    if host is None or names is None:
        return
    name = _name_of(host)
    if name not in names and not is_loopback(name):
        raise RefusedError(
            403, "forbidden", "this server does not answer to the Host that the request names"
        )


def check_same_site(request: web.Request) -> None:
    """Refuse a request that a browser sent for a web page of another origin.

    Raises:
        RefusedError: its Sec-Fetch-Site or Origin says so.
    """
    headers = request.headers
    origin = headers.get("Origin")
    foreign = origin is not None and (
        origin.partition("://")[2].lower() != headers.get("Host", "").lower()
    )
    if foreign or headers.get("Sec-Fetch-Site") not in _OWN_SITES:
        raise RefusedError(403, "forbidden", "web pages of another origin may not use this server")


def media_type(request: web.Request) -> str:
    """The Content-Type of a request as it was sent, without parameters; empty if it has none.

    aiohttp's own property turns a missing or invalid one, which a web page may send to another
    origin without a preflight, into application/octet-stream.
    """
    named = ",".join(request.headers.getall("Content-Type", ()))
    return named.partition(";")[0].strip().lower()


def _name_of(host: str) -> str:
    """The name or address in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
