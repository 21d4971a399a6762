"""The training curve as a chart."""

from __future__ import annotations

from collections.abc import Sequence

from newsclf.common.intervals import percent
from newsclf.reporting.figure import Figure, Table
from newsclf.reporting.panel import LEFT, RIGHT, Key, Mark, Panel, chart, legend
from newsclf.reporting.scale import Scale, Tick, linear
from newsclf.reporting.text import number


def training_figure(
    key: str, history: Sequence[dict[str, float]], kept_epoch: int, *, title: str = "Training"
) -> Figure:
    """Draw losses above validation macro-F1, by epoch, and mark the epoch that was kept."""
    epochs = [entry["epoch"] for entry in history]
    ticks = tuple(Tick(epoch, f"{epoch:g}") for epoch in epochs)
    x = Scale("linear", epochs[0] - 0.3, epochs[-1] + 0.3, LEFT, RIGHT, ticks)
    keys, top = legend([Key("training", "s0 line"), Key("validation", "s1 line d1")])
    losses = {name: [e[name] for e in history] for name in ("train_loss", "validation_loss")}
    scores = [100 * entry["macro_f1"] for entry in history]
    y = linear([loss for values in losses.values() for loss in values], 172, top + 26, most=5)
    upper = Panel(x, y, y_title="Loss", x_texts=False)
    lower = Panel(
        x,
        linear(scores, 300, 208, most=4, low=None),
        y_title="Validation macro-F1, %",
        x_title="Epoch",
    )
    for panel in (upper, lower):
        panel.upright(kept_epoch, "objective")
    upper.above(kept_epoch, f"epoch {kept_epoch:g} kept")
    for panel, values, css, dash in (
        (upper, losses["train_loss"], "s0", ""),
        (upper, losses["validation_loss"], "s1", "d1"),
        (lower, scores, "s0", ""),
    ):
        panel.line(zip(epochs, values, strict=True), f"{css} line {dash}".strip())
        for epoch, value in zip(epochs, values, strict=True):
            panel.marks([Mark(epoch, value, "circle", css)], f"epoch {epoch:g}: {number(value)}")
    rows = [
        (
            *(f"{e['epoch']:g}", number(e["train_loss"]), number(e["validation_loss"])),
            *(percent(e["macro_f1"]), "kept" if e["epoch"] == kept_epoch else ""),
        )
        for e in history
    ]
    table = Table(("epoch", "training loss", "validation loss", "validation macro-F1", ""), rows)
    subtitle = f"{len(epochs)} epochs; epoch {kept_epoch:g} was kept"
    parts = [*keys, *upper.parts, *lower.parts]
    caption = (
        "Kept is the latest epoch whose macro-F1 is within a standard error of the best. The"
        " training loss is that of softened labels, so it may lie above the validation loss."
    )
    return chart(key, title, subtitle, table, parts, caption=caption)
