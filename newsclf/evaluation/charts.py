"""Charts as SVG text: confusion matrix and reliability diagram.

Text stays text and ink is one colour (INK), so that a page can let it follow its light or dark
theme; the same figures give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from newsclf.common.intervals import wilson_interval
from newsclf.contract.labels import LABELS
from newsclf.evaluation.report import Calibration
from newsclf.reporting.matplotlib_svg import BLUE, INK, svg_of

_DARK_SHADE = 0.5
_KEY_STEPS = 12
_FEW_ROWS = 5
_LEAST_CONFIDENCE = 0.3
"""The largest of three probabilities is never less than a third."""


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

    return svg_of(lambda figure: draw(figure.add_subplot()), width_in=4.2, height_in=4.2)


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
                f"{b.rows:,}",
                (middle, b.rows),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
        above.set_ylim(0, 1.03)
        above.set_ylabel("accuracy")
        below.set_xlim(_LEAST_CONFIDENCE, 1.01)
        below.set_ylim(0, most * 1.25)
        below.set_yticks([])
        below.spines["left"].set_visible(False)
        below.set_ylabel("headlines")
        below.set_xlabel("confidence")

    return svg_of(draw, width_in=4.2, height_in=4.2)
