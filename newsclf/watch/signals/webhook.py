"""Send alerts to a webhook: a signed POST, tried again where that may help.

The receiver checks `Newsclf-Signature: v1=HEX`, the HMAC-SHA256 of `TIMESTAMP.BODY` under the
shared secret, where TIMESTAMP is the header `Newsclf-Timestamp`, in seconds since 1970. It refuses
timestamps that are minutes old, and an `Idempotency-Key` that it has seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from newsclf import __version__
from newsclf.common.errors import ConfigError
from newsclf.common.urls import is_loopback
from newsclf.deploy.http_headers import retry_after_s
from newsclf.watch.feeds.fetching.addresses import refusal_of_url
from newsclf.watch.feeds.fetching.connections import AddressRefusedError, CheckedBackend, Resolver
from newsclf.watch.record.rows import Delivery
from newsclf.watch.signals.aggregate import utc
from newsclf.watch.signals.delivery import AnyAlert, alert_body

_ATTEMPTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_ATTEMPT_LIMIT_S = 10.0
_TRY_AGAIN = frozenset((408, 425, 429, 500, 502, 503, 504))


class Answer(NamedTuple):
    """What a receiver answers; its body is not read."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""


class UnansweredError(Exception):
    """A request got no answer; the text says why, and holds nothing of the address."""


class AddressForbiddenError(UnansweredError):
    """The receiver's host may not be connected to."""


Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]
"""Sends headers and a body to a URL, and follows no redirect. Raises UnansweredError."""


class CheckedPost:
    """Sends a request to an address that was checked, by no proxy, on a connection of its own."""

    def __init__(self, resolver: Resolver, *, allow_private: bool) -> None:
        """Take what resolves hosts, and whether they may be on this machine or its networks."""
        import httpcore
        import httpx

        self._backend = CheckedBackend(
            resolver, allow_private=allow_private, network=httpcore.AnyIOBackend()
        )
        self._tls = httpx.create_ssl_context()
        # At DEBUG it logs requests, with the address.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send the request. Raises UnansweredError."""
        import httpcore
        import httpx

        to = httpx.URL(url)
        target = httpcore.URL(
            scheme=to.raw_scheme, host=to.raw_host, port=to.port, target=to.raw_path
        )
        sent = {"Host": to.netloc.decode("ascii"), **headers}
        try:
            async with (
                asyncio.timeout(_ATTEMPT_LIMIT_S),
                httpcore.AsyncHTTPConnection(
                    origin=target.origin, ssl_context=self._tls, network_backend=self._backend
                ) as connection,
                connection.stream("POST", target, headers=list(sent.items()), content=body) as got,
            ):
                fields = ((k.decode("latin-1"), v.decode("latin-1")) for k, v in got.headers)
                return Answer(got.status, {name.lower(): value for name, value in fields})
        except TimeoutError:
            raise UnansweredError(f"no answer within {_ATTEMPT_LIMIT_S:g} s") from None
        except AddressRefusedError as error:
            raise AddressForbiddenError(str(error)) from None
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            OSError,
        ) as error:
            raise UnansweredError(f"the connection failed ({type(error).__name__})") from None


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of `Newsclf-Signature`."""
    digest = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def check_webhook_url(url: str, *, allow_private: bool) -> None:
    """Raise ConfigError unless a URL is one that alerts may be sent to.

    That is https; http to this machine, or anywhere with `allow_private`.
    """
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    refusal = refusal_of_url(parsed)
    if refusal:
        raise ConfigError(f"the webhook's address: {refusal}", hint="write https://HOST/PATH")
    if parsed.scheme == "http" and not (allow_private or is_loopback(parsed.host)):
        raise ConfigError(
            f"the webhook at {parsed.host} would get alerts without encryption",
            hint="write https://, or allow private addresses if it is in your own network",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A channel that POSTs alerts to a URL."""

    name: str
    url: str
    secret: bytes
    post: Post
    now_s: Callable[[], float]
    """The wall clock, in seconds since 1970."""
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    """Random number from 0 to 1."""

    def __repr__(self) -> str:
        """Without the secret, and the address, which is often a secret by itself."""
        return f"Webhook({self.name!r})"

    async def deliver(self, alert: AnyAlert) -> Delivery:
        """Send an alert, in at most five attempts of at most ten seconds each."""
        body = alert_body(alert)
        attempt = 0
        while True:
            attempt += 1
            problem, wait_s = await self._attempt(alert.id, body, attempt)
            if problem is None or wait_s is None or attempt == _ATTEMPTS:
                return Delivery(
                    alert=alert.id,
                    channel=self.name,
                    delivered=problem is None,
                    attempts=attempt,
                    problem=problem,
                )
            await self.sleep(wait_s)

    async def _attempt(
        self, key: str, body: bytes, attempt: int
    ) -> tuple[str | None, float | None]:
        """Send once.

        Returns:
            The problem, if any, and after how many seconds to try again; None: not at all.
        """
        now_s = self.now_s()
        timestamp = str(int(now_s))
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": f"newsclf/{__version__}",
            "Idempotency-Key": key,
            "Newsclf-Timestamp": timestamp,
            "Newsclf-Signature": signature(self.secret, timestamp, body),
        }
        back_off_s = self.jitter() * min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
        try:
            status, answered = await self.post(self.url, headers, body)
        except AddressForbiddenError as error:
            return str(error), None
        except UnansweredError as error:
            return str(error), back_off_s
        if 200 <= status < 300:  # noqa: PLR2004 - success, in HTTP
            return None, None
        if status not in _TRY_AGAIN:
            return f"it answered {status}", None
        asked_s = retry_after_s(answered, now=utc(now_s)) or 0.0
        return f"it answered {status}", max(back_off_s, min(asked_s, _LONGEST_WAIT_S))


def post_to(url: str, resolver: Resolver, *, allow_private: bool) -> CheckedPost:
    """What sends alerts to a URL: to this machine only if the URL says so, or with permission.

    Raises:
        ConfigError: As `check_webhook_url`.
    """
    import httpx

    check_webhook_url(url, allow_private=allow_private)
    here = is_loopback(httpx.URL(url).host)
    return CheckedPost(resolver, allow_private=allow_private or here)
