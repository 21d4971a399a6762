"""Predictions, and the two forms in which they are sent."""

from __future__ import annotations

from typing import NamedTuple

from newsclf.contract.labels import LABELS


class Prediction(NamedTuple):
    """What the classifier says of one headline."""

    scores: tuple[float, ...]
    """Probability of each of LABELS, in that order; they sum to 1."""

    @property
    def label_id(self) -> int:
        """Index in LABELS of the most probable class."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)

    @property
    def label(self) -> str:
        """The most probable class."""
        return LABELS[self.label_id]

    @property
    def score(self) -> float:
        """Probability of the most probable class."""
        return self.scores[self.label_id]

    def as_pipeline(self) -> list[dict[str, object]]:
        """The prediction as a transformers text-classification pipeline gives it with top_k=None.

        That is a label and a score for each class, the most probable first.
        """
        ranked = sorted(zip(self.scores, LABELS, strict=True), key=lambda pair: -pair[0])
        return [{"label": label, "score": score} for score, label in ranked]

    def as_dict(self) -> dict[str, object]:
        """The prediction in the shape of the public API."""
        return {
            "label": self.label,
            "score": self.score,
            "scores": dict(zip(LABELS, self.scores, strict=True)),
        }
