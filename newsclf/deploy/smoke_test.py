"""The smoke test of a model server: two headlines, and what its answer must hold."""

from __future__ import annotations

import json

from newsclf.contract.labels import LABELS

HEADLINES = ("Profit rose by a third", "The plant is closed and 240 people lose their jobs")
REQUEST = json.dumps({"inputs": HEADLINES}).encode()
"""The body of the request, JSON."""


def is_classified(body: bytes) -> bool:
    """Whether an answer to the request holds a score of each label for each headline."""
    try:
        labels = [{entry["label"] for entry in row} for row in json.loads(body)]
    except (ValueError, TypeError, KeyError):
        return False
    return labels == [set(LABELS)] * len(HEADLINES)
