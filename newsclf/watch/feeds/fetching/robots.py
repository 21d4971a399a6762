"""What robots.txt of a host allows (RFC 9309), and how often it wants to be asked.

An address counts as in robots.txt of its own host, port and scheme:

    2xx              as it says, by the group of `newsclf`, else of `*`
    4xx              no rules, so all is allowed; 429 is taken for the last of these
    redirects        followed five times; further on, or where they may not go, as with 4xx
    5xx, no answer   nothing is allowed, unless an earlier copy says what is

A copy is kept for as long as its server says, from an hour to a day, and then asked for anew with
its validators.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx

from newsclf.common.visible import visible
from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request, Validators
from newsclf.watch.feeds.outcome import Outcome

if TYPE_CHECKING:
    from protego import Protego

AGENT = "newsclf"
"""Product token that groups of robots.txt name; User-Agent begins with it."""
_SHORTEST_KEPT_S = 3_600.0
_LONGEST_KEPT_S = 86_400.0
_AGAIN_S = 300.0
"""After an attempt that failed."""
_READ_BYTES = 500 << 10
"""RFC 9309 §2.5 asks for at least as much."""
_MOST_COPIES = 200
_DISALLOW = re.compile(r"\s*disallow\s*:\s*([^\s#]+)", re.IGNORECASE)
_MOST_TRIED = 20
"""Rules that are looked at, to name the one that decides."""
_SHOWN_CHARACTERS = 60
_NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an address may be asked for."""

    outcome: Outcome | None = None
    """Why not; None if it may."""
    reason: str = ""
    crawl_delay_s: float = 0.0
    """At least this between two requests to the host."""
    refused: str | None = None
    """Why the host's address may not be connected to, if that is the reason."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """What is known of a host's robots.txt."""

    text: str | None = None
    """None: it was not read yet."""
    validators: Validators = _NO_VALIDATORS
    failed: Verdict | None = None
    """Why there is no newer one."""
    until_s: float = 0.0
    """When to ask again."""


class Robots:
    """Looks addresses up in robots.txt of their hosts.

    Args:
        fetch: Makes a request, such as `Fetcher.fetch`.
        monotonic: A clock that is never set, in seconds.
    """

    def __init__(
        self,
        fetch: Callable[[Request], Awaitable[Fetched | Failure]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._copies: dict[httpx.URL, _Copy] = {}
        self._asking: dict[httpx.URL, asyncio.Lock] = {}

    async def look_up(self, url: httpx.URL) -> Verdict:
        """Say whether an address may be asked for."""
        place = url.copy_with(raw_path=b"/robots.txt", fragment=None)
        async with self._asking.setdefault(place, asyncio.Lock()):
            copy = self._copies.get(place, _Copy())
            if copy.until_s <= self._monotonic():
                copy = await self._ask(place, copy)
                self._keep(place, copy)
        if copy.text is None:
            return copy.failed or Verdict()
        # A long one takes longer than the other sources should wait.
        return await asyncio.to_thread(_judged, copy.text, url)

    async def _ask(self, place: httpx.URL, before: _Copy) -> _Copy:
        answer = await self._fetch(
            Request(url=str(place), accept="text/plain, */*;q=0.1", validators=before.validators)
        )
        now_s = self._monotonic()
        if isinstance(answer, Fetched):
            fresh_s = _LONGEST_KEPT_S if answer.fresh_for_s is None else answer.fresh_for_s
            until_s = now_s + min(max(fresh_s, _SHORTEST_KEPT_S), _LONGEST_KEPT_S)
            text = before.text if answer.not_modified else _text(answer.body)
            return _Copy(text, answer.validators, until_s=until_s)
        if _is_none(answer):
            return _Copy("", until_s=now_s + _LONGEST_KEPT_S)
        reason = f"{answer.reason}, when asked for robots.txt; nothing else is asked until it is"
        wait_s = max(_AGAIN_S, min(answer.retry_after_s or 0.0, _LONGEST_KEPT_S))
        failed = Verdict(answer.outcome, f"{reason} readable", refused=answer.refused)
        return replace(before, failed=failed, until_s=now_s + wait_s)

    def _keep(self, place: httpx.URL, copy: _Copy) -> None:
        # Redirects may lead to ever new hosts.
        self._copies.pop(place, None)
        self._copies[place] = copy
        for oldest in [*self._copies][:-_MOST_COPIES]:
            del self._copies[oldest]
            self._asking.pop(oldest, None)


def _is_none(answer: Failure) -> bool:
    """Whether a failure means that there is no robots.txt."""
    if answer.outcome is Outcome.MOVED:
        return True
    status = answer.status or 0
    empty = httpx.codes.is_success(status) and answer.outcome in (
        Outcome.MALFORMED,
        Outcome.BLOCKED,  # a page for browsers, which has no rules
    )
    refused = httpx.codes.is_client_error(status) and status != httpx.codes.TOO_MANY_REQUESTS
    return empty or refused


def _text(body: bytes) -> str:
    if len(body) > _READ_BYTES:  # a rule that is cut would forbid more
        body = body[:_READ_BYTES].rpartition(b"\n")[0]
    return body.decode("utf-8-sig", "replace")


def _judged(text: str, url: httpx.URL) -> Verdict:
    parsed = _parsed(text)
    delay_s = min(parsed.crawl_delay(AGENT) or 0.0, _LONGEST_KEPT_S)
    if parsed.can_fetch(str(url), AGENT):
        return Verdict(crawl_delay_s=delay_s)
    rule = _rule(text, str(url))
    reason = (
        f"robots.txt of {url.host} forbids this address{f' ({rule})' if rule else ''}; if the"
        " publisher permits it, set ignore_robots = true for this source in watch.toml"
    )
    return Verdict(Outcome.DISALLOWED, reason, delay_s)


def _parsed(text: str) -> Protego:
    from protego import Protego

    return Protego.parse(text)


def _rule(text: str, url: str) -> str | None:
    """The rule that forbids an address: the longest one that does so without the others."""
    lines = text.splitlines()
    rules = {
        number: found[1] for number, line in enumerate(lines) if (found := _DISALLOW.match(line))
    }
    others = ["Disallow:" if number in rules else line for number, line in enumerate(lines)]
    matching = [
        number
        for number, value in rules.items()
        if not _parsed(f"User-agent: *\nDisallow: {value}").can_fetch(url, AGENT)
    ]
    matching.sort(key=lambda number: len(rules[number]), reverse=True)
    for number in matching[:_MOST_TRIED]:
        alone = [*others[:number], lines[number], *others[number + 1 :]]
        if not _parsed("\n".join(alone)).can_fetch(url, AGENT):
            shown = rules[number]
            cut = f"{shown[:_SHOWN_CHARACTERS]}…" if len(shown) > _SHOWN_CHARACTERS else shown
            return visible(f"Disallow: {cut}")
    return None
