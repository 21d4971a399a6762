"""One pair of axes with what is drawn on it, and the legend above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from newsclf.loadtest.records import Interval
from newsclf.loadtest.report import svg
from newsclf.loadtest.report.labels import LETTER, LINE, Box, along, first_free, width_of
from newsclf.loadtest.report.scale import Scale, apart

WIDTH = 480.0
HEIGHT = 340.0
SIZE = (WIDTH, HEIGHT)
LEFT, RIGHT = 50.0, 464.0
"""Where the axes of every chart begin and end, in pixels."""


class Key(NamedTuple):
    """An entry of the legend."""

    text: str
    css: str
    shape: str = ""
    """Empty for a line."""


class Panel:
    """Axes, drawn at once; then marks, in the values of its scales."""

    def __init__(
        self, x: Scale, y: Scale, *, y_title: str, x_title: str = "", x_texts: bool = True
    ) -> None:
        self.x, self.y = x, y
        self.frame = Box(x.begin, y.end, x.end, y.begin)
        self.parts: list[str] = [svg.words(y_title, 4, y.end - 13, "axis")]
        self.used: list[Box] = []
        """Where labels would hide data."""
        for tick in y.ticks:
            at = y.at(tick.value)
            self.parts.append(svg.path([(x.begin, at), (x.end, at)], "grid"))
            self.parts.append(svg.words(tick.text, x.begin - 7, at + 4, "tick", "end"))
        self.parts.append(svg.path([(x.begin, y.begin), (x.end, y.begin)], "base"))
        if not x_texts:
            return
        widest = max((len(tick.text) for tick in x.ticks), default=1)
        for tick in apart(x, widest * LETTER + 8):
            at = x.at(tick.value)
            self.parts.append(svg.path([(at, y.begin), (at, y.begin + 4)], "base"))
            self.parts.append(svg.words(tick.text, at, y.begin + 17, "tick", "middle"))
        if x_title:
            self.parts.append(svg.words(x_title, x.end, y.begin + 34, "axis", "end"))

    def line(self, points: Iterable[tuple[float, float]], css: str) -> None:
        """A line through values."""
        through = [(self.x.at(a), self.y.at(b)) for a, b in points]
        self.used += along(through)
        self.parts.append(svg.path(through, css))

    def area(self, points: Sequence[tuple[float, float]], css: str) -> None:
        """The area between values and the base line."""
        if points:
            along = [(self.x.at(a), self.y.at(b)) for a, b in points]
            floor = self.y.begin
            outline = [(along[0][0], floor), *along, (along[-1][0], floor)]
            self.parts.append(svg.path(outline, css, closed=True))

    def mark(
        self, x: float, y: float, shape: str, css: str, *, hollow: bool = False, hint: str = ""
    ) -> None:
        """A marker; hollow where the figure must not be relied on."""
        style = f"{css} {'hollow' if hollow else 'mark'}"
        at_x, at_y = self.x.at(x), self.y.at(y)
        self.used.append(Box(at_x - 5, at_y - 5, at_x + 5, at_y + 5))
        self.parts.append(svg.marker(at_x, at_y, shape, style, hint))

    def bar(self, x: float, figure: Interval, css: str) -> None:
        """The 95 % interval of a figure as a bar with ends."""
        if figure.low is None or figure.high is None:
            return
        at, low, high = self.x.at(x), self.y.at(figure.low), self.y.at(figure.high)
        if abs(low - high) < 1:
            return
        ends = "".join(f"M{svg.pixel(at - 3)} {svg.pixel(y)}h6" for y in (low, high))
        upright = f"M{svg.pixel(at)} {svg.pixel(low)}V{svg.pixel(high)}"
        self.parts.append(svg.tag("path", d=upright + ends, css=f"{css} bar"))

    def column(self, x_low: float, x_high: float, value: float, css: str, hint: str) -> None:
        """A column of a histogram from the base line."""
        left, right, top = self.x.at(x_low), self.x.at(x_high), self.y.at(value)
        height = max(1.0, self.y.begin - top)
        self.parts.append(
            svg.tag(
                "rect",
                svg.tag("title", escape(hint)),
                x=left,
                y=self.y.begin - height,
                width=max(1.0, right - left),
                height=height,
                css=css,
            )
        )

    def shade(self, x_low: float, x_high: float, css: str) -> None:
        """A part of the x axis over the whole height."""
        left, right = self.x.at(x_low), self.x.at(x_high)
        if right > left:
            self.parts.append(
                svg.tag(
                    "rect",
                    x=left,
                    y=self.y.end,
                    width=right - left,
                    height=self.y.begin - self.y.end,
                    css=css,
                )
            )

    def floor(self, value: float, css: str) -> None:
        """All below a value of y."""
        top = self.y.at(value)
        self.parts.append(
            svg.tag(
                "rect",
                x=self.x.begin,
                y=top,
                width=self.x.end - self.x.begin,
                height=self.y.begin - top,
                css=css,
            )
        )

    def level(self, value: float, text: str, css: str) -> None:
        """A horizontal line with its meaning written on it, where it hides no data drawn before."""
        at = self.y.at(value)
        self.parts.append(svg.path([(self.x.begin, at), (self.x.end, at)], css))
        wide, room = width_of(text), self.x.end - self.x.begin - 12
        choices = [
            Box(left, top, left + wide, top + LINE)
            for share in (0.0, 1.0, 0.5, 0.25, 0.75)
            for top in (at - LINE - 2, at + 2)
            for left in [self.x.begin + 6 + share * (room - wide)]
        ]
        inside = [box for box in choices if self.frame.holds(box)]
        box = first_free(inside, self.used) or choices[0]
        self.used.append(box)
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

    def note(self, text: str, x: float, y: float, anchor: str = "start") -> None:
        """Text at a pixel, readable over lines."""
        self.parts.append(svg.words(text, x, y, "note halo", anchor))


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
