"""Views of `newsclf predict`: bars on the terminal, or a JSON document."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from newsclf.cli import colours
from newsclf.contract.labels import LABELS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.predict.answer import Answer, Asked
    from newsclf.predict.classifier import Classifier

_BAR_CELLS = 20
_SHOWN_CHARACTERS = 500
_STRONG_POINTS = 10


def document(
    answers: Sequence[Answer], latency_ms: float, classifier: Classifier, asked: Asked
) -> dict[str, object]:
    """Answers as --json prints them, with their source."""
    return {
        "source": classifier.source.as_dict(),
        "predictions": [answer.as_dict(asked) for answer in answers],
        "latency_ms": round(latency_ms, 3),
    }


def answer(given: Answer, asked: Asked) -> list[RenderableType]:
    """A headline with a bar for each label, the weights of its words, and an empty line.

    The bars are plain ASCII if the encoding of stdout has no block characters. What colours say is
    also said in words, signs and numbers.
    """
    from rich.table import Table
    from rich.text import Text

    from newsclf.common.visible import visible

    text, prediction, blocks = given.text, given.prediction, _takes_blocks()
    least = asked.min_confidence
    uncertain = least is not None and prediction.is_uncertain(least)
    grid = Table.grid(padding=(0, 1))
    for label, score in zip(LABELS, prediction.scores, strict=True):
        chosen = label == prediction.label
        grid.add_row(
            (">", "▸")[blocks] if chosen else " ",
            Text(label, style=f"bold {colours.LABELS[label]}" if chosen else ""),
            Text(_bar(score, blocks=blocks), style=colours.LABELS[label]),
            Text(f"{100 * score:5.1f} %", style="bold" if chosen else ""),
            *([Text("uncertain", style="bold yellow")] if chosen and uncertain else []),
        )
    if len(text) > _SHOWN_CHARACTERS:
        text = f"{text[:_SHOWN_CHARACTERS]}… ({len(text):,} characters)"
    words = [_weighed_words(given)] if asked.explain else []
    return [Text(visible(text), style="bold"), grid, *words, ""]


def _weighed_words(given: Answer) -> RenderableType:
    """The words in their order, each with its weight in points of the label's probability."""
    from rich.table import Table
    from rich.text import Text

    from newsclf.common.visible import visible

    line = Text()
    for each in given.explanation or ():
        points = round(100 * each.weight)
        colour = colours.LABELS[given.prediction.label] if points > 0 else colours.AGAINST
        strong = "bold " if abs(points) >= _STRONG_POINTS else ""
        marked = f"{visible(each.word)}({points:+})" if points else visible(each.word)
        line.append(" " if line else "").append(marked, style=f"{strong}{colour}" if points else "")
    if given.explanation is None:
        line.append("not weighed, since the headline is too long")
    grid = Table.grid(padding=(0, 1))
    grid.add_row(" ", "words:", line)
    return grid


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
