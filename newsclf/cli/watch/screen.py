"""The live view of `watch`: signals, alerts, headlines and sources in as much room as there is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from newsclf.cli import colours
from newsclf.cli.cells import (
    ASCII,
    GAP,
    UNICODE,
    Column,
    Signs,
    fit,
    safe,
    safe_characters,
    table,
    text_of,
)
from newsclf.watch.page.view import (
    Alert,
    Classification,
    EntitySignal,
    EntityState,
    Headline,
    SourceHealth,
    State,
    Word,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_MARKED_FROM = 0.05
"""Weight from which a word is marked, as on the page."""
_MOST_MARKED = 6
_SIDE_BY_SIDE = 120
"""Width from which signals and sources stand side by side."""
_MOST_SIGNALS = 150
"""Width of signals beside sources at most: all that they can show."""
_SPACED = 20
"""Height from which an empty line separates the parts."""
_TALL = 32
"""Height from which there is room for a table of sources, and more than the newest alerts."""
_LEAST_HEADLINES = 5
"""Lines that headlines keep before the other parts get any; a third of all if that is more."""
_LEAST_TABLE = 2
"""Lines of a table: its heads and a row."""
_BURST_FROM = 3
"""Deviates from which a burst stands out."""
_BAR_CELLS = 6
"""Cells of a bar on each side of its axis."""
_TREND_S = 2 * 3600
_TREND_CELLS = 24
_LEAST_SCALE = 0.25
"""Signal that reaches the top of a trend, at least."""
_WIDE_LABELS = 72
"""Width from which labels are written out."""


def render(
    state: State, *, width: int, height: int, ascii_only: bool = False, note: str = ""
) -> RenderableType:
    """Everything that fits: at most `height` lines of `width` cells.

    Args:
        state: What a hub knows.
        width: Cells of a line.
        height: Lines.
        ascii_only: Whether the terminal has no other characters.
        note: A message for the last line.
    """
    from rich.console import Group

    return Group(*_View(state, width, ASCII if ascii_only else UNICODE).lines(height, note))


class _View:
    """A state, in the words and signs of a terminal."""

    def __init__(self, state: State, width: int, signs: Signs) -> None:
        self._state = state
        self._width = width
        self._signs = signs
        self._starts: dict[str, str] = {}
        """The first headline of each event."""
        for headline in state.headlines:
            if headline.event is not None:
                self._starts.setdefault(headline.event, headline.id)

    def lines(self, height: int, note: str) -> list[Text]:
        """The whole screen."""
        state = self._state
        is_wide = self._width >= _SIDE_BY_SIDE and height >= _SPACED
        is_tall = height >= _TALL
        gap = 1 if height >= _SPACED else 0
        last = [self._note(note)] if note and height > _LEAST_HEADLINES else []
        top = [self._header()]
        if not is_wide and not is_tall and height > _LEAST_HEADLINES:
            top += self._failing()
        room = height - len(top) - gap - len(last)
        wanted = 1 + max(1, len(state.headlines))
        kept = min(wanted, max(_LEAST_HEADLINES, room // 3))
        free = room - kept

        def take(rows: int, most: int) -> int:
            """Lines for a table of so many rows and its heads; 0 if not even a row would fit."""
            nonlocal free
            lines = min(1 + rows, max(most, room - wanted), free - gap)
            if rows == 0 or lines < _LEAST_TABLE:
                return 0
            free -= lines + gap
            return lines

        beside = len(state.sources) if is_wide else 0
        at_top = take(max(len(state.entities), beside), 2 * room // 5)
        for_alerts = take(len(state.alerts), 6 if is_tall else 3)
        for_sources = take(len(state.sources), room // 4) if is_tall and not is_wide else 0
        parts = [
            top,
            self._top(at_top, is_wide=is_wide),
            self._alerts(for_alerts),
            self._headlines(kept + free),
            self._sources(for_sources, self._width),
        ]
        body: list[Text] = []
        for part in parts:
            if part:
                body += [text_of()] * (gap if body else 0)
                body += part
        return body[: height - len(last)] + last

    def _header(self) -> Text:
        state, signs = self._state, self._signs
        clock = f"{state.now:%H:%M:%S} UTC"
        live = sum(source.verdict.delivers for source in state.sources)
        parts: list[tuple[str, str]] = [("newsclf watch", "bold")]
        if state.sources:
            words = f"{live} of {len(state.sources)} sources live"
            parts.append((words, "green" if live == len(state.sources) else "yellow"))
        parts.append((safe(state.watched.model, signs), ""))
        drifted = [each.measure for each in state.drifts if each.kind == "drifted"]
        if drifted:
            parts.append((f"drift: {', '.join(drifted)}", "yellow"))
        parts.append((f"half-life {_duration(state.watched.half_life_s)}", "dim"))
        parts.append(
            (f"up {_duration((state.now - state.watched.started).total_seconds())}", "dim")
        )
        line = text_of()
        for words, style in parts:
            separator = f" {signs.dot} " if line else ""
            fits = line.cell_len + len(separator) + text_of(words).cell_len
            if line and fits > self._width - len(clock) - GAP:
                break
            line.append(separator, "dim").append(words, style)
        if self._width < line.cell_len + GAP + len(clock):
            return fit(line, self._width, signs)
        return fit(line, self._width - len(clock), signs).append(clock, "bold")

    def _note(self, note: str) -> Text:
        return fit(text_of((safe(note, self._signs), "yellow")), self._width, self._signs)

    def _top(self, lines: int, *, is_wide: bool) -> list[Text]:
        """Signals, with the sources to the right if there is room."""
        if not is_wide or not self._state.sources or lines < _LEAST_TABLE:
            return self._signals(lines, self._width)
        left_width = min(12 * self._width // 25, _MOST_SIGNALS)
        left = self._signals(lines, left_width)
        right = self._sources(lines, self._width - left_width - 2 * GAP)
        while len(left) < len(right):
            left.append(text_of(" " * left_width))
        for line, beside in zip(left, right, strict=False):
            line.append(" " * 2 * GAP).append_text(beside)
        return left

    def _signals(self, lines: int, width: int) -> list[Text]:
        if lines < _LEAST_TABLE:
            return []
        signs = self._signs
        entities = self._state.entities
        shown = entities
        if len(entities) > lines - 1:
            # All headlines, and where most is going on, in the order of the watch list.
            strongest = sorted(entities, key=_prominence)[: lines - 1]
            shown = tuple(entity for entity in entities if entity in strongest)
        columns = [
            Column(_titled("Signals", len(shown), len(entities)), self._entity, 17, 30),
            Column("score", self._score, 7, 7, right=True),
            Column("", self._bar, 2 * _BAR_CELLS + 1, 2 * _BAR_CELLS + 1, rank=2),
            Column("95 % interval", self._interval, 14, 14, right=True, rank=3),
            _figures("events", lambda signal: signal.events, 4),
            Column("burst", self._burst, 5, 5, right=True, rank=6),
            _figures("sources", lambda signal: signal.sources, 5),
            _figures("abstained", lambda signal: signal.abstentions + signal.incidental, 7),
            _figures("in doubt", lambda signal: signal.doubtful, 10),
            _figures("headlines", lambda signal: signal.items, 9),
        ]
        if signs.levels:
            columns.append(
                Column(
                    f"last {_duration(_TREND_S)}", self._trend, _TREND_CELLS, _TREND_CELLS, rank=8
                )
            )
        return table(columns, shown, width=width, signs=signs)

    def _entity(self, entity: EntityState) -> Text:
        name = entity.current.entity
        return text_of(("all headlines", "bold") if name is None else safe(name, self._signs))

    def _score(self, entity: EntityState) -> Text:
        score = entity.current.signal
        if score is None:
            return text_of(("no news", "dim"))
        return text_of((self._signed(score), f"bold {_colour(score)}"))

    def _interval(self, entity: EntityState) -> Text:
        low, high = entity.current.low, entity.current.high
        if low is None or high is None:
            return text_of()
        return text_of((f"{self._signed(low)} to {self._signed(high)}", "dim"))

    def _burst(self, entity: EntityState) -> Text:
        burst = entity.current.burst
        if burst is None:
            return text_of((self._signs.dash, "dim"))
        is_one = burst >= _BURST_FROM
        return text_of((f"{burst:+.1f}".replace("-", self._signs.minus), "bold" if is_one else ""))

    def _signed(self, score: float) -> str:
        return f"{score:+.2f}".replace("-", self._signs.minus)

    def _bar(self, entity: EntityState) -> Text:
        """A bar from the axis to the left or right, exact to half a cell."""
        score, signs = entity.current.signal, self._signs
        axis = (signs.axis, "dim")
        if score is None:
            return text_of(" " * _BAR_CELLS, axis, " " * _BAR_CELLS)
        halves = round(abs(score) * 2 * _BAR_CELLS)
        half = signs.half_left if score < 0 else signs.half_right
        cells = signs.bar * (halves // 2 if half else round(halves / 2))
        end = half if halves % 2 else ""
        left, right = (end + cells, "") if score < 0 else ("", cells + end)
        colour = _colour(score)
        return text_of((left.rjust(_BAR_CELLS), colour), axis, (right.ljust(_BAR_CELLS), colour))

    def _trend(self, entity: EntityState) -> Text:
        """The signal over the last hours, one bar for some minutes; 0 is at half the height."""
        newest: dict[int, float | None] = {}
        for point in entity.points:
            age_s = (self._state.now - point.at).total_seconds()
            newest[int(age_s * _TREND_CELLS // _TREND_S)] = point.signal
        found = [newest.get(age) for age in reversed(range(_TREND_CELLS))]
        scale = max((abs(signal) for signal in found if signal is not None), default=0.0)
        levels, line = self._signs.levels, text_of()
        for signal in found:
            if signal is None:
                line.append(" ")
            else:
                share = (signal / max(scale, _LEAST_SCALE) + 1) / 2
                line.append(levels[round(share * (len(levels) - 1))], _colour(signal))
        return line

    def _alerts(self, lines: int) -> list[Text]:
        alerts = self._state.alerts[::-1][: max(0, lines - 1)]
        columns = [
            Column[Alert]("Alerts", lambda alert: text_of((self._time(alert.at), "dim")), 8, 8),
            Column[Alert]("", self._alert, 22, 40),
            Column[Alert]("score", self._alert_score, 7, 7, right=True),
            Column[Alert]("because of", self._reason, 18, 1000, rank=1),
        ]
        return table(columns, alerts, width=self._width, signs=self._signs) if lines else []

    def _alert(self, alert: Alert) -> Text:
        sign = self._signs.labels[alert.direction]
        name = "all headlines" if alert.entity is None else safe(alert.entity, self._signs)
        is_raised = alert.kind == "raised"
        style = f"bold {colours.LABELS[alert.direction]}" if is_raised else "dim"
        # The word first: a long name may be cut.
        return text_of((f"{sign} {alert.kind} {name}", style))

    def _alert_score(self, alert: Alert) -> Text:
        if alert.signal is None:
            return text_of(("no news", "dim"))
        return text_of((self._signed(alert.signal), _colour(alert.signal)))

    def _reason(self, alert: Alert) -> Text:
        if not alert.evidence:
            return text_of()
        first, others = alert.evidence[0], len(alert.evidence) - 1
        more = f" (+{others})" if others else ""
        source = safe(first.source, self._signs)
        return text_of((f"{source}{more}: ", "dim"), safe(first.title, self._signs))

    def _headlines(self, lines: int) -> list[Text]:
        if lines < 1:
            return []
        signs = self._signs
        newest = self._state.headlines[::-1][: lines - 1]
        are_written_out = self._width >= _WIDE_LABELS
        label = 15 if are_written_out else 6
        columns = [
            Column[Headline](
                "Headlines", lambda row: text_of((self._time(row.first_seen), "dim")), 9, 9
            ),
            Column[Headline](
                "source", lambda row: text_of((safe(row.source, signs), "dim")), 8, 18, rank=1
            ),
            Column[Headline](
                "label",
                lambda row: self._label(row.classification, is_written_out=are_written_out),
                label,
                label,
            ),
            Column[Headline]("", self._title, 36, 1000),
        ]
        shown = table(columns, newest, width=self._width, signs=signs)
        if not newest and lines > 1:
            shown.append(
                fit(text_of(("waiting for the first headline", "dim")), self._width, signs)
            )
        return shown

    def _label(self, found: Classification | None, *, is_written_out: bool) -> Text:
        if found is None:
            return text_of(("unclassified" if is_written_out else self._signs.dash, "dim"))
        share = f"{round(100 * max(found.probabilities))} %"
        word = f"{found.label:8} " if is_written_out else ""
        sign = self._signs.labels[found.label]
        return text_of((f"{sign} {word}{share:>4}", colours.LABELS[found.label]))

    def _title(self, headline: Headline) -> Text:
        """The title with its marks, and with the words that matter most to its label."""
        marks = [
            (headline.retracted, "retracted"),
            (headline.edited, "edited"),
            (headline.abstained, "several names"),
            (headline.reports_move, "price move"),
            (self._was_told_before(headline), "told before"),
        ]
        line = text_of()
        for is_true, mark in marks:
            if is_true:
                line.append(f"{mark} {self._signs.dot} ", "yellow")
        title, at = text_of(), 0
        shown = safe_characters(headline.title, self._signs)
        for word in _strongest(headline):
            if word.start >= at:
                title.append("".join(shown[at : word.start]))
                title.append("".join(shown[word.start : word.end]), _style(word, headline))
                at = word.end
        title.append("".join(shown[at:]))
        if headline.retracted:
            title.stylize("dim strike")
        return line.append_text(title)

    def _was_told_before(self, headline: Headline) -> bool:
        return headline.event is not None and self._starts[headline.event] != headline.id

    def _sources(self, lines: int, width: int) -> list[Text]:
        """Those that fail come first."""
        if lines < 1:
            return []
        signs = self._signs
        ordered = sorted(
            self._state.sources,
            key=lambda source: (source.verdict.delivers, source.name.casefold()),
        )
        shown = ordered[: lines - 1]
        columns = [
            Column(_titled("Sources", len(shown), len(ordered)), self._source, 18, 26),
            Column("state", self._verdict, 11, 11),
            Column("last read", lambda row: self._ago(row.last_success), 9, 9, right=True, rank=3),
            Column("new", lambda row: text_of(f"{row.items:,}"), 5, 7, right=True, rank=2),
            Column("", lambda row: text_of((safe(row.words, signs), "yellow")), 18, 1000, rank=1),
        ]
        return table(columns, shown, width=width, signs=signs)

    def _failing(self) -> list[Text]:
        """A line for all sources that fail, where there is no room for a table."""
        line = text_of()
        for source in self._state.sources:
            if not source.verdict.delivers:
                line.append("  " if line else "").append_text(self._source(source))
                line.append(" ").append_text(self._verdict(source))
        return [fit(line, self._width, self._signs)] if line else []

    def _source(self, source: SourceHealth) -> Text:
        sign, style = (
            (self._signs.live, "green")
            if source.verdict.delivers
            else (self._signs.failing, "bold red")
        )
        return text_of((f"{sign} ", style), safe(source.name, self._signs))

    def _verdict(self, source: SourceHealth) -> Text:
        words = source.verdict.replace("_", " ")
        return text_of((words, "green" if source.verdict.delivers else "bold red"))

    def _ago(self, at: dt.datetime | None) -> Text:
        if at is None:
            return text_of((self._signs.dash, "dim"))
        return text_of(f"{_duration((self._state.now - at).total_seconds())} ago")

    def _time(self, at: dt.datetime) -> str:
        """The time of day; the date if it is of another day."""
        at = at.astimezone(dt.UTC)
        if at.date() != self._state.now.astimezone(dt.UTC).date():
            return f"{at.day} {at:%b}"
        return f"{at:%H:%M:%S}"


def _figures(head: str, count: Callable[[EntitySignal], int], rank: int) -> Column[EntityState]:
    return Column(
        head,
        lambda entity: text_of(f"{count(entity.current):,}"),
        len(head),
        len(head),
        right=True,
        rank=rank,
    )


def _prominence(entity: EntityState) -> tuple[bool, float]:
    signal = entity.current.signal
    return entity.current.entity is not None, -abs(signal) if signal is not None else 1.0


def _colour(score: float) -> str:
    return "green" if score > 0 else "red" if score < 0 else "default"


def _strongest(headline: Headline) -> Iterable[Word]:
    """The words that weigh most, in their order."""
    words = headline.classification.words if headline.classification else ()
    marked = [
        word
        for word in words
        if abs(word.weight) >= _MARKED_FROM and 0 <= word.start < word.end <= len(headline.title)
    ]
    strongest = sorted(marked, key=lambda word: -abs(word.weight))[:_MOST_MARKED]
    return sorted(strongest, key=lambda word: word.start)


def _style(word: Word, headline: Headline) -> str:
    """Words for the label are bold, those against it are not: also without colours."""
    if word.weight < 0 or headline.classification is None:
        return f"underline {colours.AGAINST}"
    return f"bold underline {colours.LABELS[headline.classification.label]}"


def _titled(title: str, shown: int, of: int) -> str:
    return title if shown == of else f"{title} ({shown} of {of})"


def _duration(seconds: float) -> str:
    """A duration in its largest unit."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s or seconds == length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
