"""Daily prices from a CSV file, checked, as one table of trading days and entities.

The trading days are those of the file: no calendar knows the holidays of an exchange better than
its prices do.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from newsclf.common.errors import ConfigError, DataError, reason_of
from newsclf.watch.entities.listed import WatchedEntity

if TYPE_CHECKING:
    from newsclf.watch.signals.measures.trading_time import TradingCalendar

Values = NDArray[np.float64]
MEAN_INDEX = "the mean of the entities"
_LEAST_FOR_MEAN = 5
_LARGE_RETURN = 0.5
_LONG_BREAK = dt.timedelta(days=7)
_COLUMNS = "the columns are date (or datetime), symbol (or entity), close and, if you have it, open"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of each trading day (rows) and entity (columns); nan before and after a listing."""

    days: tuple[dt.date, ...]
    closed_s: Values
    """When each trading day closed; with several closes on a day, the first."""
    entities: tuple[str, ...]
    close: Values
    open: Values | None
    index: Values
    """Close of the index."""
    index_name: str
    warnings: tuple[str, ...] = ()


class _Row(NamedTuple):
    line: int
    day: dt.date
    closed_s: float
    symbol: str
    close: float
    open: float | None


class _Exchange(NamedTuple):
    """When trading days end, for rows with a date."""

    zone: ZoneInfo
    close: dt.time
    known: Mapping[dt.date, float]
    """Of the days of a calendar: when they end."""

    def closed_s(self, day: dt.date) -> float:
        """The end of a day."""
        by_the_clock = dt.datetime.combine(day, self.close, self.zone).timestamp()
        return self.known.get(day, by_the_clock)


