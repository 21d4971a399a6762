"""Request for a source's document, and what it was answered with: a document or a failure."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from newsclf.watch.feeds.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server named this version of a document by, word for word (RFC 9110 §8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        """Whether there is one to send."""
        return self.etag is not None or self.last_modified is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET of a source. Its text form shows no secret."""

    url: str = field(repr=False)
    """With the API key, if the vendor wants it there; user and password go out as Basic."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the source's own; a redirect to another host does not get them."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Keys and passwords of the URL and headers, so that no answer and no error repeats them."""
    accept: str = "application/rss+xml, application/atom+xml, application/feed+json, application/json;q=0.9, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"  # noqa: E501
    validators: Validators = Validators()
    """Of the version that was read last; empty to be sent the document whatever it is."""
    as_robot: bool = False
    """Whether robots.txt decides if it may be made, here and where it is redirected to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What every answer of a server tells, beside the document."""

    url: str
    """After redirects, without user, password and secrets."""
    ended_at: dt.datetime
    """When it had come, in UTC by the clock that the fetcher was given."""
    status: int | None = None
    """HTTP status; None if no answer came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of `KEPT_HEADERS` that came, by their names in lower case."""
    server_date: dt.datetime | None = None
    retry_after_s: float | None = None
    """How long the server asks to be left alone, from its answer on."""
    crawl_delay_s: float | None = None
    """Between requests to the host, as its robots.txt asks; None if that was not read."""
    moved_to: str | None = None
    """Where the source has moved for good, by this answer (301 and 308 from the first hop on)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Answer):
    """A document, or the answer that it has not changed."""

    body: bytes = field(repr=False)
    """Decoded; empty if not modified."""
    not_modified: bool = False
    validators: Validators = Validators()
    """To send with the next request, once the items of this document are safe."""
    fresh_for_s: float | None = None
    """How long caches may keep the document; asking earlier brings nothing."""

    @property
    def digest(self) -> str:
        """SHA-256 of the body, to recognise an unchanged one from a server without validators."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure(Answer):
    """No document, and why."""

    outcome: Outcome
    reason: str
    """A clause for people, without secrets."""
    refused: str | None = None
    """Why the address may not be connected to, if that is the reason."""
    body: bytes = field(default=b"", repr=False)
    """Beginning of the answer, from which a vendor's own error message can be read."""


KEPT_HEADERS = (
    "age",
    "cache-control",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-usagelimit-limit",
    "x-usagelimit-remaining",
)
