"""What a model says of headlines that people review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from newsclf.label.review.queue import ReviewItem


def with_probabilities(items: Sequence[ReviewItem], model: Path) -> list[ReviewItem]:
    """Headlines with the probabilities of a model directory's int8 model, as `predict` gives them.

    Raises:
        ModelError: There is no usable model directory.
    """
    from newsclf.predict.classifier import Classifier

    found = Classifier.load(model).classify([item.text for item in items])
    with_model = []
    for item, prediction in zip(items, found, strict=True):
        negative, neutral, positive = prediction.scores
        with_model.append(replace(item, probabilities=(negative, neutral, positive)))
    return with_model
