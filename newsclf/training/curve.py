"""The training curve as a chart."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from newsclf.reporting.matplotlib_svg import BLUE, INK, ORANGE, svg_of

_EPOCH_TICKS = 10


def training_svg(history: Sequence[dict[str, float]], kept_epoch: int) -> str:
    """Losses, and beside them validation macro-F1, by epoch; a line marks the one that was kept."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        epochs = [entry["epoch"] for entry in history]
        for name, words, colour, style in (
            ("train_loss", "training", BLUE, "-"),
            ("validation_loss", "validation", ORANGE, (0, (4, 3))),
        ):
            values = [entry[name] for entry in history]
            left.plot(
                epochs, values, color=colour, linestyle=style, marker="o", markersize=3, label=words
            )
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

    return svg_of(draw, width_in=6.4, height_in=2.8)
