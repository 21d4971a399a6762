"""What `newsclf train` shows of data and of a finished model, wherever it was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsclf.cli.output import Output
    from newsclf.core.examples import LabelledData, Split
    from newsclf.lifecycle.train import TrainResult


def say_data(output: Output, data: LabelledData, parts: Split) -> None:
    """Say what is trained on."""
    output.note(
        f"{data.name}: {len(parts.train)} rows to train on, {len(parts.validation)} for"
        f" validation, {len(parts.test)} held out"
    )
    if data.licence:
        output.note(f"Licence of the data: {data.licence}")


def show_result(output: Output, result: TrainResult, **more: object) -> None:
    """Show the scores of a finished model.

    Args:
        more: For the JSON document.
    """
    output.data(
        {
            "model": str(result.model),
            "digest": result.best.digest,
            "best_seed": result.best.training.seed,
            "rows_per_s": result.rows_per_s,
            "spread": {name: spread._asdict() for name, spread in (result.spread or {}).items()},
            "validation": {
                str(card.training.seed): card.validation.model_dump() for card in result.cards
            },
            **more,
        }
    )
    rows = [
        [
            f"seed {card.training.seed}",
            card.validation.rows,
            f"{100 * card.validation.accuracy:.1f} %",
            f"{100 * card.validation.macro_f1:.1f} %",
            f"{100 * card.int8.agreement:.1f} %" if card.int8 else "–",
            f"{card.kept_epoch} of {card.epochs_run}",
        ]
        for card in result.cards
    ]
    if result.spread:
        rows.append(["mean ± sd", "", *(s.percent() for s in result.spread.values()), "", ""])
    output.show(
        output.table(
            f"{result.model}: validation part",
            ["", "rows", "accuracy", "macro-F1", "int8 agrees", "epoch kept"],
            rows,
        )
    )
    runtime = "" if result.best.int8_rejected is None else "--float "
    output.note(f"next: newsclf evaluate {runtime}--model {result.model}")
