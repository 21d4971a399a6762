"""Predictions, and the encoder and decoder of each wire format in which they are sent.

endpoint   [[{"label": …, "score": …} × 3] …], the output of a transformers text-classification
           pipeline with top_k=None: answers of the model server and of SageMaker endpoints
api        {"predictions": [{"label": …, "score": …, "scores": {label: score × 3}} …], …}, each with
           "uncertain": true or false if the request has "min_confidence", and with
           "explanation": [{"word": …, "start": …, "end": …, "weight": …} …] if it has "explain"
"""

from __future__ import annotations

from typing import Any, NamedTuple

from newsclf.contract.labels import LABELS
from newsclf.contract.requests import ContractError

_ROUNDING = 1.5e-3
"""Tolerance for the sum of scores: three scores, each rounded to three decimals or more."""


class Prediction(NamedTuple):
    """Prediction of one headline."""

    scores: tuple[float, ...]
    """Probability of each of LABELS, in that order; they sum to 1."""

    @property
    def label_id(self) -> int:
        """Index in LABELS of the most probable class."""
        return self.scores.index(max(self.scores))

    @property
    def label(self) -> str:
        """The most probable class."""
        return LABELS[self.label_id]

    @property
    def score(self) -> float:
        """Probability of the most probable class."""
        return max(self.scores)

    def is_uncertain(self, min_confidence: float) -> bool:
        """Whether even the most probable class is less probable than this."""
        return self.score < min_confidence

    def as_pipeline(self) -> list[dict[str, object]]:
        """Encode for the endpoint: label and score of each class, the most probable first."""
        ranked = sorted(zip(self.scores, LABELS, strict=True), key=lambda pair: -pair[0])
        return [{"label": label, "score": score} for score, label in ranked]

    def as_dict(self, min_confidence: float | None = None) -> dict[str, object]:
        """Encode for the public API.

        Args:
            min_confidence: Adds whether the prediction is less confident than this, `uncertain`.
        """
        document: dict[str, object] = {
            "label": self.label,
            "score": self.score,
            "scores": dict(zip(LABELS, self.scores, strict=True)),
        }
        if min_confidence is not None:
            document["uncertain"] = self.is_uncertain(min_confidence)
        return document


def read_endpoint_answer(document: object, count: int) -> list[Prediction]:
    """Decode the answer of a model server or an endpoint.

    Args:
        document: The decoded JSON.
        count: Headlines of the request.

    Raises:
        ContractError: it has another form, other labels, another number of predictions, or scores
            that are not probabilities.
    """
    rows = _rows(document, count)
    try:
        scores = [{entry["label"]: entry["score"] for entry in row} for row in rows]
    except (KeyError, TypeError):
        raise ContractError("the answer holds a prediction without label and score") from None
    if any(len(row) != len(LABELS) for row in rows):
        raise ContractError(f"the answer must have a score for each of {', '.join(LABELS)}")
    return [_prediction(row, i) for i, row in enumerate(scores)]


def read_api_answer(document: object, count: int) -> list[Prediction]:
    """Decode the answer of the public API, whose label and score follow from its scores.

    Args:
        document: The decoded JSON.
        count: Headlines of the request.

    Raises:
        ContractError: as `read_endpoint_answer`.
    """
    if not isinstance(document, dict):
        raise ContractError("the answer must be an object with 'predictions'")
    rows = _rows(document.get("predictions"), count)
    if not all(isinstance(row, dict) and isinstance(row.get("scores"), dict) for row in rows):
        raise ContractError("the answer holds a prediction without scores")
    return [_prediction(row["scores"], i) for i, row in enumerate(rows)]


def _rows(predictions: object, count: int) -> list[Any]:
    if not isinstance(predictions, list):
        raise ContractError("the answer must hold a list of predictions")
    if len(predictions) != count:
        raise ContractError(f"the answer holds {len(predictions)} predictions, not {count}")
    return predictions


def _prediction(scores: dict[Any, Any], i: int) -> Prediction:
    if scores.keys() != set(LABELS):
        raise ContractError(f"prediction {i} must have a score for each of {', '.join(LABELS)}")
    ordered = tuple(scores[label] for label in LABELS)
    # This excludes NaN, and also True and False, which are not JSON numbers.
    if not all(type(score) in (float, int) and 0 <= score <= 1 for score in ordered):
        raise ContractError(f"prediction {i} has a score that is not a number from 0 to 1")
    if abs(sum(ordered) - 1) > _ROUNDING:
        raise ContractError(f"the scores of prediction {i} sum to {sum(ordered):.4f}, not to 1")
    return Prediction(tuple(map(float, ordered)))
