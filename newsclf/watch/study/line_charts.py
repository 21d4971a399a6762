"""Charts of time lines: signal, news and price of an entity, one above the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.panel import LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, Tick, linear
from newsclf.watch.study.lines import NewsDay, TimeLine
from newsclf.watch.study.statistics import Values

_SIGNAL_HEIGHT, _PRICE_HEIGHT = 120.0, 90.0
_BETWEEN = 30.0
_MOST_TICKS = 5
_MOST_TITLES = 3
_MOST_LETTERS = 90
_POSITIVE, _NEUTRAL, _NEGATIVE = ("triangle", "s3"), ("circle", "s7"), ("down", "s1")
_KEYS = (
    Key("signal at the close", "s0 line"),
    Key("positive news", "s3 mark", "triangle"),
    Key("neutral", "s7 mark", "circle"),
    Key("negative", "s1 mark", "down"),
)
_INTERVAL = Key("95 % interval", "s0 between", "square")


def line_figure(key: str, line: TimeLine, *, min_score: float) -> Figure:
    """Draw the time line of an entity.

    Args:
        key: Unique on the page.
        line: The time line.
        min_score: News whose score is nearer to 0 is marked as neutral.
    """
    has_interval = not np.isnan(line.low).all()
    parts, top = legend([_KEYS[0], _INTERVAL, *_KEYS[1:]] if has_interval else _KEYS)
    begin = top + 22
    x = Scale("linear", 0, max(len(line.days) - 1, 1), LEFT, RIGHT, _ticks(line.days))
    middle = begin + _SIGNAL_HEIGHT
    ticks = (Tick(-1, "−1"), Tick(0, "0"), Tick(1, "+1"))
    upper = Panel(x, Scale("linear", -1, 1, middle, begin, ticks), y_title="signal", x_texts=False)
    upper.line([(x.low, 0), (x.high, 0)], "base")
    for lows, highs in zip(_runs(line.low), _runs(line.high), strict=True):
        upper.between(lows, highs, "s0 between")
    for run in _runs(line.signal):
        upper.line(run, "s0 line")
    bottom = middle + _BETWEEN + _PRICE_HEIGHT
    there = line.close[~np.isnan(line.close)].tolist()
    y = linear(there, bottom, middle + _BETWEEN, most=4, low=None)
    lower = Panel(x, y, y_title="close")
    for run in _runs(line.close):
        lower.line(run, "s7 line")
    for each in line.news:
        shape, css = _marker(each.score, min_score)
        hint = _hint(line, each)
        upper.marks([Mark(each.day, each.score, shape, css)], hint)
        if not np.isnan(close := line.close[each.day]):
            lower.marks([Mark(each.day, float(close), shape, css)], hint)
    events = sum(each.events for each in line.news)
    closes = int(np.count_nonzero(~np.isnan(line.signal)))
    subtitle = (
        f"{events:,} events on {len(line.news):,} trading days, a signal at {closes:,} closes"
    )
    return chart(
        key,
        line.entity,
        subtitle,
        _table(line),
        [*parts, *upper.parts, *lower.parts],
        height=bottom + 26,
    )


def _runs(values: Values) -> Iterator[list[tuple[float, float]]]:
    """Stretches of neighbouring days with values; a day by itself is a short level line."""
    for missing, days in groupby(range(len(values)), key=lambda day: bool(np.isnan(values[day]))):
        if not missing:
            points = [(float(day), float(values[day])) for day in days]
            yield (
                points if len(points) > 1 else [(x + d, y) for x, y in points for d in (-0.4, 0.4)]
            )


def _marker(score: float, min_score: float) -> tuple[str, str]:
    if abs(score) < max(min_score, 1e-9):
        return _NEUTRAL
    return _POSITIVE if score > 0 else _NEGATIVE


def _hint(line: TimeLine, news: NewsDay) -> str:
    more = len(news.titles) - _MOST_TITLES
    titles = [_cut(title) for title in news.titles[:_MOST_TITLES]]
    titles += [f"and {more} more"] if more > 0 else []
    count = f"{news.events} event{'s' * (news.events != 1)}"
    return f"{line.days[news.day]}, {count}, {news.score:+.2f}: " + "; ".join(titles)


def _table(line: TimeLine) -> Table:
    """The days with news."""
    rows = [
        (
            f"{line.days[each.day]}",
            _cut(each.titles[0]),
            f"{each.events}",
            f"{each.score:+.2f}",
            _number(line.signal[each.day], "+.2f"),
            _number(line.close[each.day], ",.2f"),
        )
        for each in line.news
    ]
    return Table(("day", "first headline", "events", "score", "signal", "close"), rows, texts=2)


def _number(value: np.float64, form: str) -> str:
    return "–" if np.isnan(value) else format(float(value), form)


def _cut(title: str) -> str:
    return title if len(title) <= _MOST_LETTERS else f"{title[: _MOST_LETTERS - 1]}…"


def _ticks(days: Sequence[dt.date]) -> tuple[Tick, ...]:
    """Beginnings of months, of every few months or of years; of a short time, days."""
    months = [
        n
        for n, (day, before) in enumerate(zip(days[1:], days, strict=False), start=1)
        if day.month != before.month
    ]
    if len(months) < 2:  # noqa: PLR2004 - they show no scale
        step = max(1, -(-len(days) // _MOST_TICKS))
        return tuple(Tick(n, f"{days[n].day} {days[n]:%b}") for n in range(0, len(days), step))
    for every in (1, 2, 3, 6, 12):
        chosen = [n for n in months if (days[n].month - 1) % every == 0]
        if len(chosen) <= _MOST_TICKS:
            break
    return tuple(Tick(n, f"{days[n]:%b %Y}") for n in chosen)
