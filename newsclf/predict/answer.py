"""Answers to headlines: the prediction, and on request whether it is uncertain, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from newsclf.common.errors import DataError
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import (
    WordWeight,
    classifications,
    explanations,
    with_occlusions,
)
from newsclf.contract.labels import LABELS
from newsclf.contract.limits import MAX_EXPLAINED_CHARACTERS, MAX_HEADLINES
from newsclf.contract.requests import headline_problem

Classify = Callable[[Sequence[str]], list[Prediction]]
PREDICTED_LABEL = "predicted_label"
SCORES = tuple(f"p_{label}" for label in LABELS)
COLUMNS = (PREDICTED_LABEL, *SCORES)
"""Columns that scoring adds to a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for about each headline besides its prediction."""

    min_confidence: float | None = None
    """Probability below which a prediction is called uncertain; None: none is."""
    explain: bool = False
    """Weigh the words of each headline."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The prediction of a headline, and the weights of its words."""

    text: str
    prediction: Prediction
    explanation: Sequence[WordWeight] | None = None
    """None: not asked for, or the headline is too long."""

    def as_dict(self, asked: Asked) -> dict[str, object]:
        """Encode for --json: the headline, and its prediction as the public API gives it."""
        document = {"headline": self.text, **self.prediction.as_dict(asked.min_confidence)}
        return document | ({"explanation": self.weights()} if asked.explain else {})

    def weights(self) -> list[dict[str, object]] | None:
        """Encode the explanation; None if it has none."""
        return None if self.explanation is None else [each.as_dict() for each in self.explanation]


def answer(texts: Sequence[str], classify: Classify, asked: Asked) -> list[Answer]:
    """Classify headlines, and explain the predictions if that is asked for.

    An explanation classifies the headline again without each of its words. Headlines of more than
    MAX_EXPLAINED_CHARACTERS characters get none.
    """
    if not asked.explain:
        return [Answer(text, found) for text, found in zip(texts, classify(texts), strict=True)]
    short = [text for text in texts if len(text) <= MAX_EXPLAINED_CHARACTERS]
    long = [text for text in texts if len(text) > MAX_EXPLAINED_CHARACTERS]
    explained = (each for group in _groups(short) for each in _explained(group, classify))
    rest = (Answer(text, found) for text, found in zip(long, classify(long), strict=True))
    return [next(rest if len(text) > MAX_EXPLAINED_CHARACTERS else explained) for text in texts]


def check_headlines(texts: Sequence[str]) -> None:
    """Check that headlines can be classified.

    Raises:
        DataError: One is empty or no text.
        TypeError: They are one string, or one of them is not a string.
    """
    if isinstance(texts, str):
        raise TypeError("headlines must be a list of strings, not one string")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise TypeError(f"headline {number} is of type {type(text).__name__}, not a string")
        if problem := headline_problem(text):
            raise DataError(f"headline {number} of {len(texts)} {problem}", hint="leave it out")


def _explained(texts: Sequence[str], classify: Classify) -> list[Answer]:
    found = explanations(texts, classify(with_occlusions(texts)))
    return [
        Answer(text, prediction, weights)
        for text, (prediction, weights) in zip(texts, found, strict=True)
    ]


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    """Split headlines into groups whose explanations need no more texts than a request may hold."""
    group: list[str] = []
    count = 0
    for text in texts:
        more = classifications(text)
        if group and count + more > MAX_HEADLINES:
            yield group
            group, count = [], 0
        group.append(text)
        count += more
    if group:
        yield group
