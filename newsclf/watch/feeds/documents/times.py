"""Publication times: read the dates that feeds and news APIs write, in all their forms.

A text that fits no known form is an unknown time, never a guess: a time that was misread does more
harm to a signal than a missing one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsclf.watch.item import Stamp

_EARLIEST_YEAR = 1990
_LATEST_YEAR = 2100
_UTC_NAMES = {"GMT", "UT", "UTC", "Z"}
_PLACES = {
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "ET": "America/New_York",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "CT": "America/Chicago",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "MT": "America/Denver",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "PT": "America/Los_Angeles",
    "AKST": "America/Anchorage",
    "AKDT": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "BST": "Europe/London",
    "WET": "Europe/Lisbon",
    "WEST": "Europe/Lisbon",
    "CET": "Europe/Berlin",
    "CEST": "Europe/Berlin",
    "MEZ": "Europe/Berlin",
    "MESZ": "Europe/Berlin",
    "EET": "Europe/Helsinki",
    "EEST": "Europe/Helsinki",
    "MSK": "Europe/Moscow",
    "IST": "Asia/Kolkata",
    "SGT": "Asia/Singapore",
    "HKT": "Asia/Hong_Kong",
    "JST": "Asia/Tokyo",
    "KST": "Asia/Seoul",
    "AEST": "Australia/Sydney",
    "AEDT": "Australia/Sydney",
    "NZST": "Pacific/Auckland",
    "NZDT": "Pacific/Auckland",
}
"""Name of a zone → a place that keeps it. Sources write EST in July too and mean New York's clock,
so the place decides on summer time; the name only decides in the hour that comes twice."""
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner janv janvier ene enero gen gennaio января",
            "feb february februar fév févr février fevrier febrero febbraio февраля",
            "mar march märz mär mrz mars marzo марта",
            "apr april avr avril abr abril aprile апреля",
            "may mai mayo mag maggio мая",
            "jun june juni juin junio giu giugno июня",
            "jul july juli juil juillet julio lug luglio июля",
            "aug august août aout ago agosto августа",
            "sep sept september septembre septiembre set settembre сентября",
            "oct okt october oktober octobre octubre ott ottobre октября",
            "nov november novembre noviembre ноября",
            "dec dez december dezember déc décembre decembre dic diciembre dicembre декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"(?P<half>\s*[AaPp]\.?[Mm]\.?)?"
)
_ZONE = r"(?P<zone>Z|[A-Za-z]{1,5}(?![A-Za-z])|(?:GMT|UTC)?[+\-−]\d{1,2}:?\d{0,2})"
_REST = rf"(?:(?:[T\s]+|,\s*|\s+(?:at|um|à)\s+){_CLOCK}\s*{_ZONE}?(?:\s*\([^)]*\))?)?"
# 2026-07-01T09:30:00.123Z, 2026/07/01 09:30, 2026-07-01
_YEAR_FIRST = (
    rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){_REST}"
)
# Wed, 01 Jul 2026 09:30:00 -0400; Mi., 1. Juli 2026; 01-Jul-26 09:30
_DAY_FIRST = (
    r"(?:[^\W\d_]+\.?,?\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[\s-]+(?P<name>[^\W\d_]+)\.?,?"
    rf"[\s-]+(?P<year>\d{{4}}|\d{{2}}(?=\s+\d{{1,2}}:)){_REST}"
)
# July 1, 2026 9:30 AM ET; Wed Jul 1, 2026
_MONTH_FIRST = (
    r"(?:[^\W\d_]+\.?,?\s+)?(?P<name>[^\W\d_]+)\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+"
    rf"(?P<year>\d{{4}}){_REST}"
)
_FORMS = tuple(
    re.compile(pattern, re.IGNORECASE) for pattern in (_YEAR_FIRST, _DAY_FIRST, _MONTH_FIRST)
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?(?P<zone>Z)?)?"
)
_ASCTIME = re.compile(  # Wed Jul  1 09:30:00 [EDT] 2026
    rf"[^\W\d_]+\s+(?P<name>[^\W\d_]+)\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?:{_ZONE}\s+)?(?P<year>\d{{4}})",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"\d{9,10}(?:\.\d{1,9})?|\d{12,13}")
_SECONDS_DIGITS = 10
_MAX_CHARACTERS = 100
_NOON = 12
_MAX_OFFSET = dt.timedelta(hours=14)
_MIN_OFFSET = dt.timedelta(hours=-12)


def stamp(raw: object, *, zone: ZoneInfo | None = None) -> Stamp | None:
    """Read a time as a source wrote it.

    RFC 822 with all its variants, ISO 8601, seconds and milliseconds since 1970, day and month
    names in English, German, French, Spanish, Italian and Russian. Years outside 1990–2099 and days
    that don't exist are unknown times; a time in the future stays as claimed.

    Args:
        raw: A text or a number; anything else, and empty text, is no claim.
        zone: Where the clock is that the source keeps, for times without a zone; by default UTC.

    Returns:
        The stamp, whose `at` is None where the text can't be read; None without a claim.
    """
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        return None
    text = " ".join(str(raw).split())
    if not text:
        return None
    if _EPOCH.fullmatch(text):
        return Stamp(text, _from_epoch(text))
    if len(text) > _MAX_CHARACTERS:
        return Stamp(text[:_MAX_CHARACTERS], None)
    for form in (_COMPACT, *_FORMS, _ASCTIME):
        if found := form.fullmatch(text):
            parts = found.groupdict()
            date_only = parts.get("hour") is None
            at = _instant(parts, zone or ZoneInfo("UTC"))
            return Stamp(text, at, date_only and at is not None, at is not None and _assumed(parts))
    return Stamp(text, None)


def _from_epoch(text: str) -> dt.datetime | None:
    digits = text.partition(".")[0]
    seconds = float(text) if len(digits) <= _SECONDS_DIGITS else float(text) / 1000
    return _plausible(dt.datetime.fromtimestamp(seconds, dt.UTC))


def _instant(parts: Mapping[str, str | None], default: dt.tzinfo) -> dt.datetime | None:
    month = parts.get("month") or _MONTHS.get((parts.get("name") or "").lower())
    if month is None:
        return None
    year = parts["year"] or ""
    try:
        local = dt.datetime(  # noqa: DTZ001 - its zone comes next
            int(year if len(year) == len("2026") else f"20{year}"),
            int(month),
            int(parts["day"] or 0),
            _hour(parts),
            int(parts.get("minute") or 0),
            min(int(parts.get("second") or 0), 59),  # a leap second is the last of its minute
        )
        if parts.get("hour") is None:
            return _plausible(local.replace(tzinfo=dt.UTC))
        return _plausible(_in_zone(local, parts.get("zone"), default).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        return None


def _hour(parts: Mapping[str, str | None]) -> int:
    hour = int(parts.get("hour") or 0)
    half = (parts.get("half") or "").strip().lower()
    if half and not 1 <= hour <= _NOON:
        raise ValueError("no such hour")
    if half:
        return hour % _NOON + (_NOON if half.startswith("p") else 0)
    return hour


def _in_zone(local: dt.datetime, name: str | None, default: dt.tzinfo) -> dt.datetime:
    zone = _zone(name)
    if isinstance(zone, ZoneInfo):
        summer = (name or "").upper().endswith(("DT", "CEST", "WEST", "EEST", "BST", "MESZ"))
        at = local.replace(tzinfo=zone, fold=0 if summer else 1)
        # In the hour that is skipped in spring, fold means the opposite (PEP 495).
        is_skipped = at.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != local
        return at.replace(fold=1 - at.fold) if is_skipped else at
    return local.replace(tzinfo=zone or default)


def _assumed(parts: Mapping[str, str | None]) -> bool:
    """Whether the zone of a time of day had to be assumed."""
    return parts.get("hour") is not None and _zone(parts.get("zone")) is None


def _zone(name: str | None) -> dt.tzinfo | None:
    """Zone of a name or an offset; None for an unknown name or an impossible offset."""
    if name is None:
        return None
    upper = name.upper().replace("−", "-")
    if upper in _UTC_NAMES:
        return dt.UTC
    if upper in _PLACES:
        try:
            return ZoneInfo(_PLACES[upper])
        except ZoneInfoNotFoundError:
            return None
    found = re.fullmatch(r"(?:GMT|UTC)?([+-])(\d{1,2}):?(\d{2})?", upper)
    if found is None:
        return None
    offset = dt.timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    offset = -offset if found[1] == "-" else offset
    return dt.timezone(offset) if _MIN_OFFSET <= offset <= _MAX_OFFSET else None


def _plausible(at: dt.datetime) -> dt.datetime | None:
    return at if _EARLIEST_YEAR <= at.year < _LATEST_YEAR else None
