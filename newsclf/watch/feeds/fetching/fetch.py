"""Fetch a source: one conditional GET with limits on time, size and redirects."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypedDict

import httpcore
import httpx

from newsclf import __version__
from newsclf.common.errors import ConfigError, reason_of
from newsclf.deploy.http_headers import (
    fresh_for_s,
    http_date,
    retry_after_s,
)
from newsclf.watch.feeds.fetching.addresses import refusal_of_url
from newsclf.watch.feeds.fetching.answer import (
    KEPT_HEADERS,
    Failure,
    Fetched,
    Request,
    Validators,
)
from newsclf.watch.feeds.fetching.connections import (
    AddressRefusedError,
    CheckedBackend,
    HeadersTooLongError,
    LimitedHeaders,
    Resolver,
)
from newsclf.watch.feeds.fetching.decoding import ACCEPTED, Decoder, TooLargeError, UndecodableError
from newsclf.watch.feeds.fetching.redaction import RequestRedaction
from newsclf.watch.feeds.fetching.robots import AGENT, Robots
from newsclf.watch.feeds.outcome import Outcome

_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
_FOR_GOOD = frozenset({301, 308})
_ERROR_BODY_BYTES = 64 << 10
"""Of an answer that is an error; a vendor's message is shorter."""
_SNIFFED_BYTES = 2048
_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*+<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_CHALLENGE = re.compile(
    rb"just a moment|cf-chl|challenge-platform|captcha|enable javascript|verify you are human"
    rb"|access denied|attention required",
    re.IGNORECASE,
)
_LAST_TAG = re.compile(rb"</(rss|feed|[\w.-]+:rdf)\s*>\s*$", re.IGNORECASE)


