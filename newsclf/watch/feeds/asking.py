"""Ask a source once: request, fetch and read its document, a feed's or a news API's.

What a source remembers between two requests (validators, pages, items already parsed) changes only
once its answer is safe: the caller says so with `kept`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from zoneinfo import ZoneInfo

from newsclf.watch.feeds.documents.reading import Reading
from newsclf.watch.feeds.documents.syndication import FeedMemory, read_feed
from newsclf.watch.feeds.documents.vendors import Vendor, Wanted, read_answer, request
from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request, Validators
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.schedule import should_ask_in_full
from newsclf.watch.item import Item

_FIRST_SINCE = dt.timedelta(days=2)
"""How far back a news API is asked at first."""
_OVERLAP = dt.timedelta(hours=1)
"""Before the newest item known, since vendors add some late."""
_MOST_PAGES = 10
"""Pages behind the first that are read in a row to catch up."""
_OF_THE_VENDOR = frozenset(
    (Outcome.FAILED, Outcome.BLOCKED, Outcome.CREDENTIALS, Outcome.QUOTA, Outcome.GONE)
)
"""Failures whose body may be the vendor's own words."""
_NO_WORDS = frozenset((Outcome.MALFORMED, Outcome.BLOCKED))
"""What is read from an error's body that is not the vendor's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What asking a source once brought."""

    outcome: Outcome
    detail: str | None = None
    """What is wrong, without secrets."""
    items: tuple[Item, ...] = ()
    at: dt.datetime
    """When the answer was complete, UTC."""
    monotonic_s: float
    status: int | None = None
    server_at: dt.datetime | None = None
    body_digest: str | None = None
    body_bytes: int | None = None
    moved_to: str | None = None
    retry_after_s: float | None = None
    fresh_for_s: float | None = None
    ttl_s: float | None = None
    terms: str | None = None
    """On which the items may be used, as the document says."""
    crawl_delay_s: float | None = None
    """Between requests to the host, as its robots.txt asks; None if that was not read."""
    kept: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """To be called once the items are in the record: the next request builds on them."""


class Asked(Protocol):
    """A source that is asked again and again."""

    @property
    def host(self) -> str:
        """Whose limits its requests share."""

    async def ask(self, *, usual_gap_s: float | None = None) -> Answered:
        """Make one request. What goes wrong is in the answer, not raised.

        Args:
            usual_gap_s: Between its new items, as far as is known.
        """


class Fetches(Protocol):
    """What `fetching.fetch.Fetcher` does."""

    async def fetch(self, request: Request) -> Fetched | Failure:
        """Ask for a document."""


