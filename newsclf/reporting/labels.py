"""Placement of labels beside points, without overlaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

LETTER = 6.3
"""Mean width of a letter at the size of labels, in pixels, rounded up."""
LINE = 13.0
"""Height of a line of text, in pixels."""
_AWAY = (7.0, 16.0, 28.0, 42.0)


class Box(NamedTuple):
    """A rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


class Label(NamedTuple):
    """Text for a point at (x, y)."""

    text: str
    x: float
    y: float


def width_of(text: str) -> float:
    """Width of a label, in pixels."""
    return LETTER * len(text)


def place(labels: Sequence[Label], frame: Box, taken: Sequence[Box] = ()) -> list[Box | None]:
    """Place labels in order of importance; None where there is no room left.

    Each goes to the first of some places around its point, near ones first, that lies inside the
    frame and meets neither a label before it, nor a point, nor what is `taken`.
    """
    used = [*taken, *(Box(a.x - 4, a.y - 4, a.x + 4, a.y + 4) for a in labels)]
    found: list[Box | None] = []
    for label in labels:
        box = first_free([box for box in _around(label) if frame.holds(box)], used)
        found.append(box)
        if box is not None:
            used.append(box)
    return found


def first_free(choices: Iterable[Box], used: Sequence[Box]) -> Box | None:
    """The first choice that overlaps nothing that is used."""
    return next((box for box in choices if not any(box.meets(other) for other in used)), None)


def along(points: Sequence[tuple[float, float]]) -> list[Box]:
    """Small boxes that cover a line through points, so that labels keep off it."""
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0)) / 6))
        for i in range(steps + 1):
            x, y = x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps
            boxes.append(Box(x - 3, y - 3, x + 3, y + 3))
    return boxes


def _around(label: Label) -> list[Box]:
    width = width_of(label.text)
    boxes = []
    for away in _AWAY:
        lefts = (label.x + away, label.x - away - width, label.x - width / 2)
        tops = (label.y - LINE / 2, label.y - away - LINE, label.y + away)
        for column, row in ((0, 0), (1, 0), (2, 1), (2, 2), (0, 1), (0, 2), (1, 1), (1, 2)):
            left, top = lefts[column], tops[row]
            boxes.append(Box(left, top, left + width, top + LINE))
    return boxes
