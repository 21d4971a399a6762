"""The sources of a watch.toml, ready to be asked."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

from newsclf.watch.configuration import STDIN, Source, WatchSettings, key_of, vendor_of
from newsclf.watch.feeds.asking import Asked, Feed, Fetches, NewsApi
from newsclf.watch.feeds.documents.vendors import Vendor
from newsclf.watch.feeds.following import Files, Pipe
from newsclf.watch.feeds.schedule import Pace
from newsclf.watch.record.redaction import SHORTEST_SECRET
from newsclf.watch.record.storage.sharing import Unit

log = logging.getLogger(__name__)
_KEY_NAMES = re.compile(r"key|token|secret|auth|sig|pass|^id$|^u$", re.IGNORECASE)
_AT_LEAST_S = 60.0


@dataclass(frozen=True, slots=True)
class AskedSource:
    """A feed or a news API, and how often it may be asked."""

    asked: Asked
    pace: Pace
    quota: str | None = None
    """What it shares with other sources: the allowance of an API key, which may be unlimited."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources, by their names."""

    asked: Mapping[str, AskedSource]
    followed: Mapping[str, Files | Pipe]
    per_day: Mapping[str, int]
    """Requests in 24 hours that each quota allows; those of other quotas are not counted."""
    terms: Mapping[str, str]
    """On which headlines may be used, of the sources for which it is written down."""
    secrets: tuple[str, ...] = field(repr=False)
    """API keys, and what in the addresses of feeds may be one."""


def make_sources(
    settings: WatchSettings,
    fetcher: Fetches,
    *,
    folder: Path,
    environ: Mapping[str, str],
    stdin: BinaryIO,
    now: Callable[[], dt.datetime],
) -> Sources:
    """Make the sources.

    Args:
        settings: What they are.
        fetcher: Makes their requests.
        folder: Where watch.toml is, to which paths are relative.
        environ: Environment variables, with API keys.
        stdin: Standard input.
        now: The wall clock.

    Raises:
        ConfigError: There is no API key where one should be, or no such news API.
    """
    asked: dict[str, AskedSource] = {}
    followed: dict[str, Files | Pipe] = {}
    per_day: dict[str, int] = {}
    terms = {each.name: each.terms for each in settings.sources if each.terms is not None}
    secrets: list[str] = []
    first_of_key: dict[tuple[str | None, str | None], str] = {}
    for source in settings.sources:
        if source.path == STDIN:
            followed[source.name] = Pipe(stdin, zone=source.zone, now=now, every_s=source.every_s)
        elif source.path is not None:
            path = folder / source.path
            followed[source.name] = Files(path, zone=source.zone, every_s=source.every_s, now=now)
        elif source.feed is not None:
            keys = keys_in(source.feed)
            secrets += keys
            feed = Feed(
                source.feed,
                fetcher,
                host=_host(source.feed),
                zone=source.zone,
                secrets=keys,
                as_robot=not source.ignore_robots,
            )
            asked[source.name] = AskedSource(feed, _pace(source))
        else:
            vendor = vendor_of(source, folder=folder)
            key = key_of(source, vendor, folder=folder, environ=environ)
            secrets += [key] if key is not None else []
            terms.setdefault(source.name, f"{vendor.title}: {vendor.terms}")
            api = NewsApi(
                vendor,
                source.wanted,
                fetcher,
                host=_host(vendor.request.url),
                key=key,
                now=now,
                shown_by=_showing(vendor, source, settings),
            )
            quota = first_of_key.setdefault((source.api, key), source.name)
            if source.per_day is not None:
                allowed = max(1, int(source.per_day))
                per_day[quota] = min(allowed, per_day.get(quota, allowed))
            asked[source.name] = AskedSource(api, _pace(source), quota)
    return Sources(asked, followed, per_day, terms, tuple(secrets))


def _showing(vendor: Vendor, source: Source, settings: WatchSettings) -> list[str]:
    """Names of the sources that show what a vendor withdraws."""
    if vendor.retracts is None:
        return []
    found = [each.name for each in settings.sources if each.api == vendor.retracts]
    if not found:
        log.warning(
            "%s withdraws items of the api %s, which no source has", source.name, vendor.retracts
        )
    return found


def keys_in(url: str) -> tuple[str, ...]:
    """What in the address of a feed may be a key: user, password, and parameters named so."""
    parts = urlsplit(url)
    named = [value for name, value in parse_qsl(parts.query) if _KEY_NAMES.search(name)]
    logins = [unquote(each or "") for each in (parts.username, parts.password)]
    return tuple(each for each in (*logins, *named) if len(each) >= SHORTEST_SECRET)


def units_of(sources: Sources) -> list[Unit]:
    """Sources that one watch is to read together: those of one host, or that share a quota.

    The limits of a host and of an API key then hold however many watches share a record. Standard
    input is in none: each watch has its own.
    """
    units = [
        frozenset({name}) for name, each in sources.followed.items() if isinstance(each, Files)
    ]
    limits: dict[str, set[str]] = {}
    for name, each in sources.asked.items():
        for limit in (f"host {each.asked.host}", each.quota and f"quota {each.quota}"):
            if limit:
                limits.setdefault(limit, set()).add(name)
    joined: list[set[str]] = []
    for names in limits.values():
        overlapping = [each for each in joined if not each.isdisjoint(names)]
        joined = [each for each in joined if each.isdisjoint(names)]
        joined.append(names.union(*overlapping))
    return [*units, *map(frozenset, joined)]


def sharing(sources: Sources, quota: str) -> Sequence[str]:
    """Names of the sources that share a quota."""
    return [name for name, each in sources.asked.items() if each.quota == quota]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _pace(source: Source) -> Pace:
    at_least_s = source.every_s if source.every_s is not None else _AT_LEAST_S
    per_day = source.per_day if source.api is None else None  # a quota has its own count
    return Pace(every_s=source.every_s, at_least_s=at_least_s, per_day=per_day)
