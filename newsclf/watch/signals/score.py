"""Sentiment of a headline, and of an event that several headlines tell, as one number."""

from __future__ import annotations

import math
from collections.abc import Collection

from newsclf.contract.labels import LABELS

_NEGATIVE, _POSITIVE = LABELS.index("negative"), LABELS.index("positive")


def headline_score(scores: tuple[float, ...]) -> float:
    """P(positive) − P(negative), from −1 to 1; `scores` are in the order of LABELS."""
    return scores[_POSITIVE] - scores[_NEGATIVE]


def event_score(scores: Collection[float]) -> float:
    """The mean of its headlines' scores, the same in whatever order they come."""
    return math.fsum(scores) / len(scores)