def read_prices(
    path: Path,
    watchlist: Sequence[WatchedEntity],
    *,
    index: str | None,
    time_zone: str,
    close: dt.time,
    calendar: TradingCalendar | None = None,
) -> Prices:
    """Read prices, and those of an index.

    Args:
        path: A CSV file with date or datetime, symbol or entity, close and perhaps open.
        watchlist: The entities, which are known by their names and tickers.
        index: A symbol of the file, or the path of another one; None: the mean of the entities.
        time_zone: Of the exchange.
        close: When its trading days end, for rows with a date.
        calendar: Says when each of them ends, where it has that day.

    Raises:
        ConfigError: The index or the time zone doesn't exist.
        DataError: A file can't be read, or has gaps, duplicates or unknown symbols.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ValueError, OSError, KeyError):
        raise ConfigError(
            f"--time-zone {time_zone}: there is no such time zone",
            hint="--time-zone America/New_York",
        ) from None
    known = {each.session: float(each.closes_s) for each in calendar.spans} if calendar else {}
    exchange = _Exchange(zone, close, known)
    series = _series(path, _rows(path, exchange))
    index_series: Mapping[dt.date, _Row] | None = None
    if index is not None and index in series:
        index_series = series.pop(index)
    elif index is not None:
        index_series = _index_file(path, index, exchange)
    columns = _by_entity(path, series, watchlist)
    days = sorted({day for rows in columns.values() for day in rows})
    _check_gaps(path, columns, days)
    closes = _table(columns, days, "close")
    rows_of_day = {day: min(r[day].closed_s for r in columns.values() if day in r) for day in days}
    opens = _table(columns, days, "open") if _has_opens(path, columns) else None
    return Prices(
        days=tuple(days),
        closed_s=np.array([rows_of_day[day] for day in days]),
        entities=tuple(columns),
        close=closes,
        open=opens,
        index=_index(path, index_series, days, closes),
        index_name=index if index is not None else MEAN_INDEX,
        warnings=tuple(_warnings(columns, days, closes, index)),
    )


def _rows(path: Path, exchange: _Exchange, *, symbol: str | None = None) -> Iterator[_Row]:
    """The rows of a file; `symbol` is that of a file without such a column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)  # no quote may swallow the rows behind it
            names = {name.strip().lower(): name for name in reader.fieldnames or ()}
            when = names.get("datetime", names.get("date"))
            named = names.get("symbol", names.get("entity"))
            if when is None or (named is None and symbol is None) or "close" not in names:
                raise DataError(f"{path}: it lacks a column of prices", hint=_COLUMNS)
            for row in reader:
                place = f"{path}: line {reader.line_num}"
                day, closed_s = _moment(place, (row[when] or "").strip(), exchange)
                first = (row[names["open"]] or "").strip() if "open" in names else ""
                yield _Row(
                    reader.line_num,
                    day,
                    closed_s,
                    (row[named] or "").strip() if named is not None else symbol or "",
                    _price(place, "close", row[names["close"]]),
                    _price(place, "open", first) if first else None,
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({reason_of(error)})", hint=_COLUMNS) from error


def _moment(place: str, text: str, exchange: _Exchange) -> tuple[dt.date, float]:
    """The trading day of a row, and when it closed."""
    try:
        if len(text) == len("2026-11-26"):
            day = dt.date.fromisoformat(text)
            return day, exchange.closed_s(day)
        at = dt.datetime.fromisoformat(text)
        day = at.astimezone(exchange.zone).date()
    except (ValueError, OverflowError):  # near the years 1 and 9999
        raise DataError(
            f"{place}: {text!r} is neither a date nor a time",
            hint="write 2026-11-26, or 2026-11-26T16:00-05:00",
        ) from None
    if at.tzinfo is None:
        raise DataError(
            f"{place}: {text} has no time zone",
            hint="write 2026-11-26T16:00-05:00, or dates alone with --time-zone and --close",
        )
    # Daily bars are often stamped so, with the midnight of the exchange in UTC.
    if dt.time(0) in (at.time(), at.astimezone(exchange.zone).time()):
        raise DataError(
            f"{place}: {text} is midnight there or in {exchange.zone.key}, when no exchange closes",
            hint="write the date alone; --time-zone and --close say when the day ends",
        )
    return day, at.timestamp()


def _price(place: str, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise DataError(
            f"{place}: the {name} {text!r} is not a price",
            hint="leave out the days before a listing and after a delisting",
        )
    return value


def _series(path: Path, rows: Iterator[_Row]) -> dict[str, dict[dt.date, _Row]]:
    """The rows of each symbol by day, which must rise."""
    series: dict[str, dict[dt.date, _Row]] = {}
    last: dict[str, _Row] = {}
    for row in rows:
        of_symbol = series.setdefault(row.symbol, {})
        if row.day in of_symbol:
            raise DataError(
                f"{path}: line {row.line}: {row.symbol} has a second price on {row.day},"
                f" after that of line {of_symbol[row.day].line}",
                hint="one row for each symbol and day: the study works with daily prices",
            )
        if row.symbol in last and row.day < last[row.symbol].day:
            raise DataError(
                f"{path}: line {row.line}: {row.symbol} goes back from {last[row.symbol].day}"
                f" to {row.day}",
                hint="sort the rows of each symbol by date",
            )
        of_symbol[row.day] = last[row.symbol] = row
    if not series:
        raise DataError(f"{path}: it has no prices", hint=_COLUMNS)
    return series


def _index_file(path: Path, index: str, exchange: _Exchange) -> dict[dt.date, _Row]:
    file = Path(index)
    if not file.is_file():
        raise ConfigError(
            f"--index {index}: neither a symbol of {path} nor a file",
            hint="name a symbol as the file has it, or a CSV file with the index alone",
        )
    series = _series(file, _rows(file, exchange, symbol=index))
    if len(series) > 1:
        raise DataError(
            f"{file}: it has {len(series)} symbols, and an index is one",
            hint="put the index into a file of its own",
        )
    return next(iter(series.values()))


def _by_entity(
    path: Path, series: Mapping[str, dict[dt.date, _Row]], watchlist: Sequence[WatchedEntity]
) -> dict[str, dict[dt.date, _Row]]:
    known = {name: entity.name for entity in watchlist for name in (entity.name, *entity.tickers)}
    columns: dict[str, dict[dt.date, _Row]] = {}
    for symbol, rows in series.items():
        if symbol not in known:
            line = next(iter(rows.values())).line
            raise DataError(
                f"{path}: line {line}: {symbol or 'a row without symbol'} is neither on the watch"
                " list nor the index",
                hint=f"leave it out, or name it with --index; known are {', '.join(known)}",
            )
        if known[symbol] in columns:
            raise DataError(
                f"{path}: {symbol} is {known[symbol]}, which has prices under another symbol, too",
                hint="keep one of them",
            )
        columns[known[symbol]] = rows
    if not columns:
        raise DataError(f"{path}: it has no prices but those of the index", hint=_COLUMNS)
    return columns


def _check_gaps(
    path: Path, columns: Mapping[str, Mapping[dt.date, _Row]], days: Sequence[dt.date]
) -> None:
    for entity, rows in columns.items():
        first, last = min(rows), max(rows)
        missing = [day for day in days if first <= day <= last and day not in rows]
        if missing:
            others = sum(missing[0] in other for other in columns.values())
            raise DataError(
                f"{path}: {entity} has no price on {missing[0]}, a trading day of {others} other"
                f" entities; {len(missing)} such days in all",
                hint="add them; for a day without trade repeat the close of the day before",
            )


def _has_opens(path: Path, columns: Mapping[str, Mapping[dt.date, _Row]]) -> bool:
    rows = [row for each in columns.values() for row in each.values()]
    without = [row for row in rows if row.open is None]
    if without and len(without) < len(rows):
        raise DataError(
            f"{path}: line {without[0].line}: it has no open, and other rows have one",
            hint="give all opens, or leave the column out",
        )
    return not without


def _table(
    columns: Mapping[str, Mapping[dt.date, _Row]], days: Sequence[dt.date], name: str
) -> Values:
    return np.array(
        [
            [getattr(rows[day], name) if day in rows else math.nan for rows in columns.values()]
            for day in days
        ],
        dtype=np.float64,
    )


def _index(
    path: Path,
    series: Mapping[dt.date, _Row] | None,
    days: Sequence[dt.date],
    closes: Values,
) -> Values:
    if series is not None:
        missing = [day for day in days if day not in series]
        if missing:
            raise DataError(
                f"{path}: the index has no price on {missing[0]}; {len(missing)} such days in all",
                hint="give the index for each trading day of the entities",
            )
        return np.array([series[day].close for day in days])
    if closes.shape[1] < _LEAST_FOR_MEAN:
        raise ConfigError(
            f"{path}: {closes.shape[1]} entities are too few for an index of their own",
            hint="give one: --index SYMBOL, or --index FILE",
        )
    steps = closes[1:] / closes[:-1] - 1
    counted = np.maximum(1, np.sum(~np.isnan(steps), axis=1))
    return np.concatenate([[1.0], np.cumprod(1 + np.nansum(steps, axis=1) / counted)])


def _warnings(
    columns: Mapping[str, Mapping[dt.date, _Row]],
    days: Sequence[dt.date],
    closes: Values,
    index: str | None,
) -> Iterator[str]:
    if index is None:
        yield "returns are measured against the mean of the entities; --index names a market index"
    breaks = [(a, b) for a, b in pairwise(days) if b - a > _LONG_BREAK]
    if breaks:
        first, last = breaks[0]
        yield (
            f"there are no prices between {first} and {last}: if the exchange was open, days are"
            " missing for all"
        )
    with np.errstate(invalid="ignore"):
        large = np.argwhere(np.abs(closes[1:] / closes[:-1] - 1) > _LARGE_RETURN)
    if len(large):
        row, column = large[0]
        yield (
            f"{tuple(columns)[column]} moves by more than 50 % on {days[row + 1]}: use prices that"
            " are adjusted for splits"
        )
    if not any(max(rows) < days[-1] for rows in columns.values()):
        yield (
            "all entities trade to the last day: if the watch list was chosen today, those that"
            " failed are missing from it"
        )
