"""Baseline: predicting the most frequent class for every headline."""

from __future__ import annotations

from collections.abc import Mapping

from newsclf.common.intervals import percent
from newsclf.common.records import LenientRecord


class Baseline(LenientRecord):
    """Accuracy of predicting the most frequent class for every headline."""

    label: str
    accuracy: float

    @property
    def name(self) -> str:
        """What it does, such as `always answering positive`."""
        return f"always answering {self.label}"

    def remark(self, accuracy: float) -> str | None:
        """A warning about a model that is not more accurate; None for one that is."""
        if accuracy > self.accuracy:
            return None
        return (
            f"The model is no better than {self.name}: its accuracy on these headlines is"
            f" {percent(accuracy)}, the baseline's {percent(self.accuracy)}. Nothing here shows"
            " that it has learnt anything; add headlines of rarer classes, or train for longer."
        )


def baseline_of(rows: Mapping[str, int]) -> Baseline:
    """The baseline of data with these counts of rows per class."""
    label = max(rows, key=lambda name: rows[name])
    return Baseline(label=label, accuracy=rows[label] / sum(rows.values()))
