"""Rows on which a classifier is calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from newsclf.common.settings import DataSettings
from newsclf.data import headlines
from newsclf.data.examples import Example, LabelledData, Split, normalised


@dataclass(frozen=True, slots=True)
class RowSet:
    """Rows of one source, which count as much as those of another."""

    name: str
    examples: Sequence[Example]


def calibration_rows(
    data: LabelledData, parts: Split, on: Literal["headlines", "own", "none"]
) -> list[RowSet]:
    """The sets of validation rows to calibrate on; none of them is empty.

    With `headlines` the validation part of the shipped corpus is one of them, without rows that the
    model was trained on or will be tested on. Rows that stand in both sets count in the corpus.

    Args:
        data: The data that the model was trained on.
        parts: Their parts.
        on: The setting `train.calibration`.
    """
    if on == "none":
        return []
    if on == "own":
        return [RowSet(data.name, parts.validation)]
    corpus = headlines.read(DataSettings(source="headlines"))
    shipped = {normalised(example.text): example for example in corpus.validation or ()}
    taken = {normalised(example.text) for example in (*parts.train, *parts.test)}
    sets = [
        RowSet(
            data.name.removesuffix(f"; {corpus.name}"),
            [each for each in parts.validation if normalised(each.text) not in shipped],
        ),
        RowSet(corpus.name, [each for text, each in shipped.items() if text not in taken]),
    ]
    return [each for each in sets if each.examples]