class _FailedError(Exception):
    def __init__(self, outcome: Outcome, reason: str, *, refused: str | None = None) -> None:
        super().__init__(reason)
        self.refused = refused
        self.outcome = outcome
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a request may take and how much may come."""

    connect_s: float = 10.0
    """Resolving the host and connecting; TLS has as much again."""
    silence_s: float = 20.0
    """Until the first byte, and from each to the next."""
    whole_s: float = 60.0
    """The request with all redirects."""
    headers_bytes: int = 128 << 10
    """Of one answer, with the interim answers before it."""
    wire_bytes: int = 8 << 20
    decoded_bytes: int = 16 << 20
    redirects: int = 5


_FOR_ROBOTS = Limits(whole_s=20.0)
"""Of requests for robots.txt, which have to end before the request that waits for them."""


def user_agent(contact: str) -> str:
    """User-Agent that tells a source's operators whom to ask.

    Args:
        contact: Mail or web address, such as `Jane Doe jane@example.com`.

    Raises:
        ConfigError: The contact is empty, or has characters that a header can't hold.
    """
    contact = contact.strip()
    if not re.fullmatch(r"[\x20-\x7e]{3,200}", contact):
        raise ConfigError(
            f"contact {contact[:40]!r}: not 3 to 200 printable ASCII characters",
            hint="give a mail or web address at which the operators of feeds reach you",
        )
    return f"{AGENT}/{__version__} ({contact})"


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def polite_fetcher(
    contact: str,
    *,
    resolver: Resolver,
    allow_private: bool,
    now: Callable[[], dt.datetime] = _utc_now,
) -> Fetcher:
    """A fetcher that asks robots.txt before it makes a request as a robot.

    Args:
        contact: Mail or web address of the user.
        resolver: Finds the addresses of hosts.
        allow_private: Whether sources may be on this machine and its networks.
        now: The wall clock, in UTC.

    Raises:
        ConfigError: The contact is empty, or has characters that a header can't hold.
    """
    agent = user_agent(contact)
    for_robots = Fetcher(
        agent, resolver=resolver, limits=_FOR_ROBOTS, allow_private=allow_private, now=now
    )
    return Fetcher(
        agent,
        resolver=resolver,
        allow_private=allow_private,
        now=now,
        robots=Robots(for_robots.fetch),
    )


class Fetcher:
    """Makes requests, each on a connection of its own to an address that was checked.

    A kept connection would save a handshake every few minutes, and bring requests that fail
    because the server had just closed it.

    Args:
        user_agent: From the function of that name.
        resolver: `SystemResolver()`, or a table in tests.
        limits: Of time and size.
        allow_private: Whether sources may be on this machine and its networks.
        now: The wall clock, in UTC.
        network: What connects to the addresses that passed; for tests without a network.
        robots: Says which addresses may be asked for as a robot; without it, all.
    """

    def __init__(
        self,
        user_agent: str,
        *,
        resolver: Resolver,
        limits: Limits | None = None,
        allow_private: bool = False,
        now: Callable[[], dt.datetime] = _utc_now,
        network: httpcore.AsyncNetworkBackend | None = None,
        robots: Robots | None = None,
    ) -> None:
        self._user_agent = user_agent
        self._limits = limits or Limits()
        self._backend = CheckedBackend(
            resolver, allow_private=allow_private, network=network or httpcore.AnyIOBackend()
        )
        self._tls = httpx.create_ssl_context()
        # At DEBUG it logs the headers of answers, in which servers repeat keys.
        logging.getLogger("httpcore").setLevel(logging.INFO)
        self._now = now
        self._robots = robots

    async def fetch(self, request: Request) -> Fetched | Failure:
        """Ask for a document. What goes wrong is returned as a failure, not raised."""
        visit = _Visit(request)
        try:
            async with asyncio.timeout(self._limits.whole_s):
                return await self._follow(visit)
        except TimeoutError:
            reason = f"no complete answer within {self._limits.whole_s:g} s"
            return self._failure(visit, Outcome.UNREACHABLE, reason)
        except _FailedError as problem:
            return self._failure(visit, problem.outcome, problem.reason, refused=problem.refused)

    async def _follow(self, visit: _Visit) -> Fetched:
        for _ in range(self._limits.redirects + 1):
            self._check(visit)
            await self._check_robots(visit)
            async with self._ask(visit) as response:
                visit.arrived(response, self._now())
                if response.status not in _REDIRECTS:
                    return await self._take(visit, response)
            visit.redirected()
        raise _FailedError(Outcome.MOVED, f"more than {self._limits.redirects} redirects")

    def _check(self, visit: _Visit) -> None:
        refusal = refusal_of_url(visit.url)
        if refusal:
            raise _FailedError(visit.refused, f"{visit.whose_address}: {refusal}")

    async def _check_robots(self, visit: _Visit) -> None:
        if not visit.request.as_robot or self._robots is None:
            return
        verdict = await self._robots.look_up(visit.url)
        if visit.crawl_delay_s is None:  # of the source's own host
            visit.crawl_delay_s = verdict.crawl_delay_s
        if verdict.refused is not None:
            raise _FailedError(visit.refused, f"{visit.whose_address}: {verdict.refused}")
        if verdict.outcome is not None:
            raise _FailedError(verdict.outcome, verdict.reason)

    @asynccontextmanager
    async def _ask(self, visit: _Visit) -> AsyncIterator[httpcore.Response]:
        url = httpcore.URL(
            scheme=visit.url.raw_scheme,
            host=visit.url.raw_host,
            port=visit.url.port,
            target=visit.url.raw_path,
        )
        time_outs = {
            "connect": self._limits.connect_s,
            "read": self._limits.silence_s,
            "write": self._limits.silence_s,
        }
        network = LimitedHeaders(self._backend, at_most_bytes=self._limits.headers_bytes)
        try:
            async with (
                httpcore.AsyncHTTPConnection(
                    origin=url.origin, ssl_context=self._tls, network_backend=network
                ) as connection,
                connection.stream(
                    "GET",
                    url,
                    headers=visit.headers(self._user_agent),
                    extensions={"timeout": time_outs},
                ) as response,
            ):
                network.complete = True
                yield response
        except HeadersTooLongError as problem:
            raise _FailedError(Outcome.TOO_LARGE, str(problem)) from None
        except AddressRefusedError as problem:
            reason = f"{visit.whose_address}: {problem}"
            raise _FailedError(visit.refused, reason, refused=str(problem)) from None
        except _HTTP_ERRORS as problem:
            raise _FailedError(Outcome.UNREACHABLE, _words(problem)) from None

    async def _take(self, visit: _Visit, response: httpcore.Response) -> Fetched:
        """The document of an answer that is no redirect. Raises _FailedError."""
        failed = _outcome_of_status(response.status, with_key=bool(visit.request.secrets))
        if failed is None and response.status != httpx.codes.NOT_MODIFIED:
            await self._read(visit, response, self._limits.decoded_bytes)
            failed = _outcome_of_page(visit)
        elif failed is not None:
            await self._read_error(visit, response)
            failed = _outcome_of_page(visit) or failed
        elif not visit.request.validators:
            reason = "answered that nothing changed (HTTP 304), though not asked"
            failed = _FailedError(Outcome.FAILED, reason)
        if failed is not None:
            raise failed
        return self._fetched(visit, response.status)

    async def _read(self, visit: _Visit, response: httpcore.Response, at_most: int) -> None:
        """Read and decode the body."""
        wire_bytes = 0
        cut: Exception | None = None
        encoding = visit.all_headers.get("content-encoding", "")
        decoder = Decoder(at_most_bytes=at_most)
        try:
            decoder.choose(encoding)
            try:
                async for piece in response.aiter_stream():
                    wire_bytes += len(piece)
                    if wire_bytes > self._limits.wire_bytes:
                        raise TooLargeError(f"more than {self._limits.wire_bytes:,} bytes")
                    decoder.feed(piece)
            except _HTTP_ERRORS as problem:
                cut = problem
            ended = decoder.finish()
        except TooLargeError as problem:
            visit.body = bytes(decoder.body[:at_most])
            raise _FailedError(Outcome.TOO_LARGE, str(problem)) from None
        except UndecodableError as problem:
            raise _FailedError(Outcome.MALFORMED, str(problem)) from None
        visit.body = bytes(decoder.body)
        # Servers that announce a wrong length, or forget the end of gzip, still sent all items.
        if (cut or not ended) and not _LAST_TAG.search(visit.body[-100:]):
            reason = _words(cut) if cut else "its compressed data was cut short"
            raise _FailedError(Outcome.UNREACHABLE, reason)

    async def _read_error(self, visit: _Visit, response: httpcore.Response) -> None:
        # The body of an error only explains it: whatever is wrong with it, the status counts.
        with suppress(_FailedError):
            await self._read(visit, response, _ERROR_BODY_BYTES)

    def _fetched(self, visit: _Visit, status: int) -> Fetched:
        headers = visit.all_headers
        not_modified = status == httpx.codes.NOT_MODIFIED
        kept = visit.request.validators if not_modified else Validators()
        return Fetched(
            **self._facts(visit),
            body=visit.body,
            not_modified=not_modified,
            # A 304 may bring new ones (RFC 9111 §4.3.4).
            validators=Validators(
                headers.get("etag", kept.etag), headers.get("last-modified", kept.last_modified)
            ),
            fresh_for_s=fresh_for_s(headers),
        )

    def _failure(
        self, visit: _Visit, outcome: Outcome, reason: str, *, refused: str | None = None
    ) -> Failure:
        return Failure(
            **self._facts(visit),
            outcome=outcome,
            reason=visit.redact(reason),
            refused=refused,
            body=visit.body[:_ERROR_BODY_BYTES],
        )

    def _facts(self, visit: _Visit) -> _Facts:
        return {
            "url": visit.redact(str(visit.url)),
            "ended_at": self._now(),
            "status": visit.status,
            "headers": {n: visit.all_headers[n] for n in KEPT_HEADERS if n in visit.all_headers},
            "server_date": http_date(visit.all_headers.get("date")),
            "retry_after_s": retry_after_s(visit.all_headers, now=visit.arrived_at or self._now()),
            "crawl_delay_s": visit.crawl_delay_s,
            "moved_to": visit.moved_to,
        }


class _Facts(TypedDict):
    url: str
    ended_at: dt.datetime
    status: int | None
    headers: Mapping[str, str]
    server_date: dt.datetime | None
    retry_after_s: float | None
    crawl_delay_s: float | None
    moved_to: str | None


class _Visit:
    """State of one request on its way through redirects."""

    def __init__(self, request: Request) -> None:
        self.request = request
        given = _parsed(request.url)
        self.url = given.copy_with(userinfo=b"")
        self.redact = RequestRedaction((*request.secrets, given.password))
        self.status: int | None = None
        self.all_headers: dict[str, str] = {}
        self.body = b""
        self.arrived_at: dt.datetime | None = None
        self.crawl_delay_s: float | None = None
        self.moved_to: str | None = None
        self._own = self.url
        self._seen = {self.url}
        self._for_good = True
        self._authorization = _basic(given) if given.userinfo else None

    @property
    def whose_address(self) -> str:
        return "the source's address" if len(self._seen) == 1 else "the address redirected to"

    @property
    def refused(self) -> Outcome:
        """Class of the error that the present address may not be asked."""
        return Outcome.UNREACHABLE if len(self._seen) == 1 else Outcome.MOVED

    def headers(self, user_agent: str) -> list[tuple[bytes, bytes]]:
        """Headers for the present address."""
        fields = {
            "User-Agent": user_agent,
            "Accept": self.request.accept,
            "Accept-Encoding": ACCEPTED,
            "Connection": "close",
        }
        if self.request.validators.etag is not None:
            fields["If-None-Match"] = self.request.validators.etag
        if self.request.validators.last_modified is not None:
            fields["If-Modified-Since"] = self.request.validators.last_modified
        if _may_have_keys(self._own, self.url):
            if self._authorization:
                fields["Authorization"] = self._authorization
            fields |= self.request.headers
        # What a server sent goes back as it came; what a user wrote may be in any language.
        return [(name.encode(), _as_it_came(value)) for name, value in fields.items()]

    def arrived(self, response: httpcore.Response, at: dt.datetime) -> None:
        """Take note of the headers of an answer."""
        self.status = response.status
        self.arrived_at = at
        self.all_headers = {}
        for raw_name, raw_value in response.headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name in ("cache-control", "content-encoding") and name in self.all_headers:
                value = f"{self.all_headers[name]}, {value}"
                self.all_headers[name] = value
            self.all_headers.setdefault(name, value)

    def redirected(self) -> None:
        """Go on to the address that the answer names. Raises _FailedError."""
        location = self.all_headers.get("location", "").strip()
        if not location:
            raise _FailedError(Outcome.MOVED, f"redirected (HTTP {self.status}) without an address")
        try:
            to = self.url.join(_utf8(location)).copy_with(userinfo=b"", fragment=None)
        except (httpx.InvalidURL, ValueError):
            raise _FailedError(Outcome.MOVED, "redirected to what is not a URL") from None
        if self.url.scheme == "https" and to.scheme == "http":
            raise _FailedError(Outcome.MOVED, "redirected from https to http")
        if to in self._seen:
            raise _FailedError(Outcome.MOVED, "redirected in a circle")
        self._seen.add(to)
        self.url = to
        self._for_good = self._for_good and self.status in _FOR_GOOD
        if self._for_good:
            self.moved_to = None if self.redact.hides(str(to)) else str(to)


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError):
        return httpx.URL("")  # refused like any other that is not of HTTP


def _basic(url: httpx.URL) -> str:
    pair = f"{url.username}:{url.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _may_have_keys(own: httpx.URL, url: httpx.URL) -> bool:
    """Whether an address is the source's own, or the same with TLS."""
    same = (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)
    with_tls = own.scheme == "http" and url.scheme == "https" and own.port is url.port is None
    return same or (with_tls and own.host == url.host)


