"""Views of `newsclf predict`: bars on the terminal, or a JSON document."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from newsclf.contract.answers import Prediction
from newsclf.contract.labels import LABELS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.cli.classify.predict_source import Classifier

_BAR_CELLS = 20
_SHOWN_CHARACTERS = 500
_COLOURS = {"negative": "red", "neutral": "blue", "positive": "green"}


def document(
    found: Sequence[tuple[str, Prediction]],
    latency_ms: float,
    classifier: Classifier,
    min_confidence: float | None,
) -> dict[str, object]:
    """Predictions as --json prints them, with their source."""
    return {
        "source": classifier.source,
        "predictions": [
            {"headline": text, **prediction.as_dict(min_confidence)} for text, prediction in found
        ],
        "latency_ms": round(latency_ms, 3),
    }


def bars(text: str, prediction: Prediction, min_confidence: float | None) -> list[RenderableType]:
    """A headline with a bar for each label, and an empty line.

    The bars are plain ASCII if the encoding of stdout has no block characters. A prediction that is
    less confident than `min_confidence` is called uncertain, in words.
    """
    from rich.table import Table
    from rich.text import Text

    from newsclf.common.visible import visible

    blocks = _takes_blocks()
    uncertain = min_confidence is not None and prediction.is_uncertain(min_confidence)
    grid = Table.grid(padding=(0, 1))
    for label, score in zip(LABELS, prediction.scores, strict=True):
        chosen = label == prediction.label
        grid.add_row(
            (">", "▸")[blocks] if chosen else " ",
            Text(label, style=f"bold {_COLOURS[label]}" if chosen else ""),
            Text(_bar(score, blocks=blocks), style=_COLOURS[label]),
            Text(f"{100 * score:5.1f} %", style="bold" if chosen else ""),
            *([Text("uncertain", style="bold yellow")] if chosen and uncertain else []),
        )
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[:_SHOWN_CHARACTERS]}… ({len(text):,} characters)"
    return [Text(visible(text), style="bold"), grid, ""]


def _takes_blocks() -> bool:
    try:
        "▸█▏".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _bar(share: float, *, blocks: bool) -> str:
    """A bar of _BAR_CELLS cells, exact to an eighth of a cell, or to a cell in ASCII."""
    if not blocks:
        return ("#" * round(share * _BAR_CELLS)).ljust(_BAR_CELLS)
    full, rest = divmod(round(share * _BAR_CELLS * 8), 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(_BAR_CELLS)
