"""What a model has to beat: giving the commonest class as the answer to every headline."""

from __future__ import annotations

from collections.abc import Mapping

from newsclf.common.records import LenientRecord


class Baseline(LenientRecord):
    """How often it is right to answer the commonest class, whatever the headline says."""

    label: str
    accuracy: float

    @property
    def name(self) -> str:
        """Such as `always answering positive`."""
        return f"always answering {self.label}"

    def remark(self, accuracy: float) -> str | None:
        """What to say of a model that is not better; None for one that is."""
        if accuracy > self.accuracy:
            return None
        return (
            f"The model is no better than {self.name}: it is right on {100 * accuracy:.1f} % of"
            f" these headlines, and that on {100 * self.accuracy:.1f} %. Nothing here shows that it"
            " has learnt anything; add headlines of the rarer classes, or train for longer."
        )


def baseline_of(rows: Mapping[str, int]) -> Baseline | None:
    """The baseline for so many rows of each class; None for no rows."""
    total = sum(rows.values())
    if total == 0:
        return None
    label = max(rows, key=lambda name: rows[name])
    return Baseline(label=label, accuracy=rows[label] / total)
