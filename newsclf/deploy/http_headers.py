"""HTTP header fields that say when to come back: Date, Retry-After, Cache-Control, Expires."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def http_date(text: str | None) -> dt.datetime | None:
    """A time in any of the three forms of HTTP (RFC 9110 §5.6.7), in UTC; None if unreadable."""
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
        if found.tzinfo is None:
            return found.replace(tzinfo=dt.UTC)
        return found.astimezone(dt.UTC)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None


def server_now(headers: Mapping[str, str]) -> dt.datetime | None:
    """The server's clock: Date, and Age if a cache answered."""
    date = http_date(headers.get("date"))
    age_s = _seconds(headers.get("age"))
    try:
        return date + dt.timedelta(seconds=age_s or 0) if date else None
    except OverflowError:
        return date


def retry_after_s(headers: Mapping[str, str], *, now: dt.datetime) -> float | None:
    """How long Retry-After asks to wait, in seconds from the answer on; never negative.

    A date counts from the server's own clock, if it tells it: one that is an hour slow would
    otherwise be asked again at once.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    until = http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (server_now(headers) or now)).total_seconds())


def fresh_for_s(headers: Mapping[str, str]) -> float | None:
    """How long a document stays fresh (RFC 9111 §4.2), in seconds from the answer on.

    Returns:
        None if the server does not say, or says that caches must ask each time.
    """
    directives = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(cache|store)\b", directives):
        return None
    age_s = _seconds(headers.get("age")) or 0.0
    found = re.search(r'\bmax-age\s*=\s*"?(\d+)', directives)
    if found:
        lifetime_s = _seconds(found[1])
        return max(0.0, lifetime_s - age_s) if lifetime_s is not None else None
    expires, date = http_date(headers.get("expires")), http_date(headers.get("date"))
    if expires is None or date is None:
        return None
    return max(0.0, (expires - date).total_seconds() - age_s)


def _seconds(text: str | None) -> float | None:
    # Some servers send fractions. Beyond 10 digits it is no time to wait, but a mistake.
    found = re.fullmatch(r"\s*(\d{1,10})(\.\d{1,9})?\s*", text or "", re.ASCII)
    return float(f"{found[1]}{found[2] or ''}") if found else None
