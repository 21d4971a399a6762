"""The classes of a headline."""

from __future__ import annotations

LABELS = ("negative", "neutral", "positive")
"""The classes, in the order of every logit, score tuple and confusion matrix of the project."""


def label_mapping_error(id2label: object) -> str | None:
    """Why a model configuration's `id2label` is wrong, or None if it is LABELS."""
    expected = {str(i): label for i, label in enumerate(LABELS)}
    if isinstance(id2label, dict) and {str(k): v for k, v in id2label.items()} == expected:
        return None
    return f"its config.json has id2label {id2label!r}, but newsclf models have {expected!r}"
