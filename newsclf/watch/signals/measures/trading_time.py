"""Trading time: a clock that runs while an exchange trades and stands still while it is closed.

The hours of an exchange are those of the package `exchange_calendars`, with holidays, short days
and breaks. They are kept in the record as a text, since a later version of that package may know
of other holidays: a replay uses the hours that were used.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from newsclf.common.errors import ConfigError, DataError, require_extra
from newsclf.common.suggestions import closest

_FIRST_DAY = dt.date(2025, 1, 1)
"""No record is older than newsclf."""


class OpenSpan(NamedTuple):
    """A time in which an exchange trades without a break, in seconds since 1970."""

    session: dt.date
    """The trading day, as the exchange names it."""
    opens_s: int
    closes_s: int


@dataclass(frozen=True)
class TradingCalendar:
    """The hours of an exchange, over some years."""

    exchange: str
    """Its market identifier code (ISO 10383), such as XNYS."""
    time_zone: str
    spans: tuple[OpenSpan, ...]
    """Ascending, without overlaps."""

    @property
    def text(self) -> str:
        """Its hours as the record keeps them: a line for each span."""
        lines = [f"{each.session} {each.opens_s} {each.closes_s}" for each in self.spans]
        return "\n".join([f"{self.exchange} {self.time_zone}", *lines, ""])

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_calendar(text: str) -> TradingCalendar:
    """The calendar of a text.

    Raises:
        DataError: It is not the text of one.
    """
    head, *lines = text.splitlines() or [""]
    try:
        exchange, zone = head.split()
        rows = [line.split() for line in lines]
        spans = tuple(
            OpenSpan(dt.date.fromisoformat(day), int(opens), int(closes))
            for day, opens, closes in rows
        )
    except ValueError as error:
        raise DataError(f"these are not the hours of an exchange ({error})") from error
    return TradingCalendar(exchange, zone, spans)


def load_calendar(exchange: str, today: dt.date) -> TradingCalendar:
    """The hours of an exchange from 2025 to the end of the next year, as far as they are known.

    Args:
        exchange: A name that `exchange_calendars` has.
        today: Decides the year.

    Raises:
        ConfigError: There is no such exchange, or its holidays are not known up to today.
        MissingExtraError: The extra `watch` was installed before it had the package.
    """
    require_extra("exchange_calendars", extra="watch", purpose="the trading time of an exchange")
    found = _load(exchange, today.year + 1)
    if found.spans[-1].session < today:
        raise ConfigError(
            f"the trading days of {exchange} are known until {found.spans[-1].session} only",
            hint="pip install --upgrade exchange_calendars",
        )
    return found


@lru_cache(maxsize=4)  # pandas needs half a second for it
def _load(exchange: str, last_year: int) -> TradingCalendar:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    with warnings.catch_warnings():
        # Release 4.13.2 uses what a later pandas will not have any more.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            first, soon = str(_FIRST_DAY), str(_FIRST_DAY + dt.timedelta(days=31))
            # A month of it, since the twenty years of the default take seconds.
            bound = exchange_calendars.get_calendar(exchange, start=first, end=soon).bound_max()
        except InvalidCalendarName as error:
            known = exchange_calendars.get_calendar_names(include_aliases=False)
            raise ConfigError(
                f"exchange: {exchange} has no calendar",
                hint="give a market identifier code (ISO 10383) such as"
                f" {closest(exchange.upper(), known) or 'XNYS'}",
            ) from error
        last = dt.date(last_year, 12, 31)
        end = min(last, bound.date()) if bound is not None else last
        calendar = exchange_calendars.get_calendar(exchange, start=first, end=str(end))
        return TradingCalendar(exchange, str(calendar.tz), tuple(_spans(calendar.schedule)))


def _spans(schedule: Any) -> Iterator[OpenSpan]:
    """The times of a table of sessions, of which some have a break."""
    for session, row in schedule.iterrows():
        ends = row[["open", "break_start", "break_end", "close"]].dropna()
        times_s = [round(each.timestamp()) for each in ends]
        for opens_s, closes_s in zip(times_s[::2], times_s[1::2], strict=True):
            yield OpenSpan(session.date(), opens_s, closes_s)


class MarketClock:
    """The time that counts for the age of news, in seconds.

    With a calendar it is the time that the exchange was open, from the calendar's beginning; it
    stands still outside its sessions. Without one it is plain time since 1970.
    """

    def __init__(self, calendar: TradingCalendar | None = None) -> None:
        """Begin with the hours of an exchange, or without."""
        self._spans = calendar.spans if calendar is not None else ()
        self._opens_s = [span.opens_s for span in self._spans]
        self._closes_s = [span.closes_s for span in self._spans]
        lengths_s = [span.closes_s - span.opens_s for span in self._spans]
        self._before_s = list(accumulate(lengths_s, initial=0))
        """Time before each span, and of all."""

    def at(self, time_s: float) -> float:
        """The time on this clock, which never runs backwards.

        Args:
            time_s: Seconds since 1970.
        """
        if not self._spans:
            return time_s
        begun = bisect_right(self._opens_s, time_s)
        if begun == 0:
            return 0.0
        last = begun - 1
        until_s = min(time_s, self._closes_s[last])
        return self._before_s[last] + (until_s - self._opens_s[last])

    def before(self, time_s: float, span_s: float) -> float:
        """The earliest time since which no more than a span has passed on this clock.

        Args:
            time_s: Seconds since 1970, as is the result.
            span_s: On this clock.
        """
        if not self._spans:
            return time_s - span_s
        wanted_s = self.at(time_s) - span_s
        if wanted_s <= 0:
            return 0.0  # 1970: all the calendar
        # The clock shows it from within this span on, or from the close of the one before it.
        last = bisect_right(self._before_s, wanted_s, hi=len(self._spans)) - 1
        if self._before_s[last] == wanted_s:
            return float(self._closes_s[last - 1])
        return self._opens_s[last] + (wanted_s - self._before_s[last])

    def session(self, time_s: float) -> dt.date | None:
        """The trading day for which news of a time counts: the first that closes after it.

        What becomes known at the close, or after it, counts for the next. None without a calendar,
        and behind its end.
        """
        place = bisect_right(self._closes_s, time_s)
        return self._spans[place].session if place < len(self._spans) else None
