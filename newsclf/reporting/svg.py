"""SVG elements, markers and drawings as text. Colours come from the page's style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from newsclf.common.visible import visible
from newsclf.reporting.labels import Box

SHAPES = ("circle", "square", "triangle", "diamond", "down")
SERIES = 8
"""Colours that the palette defines, as classes s0 to s7."""
_SIZE = 3.6
_OUTLINES = {
    "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "triangle": ((0, -1.25), (1.15, 0.9), (-1.15, 0.9)),
    "diamond": ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
    "down": ((0, 1.25), (1.15, -0.9), (-1.15, -0.9)),
}


def tag(name: str, content: str = "", **attributes: float | str) -> str:
    """An element; attributes are escaped, `content` is markup. `css` is written `class`."""
    written = "".join(
        f' {"class" if key == "css" else key.replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value != ""
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def words(text: str, x: float, y: float, css: str = "", anchor: str = "start") -> str:
    """A line of text; `anchor` is start, middle or end."""
    return tag(
        "text",
        escape(visible(text)),
        x=x,
        y=y,
        css=css,
        text_anchor="" if anchor == "start" else anchor,
    )


def path(points: Iterable[tuple[float, float]], css: str, *, closed: bool = False) -> str:
    """Straight lines through points, in pixels."""
    steps = "".join(f"{'L' if i else 'M'}{pixel(x)} {pixel(y)}" for i, (x, y) in enumerate(points))
    return tag("path", d=steps + ("Z" if closed else ""), css=css) if steps else ""


def rectangle(box: Box, css: str, content: str = "", opacity: str = "") -> str:
    """A filled rectangle."""
    left, top, right, bottom = box
    size = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return tag("rect", content, **size, css=css, fill_opacity=opacity)


def marker(x: float, y: float, shape: str, css: str, size: float = _SIZE) -> str:
    """A marker around a point; `size` is about half its width."""
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=size, css=css)
    return path([(x + size * dx, y + size * dy) for dx, dy in _OUTLINES[shape]], css, closed=True)


def hint(text: str) -> str:
    """A tooltip."""
    return tag("title", escape(visible(text)))


def drawing(
    key: str, title: str, description: str, size: tuple[float, float], parts: Sequence[str]
) -> str:
    """The `<svg>` element, with a title and a description for screen readers."""
    return tag(
        "svg",
        tag("title", escape(visible(title)), id=f"{key}-title")
        + tag("desc", escape(visible(description)), id=f"{key}-desc")
        + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {pixel(size[0])} {pixel(size[1])}",
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def pixel(value: float) -> str:
    """A coordinate: tenths of a pixel, no trailing zeros."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _value(value: float | str) -> str:
    return escape(value) if isinstance(value, str) else pixel(value)