class Feed:
    """An RSS, RDF, Atom or JSON feed."""

    def __init__(
        self,
        url: str,
        fetcher: Fetches,
        *,
        host: str,
        zone: ZoneInfo | None,
        secrets: tuple[str, ...] = (),
        as_robot: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without memory of earlier documents.

        Args:
            url: Its address, which may hold a token.
            fetcher: Makes the requests.
            host: Of the address.
            zone: The source's clock, for times without a zone.
            secrets: What in the address no message may repeat.
            as_robot: Whether robots.txt counts.
            monotonic: A clock that is never set, in seconds.
        """
        self.host = host
        self._url = url
        self._fetcher = fetcher
        self._zone = zone
        self._secrets = secrets
        self._as_robot = as_robot
        self._monotonic = monotonic
        self._memory = FeedMemory()
        self._validators = Validators()
        self._digest: str | None = None
        self._unchanged = 0
        self._full_s = 0.0

    async def ask(self, *, usual_gap_s: float | None = None) -> Answered:
        """Make one request, conditional if the last document is known."""
        in_full = should_ask_in_full(
            unchanged=self._unchanged,
            since_full_s=self._monotonic() - self._full_s,
            usual_gap_s=usual_gap_s,
        )
        validators = Validators() if in_full else self._validators
        answer = await self._fetcher.fetch(
            Request(
                url=self._url,
                secrets=self._secrets,
                validators=validators,
                as_robot=self._as_robot,
            )
        )
        now_s = self._monotonic()
        if isinstance(answer, Failure):
            return _answered(answer, now_s)
        digest = self._digest if answer.not_modified else answer.digest
        if answer.not_modified or digest == self._digest:
            self._unchanged += 1
            self._full_s = self._full_s if answer.not_modified else now_s
            reading = Reading(outcome=Outcome.OK)
        else:
            # Parsing takes longer than the other sources and the page should wait.
            reading = await asyncio.to_thread(
                read_feed,
                answer.body,
                url=answer.url,
                content_type=answer.headers.get("content-type"),
                zone=self._zone,
                memory=self._memory,
            )
        found = _answered(answer, now_s, reading)
        if not reading.outcome.delivers:
            return found  # a document that can't be read is asked for again in full
        if answer.not_modified or digest == self._digest:
            return replace(found, kept=lambda: self._keep(answer.validators, digest))
        return replace(found, kept=lambda: self._keep_new(answer.validators, digest, now_s))

    def _keep(self, validators: Validators, digest: str | None) -> None:
        self._validators, self._digest = validators, digest

    def _keep_new(self, validators: Validators, digest: str | None, now_s: float) -> None:
        self._keep(validators, digest)
        self._unchanged, self._full_s = 0, now_s


class NewsApi:
    """A news API. A request brings one page.

    The next request is for the page behind it if that may hold more news: always where the oldest
    items come first, else where the page held news only.
    """

    def __init__(
        self,
        vendor: Vendor,
        wanted: Wanted,
        fetcher: Fetches,
        *,
        host: str,
        key: str | None,
        now: Callable[[], dt.datetime],
        shown_by: Sequence[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without memory of earlier answers.

        Args:
            vendor: Its description.
            wanted: What it is asked for, without times.
            fetcher: Makes the requests.
            host: Of its address.
            key: API key.
            now: The wall clock.
            shown_by: Names of the sources that show what it withdraws.
            monotonic: A clock that is never set, in seconds.
        """
        self.host = host
        self._shown_by = tuple(shown_by)
        self._vendor = vendor
        self._wanted = wanted
        self._fetcher = fetcher
        self._key = key
        self._now = now
        self._monotonic = monotonic
        self._newest: dt.datetime | None = None
        """The latest time of publication that an item claimed."""
        self._known: frozenset[str] = frozenset()
        """Digests of the items of the last first page, and of the pages behind it, before this."""
        self._seen: frozenset[str] = frozenset()
        """Those of this first page, and of the pages behind it so far."""
        self._page: str | None = None
        self._pages = 0

    def remember(self, items: Iterable[Item]) -> None:
        """Take items of the record for known, and begin with the first page."""
        known = list(items)
        self._known |= self._seen | {_digest(item) for item in known}
        self._seen = frozenset()
        self._note_times(known)
        self._to_the_first_page()

    async def ask(self, *, usual_gap_s: float | None = None) -> Answered:  # noqa: ARG002 - of Asked
        """Ask for the first page, or for the next one while there is more news than fits in one."""
        page, now = self._page, self._now()
        since = (self._newest - _OVERLAP) if self._newest else now - _FIRST_SINCE
        wanted = replace(self._wanted, since=since, until=now)
        answer = await self._fetcher.fetch(request(self._vendor, wanted, key=self._key, page=page))
        now_s = self._monotonic()
        reading = await self._read(answer, page)
        if reading is None:
            return replace(_answered(answer, now_s), kept=self._to_the_first_page)
        found = _answered(answer, now_s, reading)
        if not reading.outcome.delivers:
            return replace(found, kept=self._to_the_first_page)
        if self._shown_by:
            items = [
                replace(item, shown_by=name) for item in found.items for name in self._shown_by
            ]
            found = replace(found, items=tuple(items))
        return replace(found, kept=lambda: self._keep(reading, page))

    async def _read(self, answer: Fetched | Failure, page: str | None) -> Reading | None:
        """What the vendor says; None where the failure to fetch says more."""
        if isinstance(answer, Failure) and (
            answer.status is None or answer.outcome not in _OF_THE_VENDOR
        ):
            return None
        reading = await asyncio.to_thread(
            read_answer,
            answer.body,
            self._vendor,
            status=answer.status or 0,
            content_type=answer.headers.get("content-type"),
            page=page,
        )
        if isinstance(answer, Failure):
            beyond_the_last_page = reading.outcome.delivers and page is not None
            explained = not reading.outcome.delivers and reading.outcome not in _NO_WORDS
            return reading if beyond_the_last_page or explained else None
        return reading

    def _keep(self, reading: Reading, page: str | None) -> None:
        digests = frozenset(_digest(item) for item in reading.items)
        paging = self._vendor.paging
        oldest_first = paging is not None and paging.oldest_first
        if page is None:
            self._known, self._seen = self._seen or self._known, frozenset()
        only_news = bool(self._known and digests - self._seen) and not digests & self._known
        self._seen |= digests
        self._note_times(reading.items)
        more = (oldest_first or only_news) and self._pages < _MOST_PAGES
        self._page = reading.next_page if more else None
        self._pages = self._pages + 1 if self._page is not None else 0

    def _note_times(self, items: Iterable[Item]) -> None:
        stamps = [stamp for item in items for stamp in (item.published, item.updated)]
        claimed = [stamp.at for stamp in stamps if stamp and stamp.at]
        if claimed:
            newest = min(max(claimed), self._now())
            self._newest = max(self._newest, newest) if self._newest else newest

    def _to_the_first_page(self) -> None:
        self._page, self._pages = None, 0


def _answered(
    answer: Fetched | Failure, monotonic_s: float, reading: Reading | None = None
) -> Answered:
    """What an answer brought: a document that was read, or a failure without a reading."""
    found = Answered(
        outcome=Outcome.FAILED,
        at=answer.ended_at,
        monotonic_s=monotonic_s,
        status=answer.status,
        server_at=answer.server_date,
        moved_to=answer.moved_to,
        retry_after_s=answer.retry_after_s,
        crawl_delay_s=answer.crawl_delay_s,
    )
    if isinstance(answer, Failure):
        found = replace(found, outcome=answer.outcome, detail=answer.reason)
    else:
        found = replace(found, fresh_for_s=answer.fresh_for_s)
        if not answer.not_modified:
            found = replace(found, body_digest=answer.digest, body_bytes=len(answer.body))
    if reading is not None:
        found = replace(
            found,
            outcome=reading.outcome,
            detail=reading.detail,
            items=reading.items,
            ttl_s=reading.ttl_s,
            terms=reading.rights,
        )
    return found


def _digest(item: Item) -> str:
    named = item.id or f"{item.url}\n{item.title}"
    return hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()