def _as_it_came(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


def _utf8(text: str) -> str:
    raw = text.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return text


_OUTCOMES = {
    204: (Outcome.MALFORMED, "answered without a document"),
    206: (Outcome.MALFORMED, "answered with a part of the document"),
    401: (Outcome.CREDENTIALS, "the API key or password is missing or wrong"),
    402: (Outcome.QUOTA, "the plan's allowance is used up"),
    403: (Outcome.BLOCKED, "access was refused"),
    404: (Outcome.GONE, "the document does not exist"),
    410: (Outcome.GONE, "the source has ended"),
    429: (Outcome.QUOTA, "too many requests"),
    451: (Outcome.BLOCKED, "access was refused for legal reasons"),
}
_MAY_BE_A_CHALLENGE = frozenset({403, 429, 503})


def _outcome_of_status(status: int, *, with_key: bool) -> _FailedError | None:
    if status == 403 and with_key:  # noqa: PLR2004 - an HTTP status
        reason = f"the API key is not entitled to this request (HTTP {status})"
        return _FailedError(Outcome.CREDENTIALS, reason)
    if status in _OUTCOMES:
        outcome, words = _OUTCOMES[status]
        return _FailedError(outcome, f"{words} (HTTP {status})")
    if httpx.codes.is_success(status) or status == httpx.codes.NOT_MODIFIED:
        return None
    return _FailedError(Outcome.FAILED, f"the server reports an error (HTTP {status})")


def _outcome_of_page(visit: _Visit) -> _FailedError | None:
    """The failure that a challenge for browsers came, or nothing at all.

    Other web pages are left to the reader, which finds the feed that they name.
    """
    status = visit.status or 0
    marked = {"cf-mitigated", "x-amzn-waf-action"} & visit.all_headers.keys()
    page = _HTML.match(visit.body[:_SNIFFED_BYTES])
    challenge = marked or (page and _CHALLENGE.search(visit.body[:_ERROR_BODY_BYTES]))
    if challenge and (httpx.codes.is_success(status) or status in _MAY_BE_A_CHALLENGE):
        reason = f"a challenge for browsers came instead of the document (HTTP {status})"
        return _FailedError(Outcome.BLOCKED, reason)
    if not httpx.codes.is_success(status):
        return None
    accepted = status == httpx.codes.ACCEPTED  # as some firewalls answer robots
    if not visit.body.strip() or (accepted and page):
        outcome = Outcome.BLOCKED if accepted else Outcome.MALFORMED
        return _FailedError(outcome, f"answered without a document (HTTP {status})")
    return None


_HTTP_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    OSError,
)


def _words(problem: Exception) -> str:
    """What went wrong on the network. Of texts by others only those without headers are used."""
    if isinstance(problem, httpcore.ConnectTimeout):
        return "no connection in time"
    if isinstance(problem, httpcore.TimeoutException):
        return "it stopped answering"
    if isinstance(problem, httpcore.ConnectError):
        return f"no connection: {reason_of(problem)}"
    if isinstance(problem, httpcore.LocalProtocolError):
        return "a header of the request can't be sent"
    if isinstance(problem, httpcore.RemoteProtocolError):
        return "the answer was cut short, or is not HTTP"
    return "the connection broke"
