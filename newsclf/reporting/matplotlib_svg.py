"""Charts drawn by matplotlib as SVG text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#1f2329"
BLUE = "#3a6ea5"
ORANGE = "#d9772b"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "newsclf",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg_of(draw: Callable[[Figure], None], *, width_in: float, height_in: float) -> str:
    """The figure that `draw` fills; text stays text, and the same figures give the same bytes."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]  # without the XML prologue it also stands inside HTML
