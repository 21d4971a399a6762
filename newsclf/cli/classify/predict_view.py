"""Output of `newsclf predict`: bars on the terminal, or a JSON document."""

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
_SHOWN = 500
"""Characters of a headline that are shown."""
_COLOURS = {"negative": "red", "neutral": "blue", "positive": "green"}


def document(
    found: Sequence[tuple[str, Prediction]], latency_ms: float, classifier: Classifier
) -> dict[str, object]:
    """Predictions as --json prints them, with their source."""
    return {
        "source": classifier.source,
        "predictions": [{"headline": text, **prediction.as_dict()} for text, prediction in found],
        "latency_ms": round(latency_ms, 3),
    }


def bars(text: str, prediction: Prediction) -> list[RenderableType]:
    """A headline with a bar for each label, and an empty line.

    Where stdout cannot take block characters, they are plain ones.
    """
    from rich.table import Table
    from rich.text import Text

    from newsclf.common.visible import visible

    blocks = _takes_blocks()
    grid = Table.grid(padding=(0, 1))
    for label, score in zip(LABELS, prediction.scores, strict=True):
        chosen = label == prediction.label
        grid.add_row(
            (">", "▸")[blocks] if chosen else " ",
            Text(label, style=f"bold {_COLOURS[label]}" if chosen else ""),
            Text(_bar(score, blocks=blocks), style=_COLOURS[label]),
            Text(f"{100 * score:5.1f} %", style="bold" if chosen else ""),
        )
    return [Text(visible(_shortened(text)), style="bold"), grid, ""]


def _shortened(text: str) -> str:
    """The beginning of a text that would fill the screen."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def _takes_blocks() -> bool:
    try:
        "▸█▏".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _bar(share: float, *, blocks: bool) -> str:
    """A bar of _BAR_CELLS cells, exact to an eighth of a cell, or to a cell without blocks."""
    if not blocks:
        return ("#" * round(share * _BAR_CELLS)).ljust(_BAR_CELLS)
    eighths = round(share * _BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(_BAR_CELLS)
