"""Charts as SVG text: confusion matrix, reliability diagram, training curve.

Text stays text and ink is one colour (INK), so that a page can let it follow its light or dark
theme; the same figures give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from newsclf.core.contract import LABELS
from newsclf.evaluation.metrics import wilson_interval
from newsclf.evaluation.report import Calibration

INK = "#1f2329"
_DARK_SHADE = 0.5
_KEY_STEPS = 12
_FEW_ROWS = 5
_LEAST_CONFIDENCE = 0.3
"""The largest of three probabilities is never less than a third."""
_EPOCH_TICKS = 10
BLUE = "#3a6ea5"
_ORANGE = "#d9772b"
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


def confusion_svg(counts: Sequence[Sequence[int]]) -> str:
    """A confusion matrix: counts, and shares of the true class as shade and percentage."""

    def draw(axes: Axes) -> None:
        shares = [[cell / max(1, sum(row)) for cell in row] for row in counts]
        for i, row in enumerate(counts):
            for j, cell in enumerate(row):
                # Shades let the page through, so that a rare cell is dark on a dark page.
                axes.add_patch(_shade(j - 0.5, i - 0.5, 1, 1, shares[i][j]))
                axes.text(
                    j,
                    i,
                    f"{cell:,}\n{100 * shares[i][j]:.1f} %",
                    ha="center",
                    va="center",
                    color="white" if shares[i][j] > _DARK_SHADE else INK,
                )
        for k in range(_KEY_STEPS):  # the key of the shades, under the matrix
            axes.add_patch(_shade(0.9 + 0.08 * k, 2.62, 0.08, 0.12, (k + 0.5) / _KEY_STEPS))
        axes.text(0.84, 2.68, "share of the row: 0 %", ha="right", va="center", fontsize=8)
        axes.text(0.96 + 0.08 * _KEY_STEPS, 2.68, "100 %", ha="left", va="center", fontsize=8)
        axes.set_xlim(-0.5, len(LABELS) - 0.5)
        axes.set_ylim(2.8, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(len(LABELS)), [f"predicted\n{label}" for label in LABELS])
        axes.xaxis.tick_top()
        axes.set_yticks(
            range(len(LABELS)),
            [f"{label}\nn = {sum(row):,}" for label, row in zip(LABELS, counts, strict=True)],
        )
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return _svg(lambda figure: draw(figure.add_subplot()), width_in=4.2, height_in=4.2)


def _shade(x: float, y: float, width: float, height: float, share: float) -> Rectangle:
    return Rectangle((x, y), width, height, facecolor=BLUE, alpha=0.04 + 0.9 * share, linewidth=0)


def reliability_svg(calibration: Calibration) -> str:
    """Observed accuracy against stated confidence, with intervals, over the number of headlines.

    The area of a point grows with its headlines. A bin of fewer than five says little, so it is
    grey and hollow.
    """

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, sharex=True, height_ratios=[3.2, 1])
        above.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        most = max(b.rows for b in calibration.bins)
        for b in calibration.bins:
            few = b.rows < _FEW_ROWS
            colour = INK if few else BLUE
            low, high = wilson_interval(round(b.accuracy * b.rows), b.rows)
            middle = (b.lower + b.upper) / 2
            strength = 0.35 if few else 0.9
            above.plot(
                [b.confidence] * 2, [low, high], color=colour, linewidth=1.2, alpha=strength * 0.7
            )
            above.scatter(
                [b.confidence],
                [b.accuracy],
                s=18 + 140 * b.rows / most,
                facecolors="none" if few else colour,
                edgecolors=colour,
                alpha=strength,
                zorder=3,
            )
            below.bar(middle, b.rows, (b.upper - b.lower) * 0.86, color=colour, alpha=strength)
            below.annotate(
                f"{b.rows:,}", (middle, b.rows), (0, 2), textcoords="offset points", ha="center",
                fontsize=7,
            )  # fmt: skip
        above.set_ylim(0, 1.03)
        above.set_ylabel("accuracy")
        below.set_xlim(_LEAST_CONFIDENCE, 1.01)
        below.set_ylim(0, most * 1.25)
        below.set_yticks([])
        below.spines["left"].set_visible(False)
        below.set_ylabel("headlines")
        below.set_xlabel("confidence")

    return _svg(draw, width_in=4.2, height_in=4.2)


def training_svg(history: Sequence[dict[str, float]], kept_epoch: int) -> str:
    """Losses, and beside them validation macro-F1, by epoch; a line marks the one that was kept."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        epochs = [entry["epoch"] for entry in history]
        for name, words, colour, style in (
            ("train_loss", "training", BLUE, "-"),
            ("validation_loss", "validation", _ORANGE, (0, (4, 3))),
        ):
            values = [entry[name] for entry in history]
            left.plot(epochs, values, color=colour, linestyle=style, marker="o", markersize=3,
                      label=words)  # fmt: skip
        left.set_title("loss")
        left.set_ylim(bottom=0)
        left.legend(loc="lower left", frameon=False)  # losses fall from the upper left
        right.plot(
            epochs, [100 * e["macro_f1"] for e in history], color=BLUE, marker="o", markersize=3
        )
        right.set_title("validation macro-F1, %")
        right.margins(y=0.2)
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.set_xticks(epochs[:: -(-len(epochs) // _EPOCH_TICKS)])
            axes.axvline(kept_epoch, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        at_right_end = kept_epoch > (epochs[0] + epochs[-1]) / 2
        right.annotate(
            f"epoch {kept_epoch:g} kept",
            (kept_epoch, 0.02),
            (-4 if at_right_end else 4, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if at_right_end else "left",
            fontsize=8,
        )

    return _svg(draw, width_in=6.4, height_in=2.8)


def _svg(draw: Callable[[Figure], None], *, width_in: float, height_in: float) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]  # without the XML prologue it also stands inside HTML
