"""HTTP clients; all of ours are made here, so that none sends loopback through a proxy."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from newsclf.common.urls import is_loopback


def client_for(
    url: str,
    *,
    timeout_s: float,
    auth: httpx.Auth | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Client:
    """A client for requests to the host of a URL.

    A proxy that the environment or the system names gets what leaves this machine, and nothing
    else: it could not reach our loopback, and would be sent the API's key.
    """
    return httpx.Client(
        auth=auth,
        headers=dict(headers or {}),
        timeout=timeout_s,
        trust_env=not is_loopback(httpx.URL(url).host),
    )


def async_client_for(
    url: str,
    *,
    timeout_s: float,
    connections: int,
    auth: httpx.Auth | None = None,
) -> httpx.AsyncClient:
    """An asynchronous client for requests to the host of a URL; otherwise like `client_for`.

    Args:
        timeout_s: The longest silence, while connecting, sending or receiving.
        connections: How many it may open.
    """
    return httpx.AsyncClient(
        auth=auth,
        timeout=timeout_s,
        limits=httpx.Limits(max_connections=connections),
        trust_env=not is_loopback(httpx.URL(url).host),
    )
