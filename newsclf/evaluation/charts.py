"""Charts as SVG text: confusion matrix, reliability diagram, training curve.

Text stays text and ink is one colour (INK), so that a page can let it follow its light or dark
theme; the same figures give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from newsclf.core.contract import LABELS
from newsclf.evaluation.report import Calibration

INK = "#1f2329"
_DARK_SHADE = 0.5
_BLUE, _ORANGE = "#3a6ea5", "#d9772b"
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
        # Rectangles, not imshow's bitmap, which a page that allows no images would not show.
        edges = [i - 0.5 for i in range(len(LABELS) + 1)]
        axes.pcolormesh(edges, edges, shares, cmap="Blues", vmin=0, vmax=1)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        for i, row in enumerate(counts):
            for j, cell in enumerate(row):
                axes.text(
                    j,
                    i,
                    f"{cell}\n{100 * shares[i][j]:.1f} %",
                    ha="center",
                    va="center",
                    color="white" if shares[i][j] > _DARK_SHADE else "#16304d",
                )
        axes.set_xticks(range(len(LABELS)), LABELS)
        axes.set_yticks(range(len(LABELS)), LABELS)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return _svg(draw, width_in=4.2, height_in=3.8)


def reliability_svg(calibration: Calibration) -> str:
    """Observed accuracy against stated confidence, bin by bin, with the diagonal of perfection."""

    def draw(axes: Axes) -> None:
        bins = calibration.bins
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.bar(
            [b.lower for b in bins],
            [b.accuracy for b in bins],
            width=[b.upper - b.lower for b in bins],
            align="edge",
            color=_BLUE,
            alpha=0.55,
            edgecolor=_BLUE,
            linewidth=0.8,
            label="accuracy",
        )
        axes.plot(
            [b.confidence for b in bins],
            [b.accuracy for b in bins],
            marker="o",
            markersize=4,
            color=_ORANGE,
            label="at mean confidence",
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("confidence")
        axes.set_ylabel("accuracy")
        axes.set_title(f"expected calibration error {calibration.expected_error:.3f}")
        axes.legend(loc="upper left", frameon=False)

    return _svg(draw, width_in=4.2, height_in=3.8)


def training_svg(history: Sequence[dict[str, float]], kept_epoch: int) -> str:
    """Losses and validation macro-F1 by epoch; a line marks the epoch that was kept."""

    def draw(axes: Axes) -> None:
        epochs = [entry["epoch"] for entry in history]
        axes.plot(epochs, [e["train_loss"] for e in history], color=_BLUE, label="training loss")
        axes.plot(
            epochs,
            [e["validation_loss"] for e in history],
            color=_BLUE,
            linestyle=(0, (4, 3)),
            label="validation loss",
        )
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.set_xticks(epochs)
        axes.axvline(kept_epoch, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        right = axes.twinx()
        right.plot(
            epochs,
            [100 * e["macro_f1"] for e in history],
            color=_ORANGE,
            marker="o",
            markersize=4,
            label="validation macro-F1",
        )
        right.set_ylabel("macro-F1, %")
        right.spines["right"].set_visible(True)
        lines = [*axes.get_lines()[:2], *right.get_lines()]
        axes.legend(
            lines,
            [str(line.get_label()) for line in lines],
            loc="upper center",
            bbox_to_anchor=(0.5, 1.16),
            ncols=3,
            frameon=False,
        )

    return _svg(draw, width_in=6.4, height_in=3.4)


def _svg(draw: Any, *, width_in: float, height_in: float) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]  # without the XML prologue it also stands inside HTML
