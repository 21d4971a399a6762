"""Panels: a pair of axes and the data drawn on it; legends; whole charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from newsclf.common.intervals import Interval
from newsclf.reporting import svg
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.labels import LETTER, LINE, Box, Label, along, first_free, place, width_of
from newsclf.reporting.scale import Scale, legible

WIDTH = 440.0
HEIGHT = 340.0
LEFT, RIGHT = 50.0, WIDTH - 16
"""Where the axes of every chart begin and end, in pixels."""
_APART = 14.0
"""From this distance on, in pixels, a thin line leads from a label to its point."""


class Key(NamedTuple):
    """An entry of the legend."""

    text: str
    css: str
    shape: str = ""
    """Empty for a line."""


class Mark(NamedTuple):
    """A marker, in the values of the axes."""

    x: float
    y: float
    shape: str
    css: str
    size: float = 3.6
    """About half its width, in pixels."""


class Panel:
    """A pair of axes with the data drawn on it, in the values of its scales."""

    def __init__(
        self, x: Scale, y: Scale, *, y_title: str, x_title: str = "", x_texts: bool = True
    ) -> None:
        self.x, self.y = x, y
        self.frame = Box(x.begin, y.end, x.end, y.begin)
        self.parts = [svg.words(y_title, 4, y.end - 13, "axis")] if y_title else []
        self.used: list[Box] = []
        """Where labels would hide data."""
        self.texts: list[Box] = []
        """Where labels are."""
        rungs = [(tick.text, y.at(tick.value)) for tick in y.ticks]
        grid = "".join(
            f"M{svg.pixel(x.begin)} {svg.pixel(at)}H{svg.pixel(x.end)}" for _, at in rungs
        )
        texts = [svg.words(text, x.begin - 7, at + 4) for text, at in rungs]
        base = f"M{svg.pixel(x.begin)} {svg.pixel(y.begin)}H{svg.pixel(x.end)}"
        below = []
        if x_texts:
            for tick in legible(x, LETTER):
                at = x.at(tick.value)
                base += f"M{svg.pixel(at)} {svg.pixel(y.begin)}v4"
                below.append(svg.words(tick.text, at, y.begin + 17))
        self.parts += [
            svg.tag("path", d=grid, css="grid"),
            svg.tag("path", d=base, css="base"),
            svg.tag("g", "".join(texts), css="tick", text_anchor="end"),
            svg.tag("g", "".join(below), css="tick", text_anchor="middle"),
        ]
        if x_title:
            self.parts.append(svg.words(x_title, x.end, y.begin + 34, "axis", "end"))

    def line(self, points: Iterable[tuple[float, float]], css: str) -> None:
        """A line through values."""
        through = [(self.x.at(a), self.y.at(b)) for a, b in points]
        self.used += along(through)
        self.parts.append(svg.path(through, css))

    def between(
        self, lows: Sequence[tuple[float, float]], highs: Sequence[tuple[float, float]], css: str
    ) -> None:
        """The area between two lines, which labels may cover."""
        around = [(self.x.at(a), self.y.at(b)) for a, b in (*lows, *reversed(highs))]
        self.parts.append(svg.path(around, css, closed=True))

    def marks(self, marks: Sequence[Mark], hint: str, *, hollow: bool = False) -> None:
        """Markers that share a tooltip; hollow where their figures are unreliable."""
        drawn = []
        for mark in marks:
            x, y = self.x.at(mark.x), self.y.at(mark.y)
            self.used.append(Box(x - 5, y - 5, x + 5, y + 5))
            css = f"{mark.css} {'hollow' if hollow else 'mark'}"
            drawn.append(svg.marker(x, y, mark.shape, css, mark.size))
        self.parts.append(svg.tag("g", svg.hint(hint) + "".join(drawn)))

    def bars(self, figures: Iterable[tuple[float, Interval]], css: str) -> None:
        """95 % intervals as bars; an unknown end has no cross line."""
        steps = ""
        for x, figure in figures:
            known = [self.y.at(end) for end in (figure.low, figure.high) if end is not None]
            if figure.value is None or not known:
                continue
            at, reach = svg.pixel(self.x.at(x)), [self.y.at(figure.value), *known]
            low, high = max(reach), min(reach)
            if low - high >= 1:
                steps += f"M{at} {svg.pixel(low)}V{svg.pixel(high)}"
                steps += "".join(f"M{at} {svg.pixel(end)}m-3 0h6" for end in known)
        if steps:
            self.parts.append(svg.tag("path", d=steps, css=f"{css} bar"))

    def bars_across(self, figures: Iterable[tuple[Interval, float]], css: str) -> None:
        """95 % intervals of x as horizontal bars; one without both ends is left out."""
        steps = ""
        for figure, y in figures:
            if figure.low is None or figure.high is None:
                continue
            left, right, at = self.x.at(figure.low), self.x.at(figure.high), svg.pixel(self.y.at(y))
            if right - left >= 1:
                steps += f"M{svg.pixel(left)} {at}H{svg.pixel(right)}"
                steps += "".join(f"M{svg.pixel(end)} {at}m0 -3v6" for end in (left, right))
        if steps:
            self.parts.append(svg.tag("path", d=steps, css=f"{css} bar"))

    def column(self, x_low: float, x_high: float, value: float, css: str, hint: str) -> None:
        """A column of a histogram from the base line."""
        left, right = self.x.at(x_low), self.x.at(x_high)
        top = min(self.y.at(value), self.y.begin - 1)
        box = Box(left, top, max(right, left + 1), self.y.begin)
        self.parts.append(svg.rectangle(box, css, svg.hint(hint)))

    def shade(self, x_low: float, x_high: float, css: str) -> None:
        """Shade a range of the x axis over the whole height."""
        left, right = self.x.at(x_low), self.x.at(x_high)
        if right > left:
            self.parts.append(svg.rectangle(Box(left, self.y.end, right, self.y.begin), css))

    def floor(self, value: float, css: str) -> None:
        """Shade everything below a value of y."""
        below = self.frame._replace(top=self.y.at(value))
        self.parts.append(svg.rectangle(below, css))

    def level(self, value: float, text: str, css: str) -> None:
        """A labelled horizontal line; the label may cover data, never text."""
        at = self.y.at(value)
        self.parts.append(svg.path([(self.x.begin, at), (self.x.end, at)], css))
        self.name_level(value, text)

    def name_level(self, value: float, text: str) -> None:
        """The label of a horizontal line that is drawn already."""
        at = self.y.at(value)
        wide, room = width_of(text), self.x.end - self.x.begin - 12
        choices = [
            Box(left, top, left + wide, top + LINE)
            for share in (0.0, 1.0, 0.5, 0.25, 0.75)
            for top in (at - LINE - 2, at + 2)
            for left in [self.x.begin + 6 + share * (room - wide)]
        ]
        inside = [box for box in choices if self.frame.holds(box)]
        box = first_free(inside, [*self.used, *self.texts]) or first_free(inside, self.texts)
        if box is None:
            return
        self.texts.append(box)
        self.note(text, box.left, box.bottom - 3)

    def above(self, value: float, text: str) -> None:
        """Text above the axes, over a value of x, right of the y axis' title."""
        half = width_of(text) / 2
        at = min(max(self.x.at(value), LEFT + 90 + half), WIDTH - 4 - half)
        self.parts.append(svg.words(text, at, self.y.end - 13, "", "middle"))

    def upright(self, value: float, css: str) -> None:
        """A vertical line."""
        at = self.x.at(value)
        self.parts.append(svg.path([(at, self.y.begin), (at, self.y.end)], css))

    def labels(self, labels: Sequence[Label], frame: Box | None = None) -> int:
        """Place texts beside points, in order of importance; how many found no room."""
        boxes = place(labels, frame or self.frame, self.used)
        self.texts += [box for box in boxes if box is not None]
        for label, box in zip(labels, boxes, strict=True):
            if box is not None:
                near_x = min(max(label.x, box.left), box.right)
                near_y = min(max(label.y, box.top + 3), box.bottom - 3)
                if abs(near_x - label.x) + abs(near_y - label.y) >= _APART:
                    leader = [(label.x, label.y), (near_x, near_y)]
                    self.parts.append(svg.path(leader, "leader"))
                self.note(label.text, box.left, box.bottom - 3)
        return boxes.count(None)

    def note(self, text: str, x: float, y: float, anchor: str = "start") -> None:
        """Text at a pixel, readable over lines."""
        self.parts.append(svg.words(text, x, y, "note halo", anchor))


def chart(
    key: str,
    title: str,
    subtitle: str,
    table: Table,
    parts: Sequence[str],
    *,
    caption: str = "",
    more: str = "",
    height: float = HEIGHT,
) -> Figure:
    """Assemble a chart from its parts; `more` describes it to screen readers."""
    text = f"{subtitle}. {more}".rstrip()
    drawn = svg.drawing(key, title, text, (WIDTH, height), parts)
    return Figure(key, title, subtitle, drawn, "", table, caption)


def legend(keys: Sequence[Key]) -> tuple[list[str], float]:
    """The legend in as many rows as it needs, and the height that they take."""
    parts: list[str] = []
    x, y = 4.0, 13.0
    for key in keys:
        wide = 22 + width_of(key.text) + 10
        if x > LEFT and x + wide > WIDTH:
            x, y = 4.0, y + LINE + 4
        if key.shape:
            parts.append(svg.marker(x + 8, y - 4, key.shape, key.css))
        else:
            parts.append(svg.path([(x, y - 4), (x + 16, y - 4)], key.css))
        parts.append(svg.words(key.text, x + 22, y, "tick"))
        x += wide
    return parts, (y + 7 if keys else 0.0)
