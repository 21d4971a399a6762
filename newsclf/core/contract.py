"""The words that training, serving and clients share; standard library only."""

from __future__ import annotations

from typing import NamedTuple

LABELS = ("negative", "neutral", "positive")
"""The classes, in the order of every logit, score tuple and confusion matrix of the project."""


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

    def as_dict(self) -> dict[str, object]:
        """The prediction in the shape of the public API."""
        return {
            "label": self.label,
            "score": self.score,
            "scores": dict(zip(LABELS, self.scores, strict=True)),
        }


def label_mapping_error(id2label: object) -> str | None:
    """Say what is wrong with a model configuration's `id2label`, or None if it is LABELS."""
    expected = {str(i): label for i, label in enumerate(LABELS)}
    if isinstance(id2label, dict) and {str(k): v for k, v in id2label.items()} == expected:
        return None
    return f"its config.json has id2label {id2label!r}, but newsclf models have {expected!r}"
