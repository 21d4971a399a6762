"""Read a model's answer: one of the three labels in one of the agreed forms, else a failure."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal

from newsclf.contract.labels import LABELS
from newsclf.data.labelled import Label

Failure = Literal[
    "no label",
    "wrong form",
    "refused",
    "cut off",
    "too many tokens",
    "reasoned too long",
    "no answer",
    "server error",
    "rate limit",
    "rejected",
]
"""Why there is no label.

    no label           the answer has the agreed form, but its label is none of the three
    wrong form         the answer has another form
    refused            the model, or a filter of its provider, would not answer
    cut off            the connection ended within the answer
    too many tokens    the answer did not end within --max-answer-tokens
    reasoned too long  the reasoning before it took these tokens
    no answer          none within the time-out, or no connection
    server error       the server failed (5xx)
    rate limit         the server asked to wait (429) as often as it was asked
    rejected           the server did not take this request (4xx)
"""

_LABELS: Final[dict[str, Label]] = {
    "negative": "negative",
    "neutral": "neutral",
    "positive": "positive",
}
assert tuple(_LABELS) == LABELS  # noqa: S101 - mypy needs the literals
_BLOCK = re.compile(r"```(?:json)?[^\S\n]*\n(.*)\n[^\S\n]*```", re.DOTALL)
_WORD = re.compile(r"[\"'*]{0,2}([A-Za-z]+)\.?[\"'*]{0,2}")


class _RepeatedKeyError(ValueError):
    """A JSON object has two values for one key, of which nothing says which counts."""


def read_label(answer: str) -> tuple[Label | None, Failure | None]:
    """The label of an answer, or why it has none.

    Taken are `{"label": "positive"}` with nothing else in the object, also as the only content of a
    Markdown code block, and the bare word, which models without structured output tend to send. A
    label within a sentence is not taken: "not positive" has one too.
    """
    text = answer.strip()
    block = _BLOCK.fullmatch(text)
    if block:
        text = block[1].strip()
    word = _WORD.fullmatch(text)
    if word:
        return _label(word[1])
    try:
        found = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return None, "wrong form"
    if not (isinstance(found, dict) and found.keys() == {"label"}):
        return None, "wrong form"
    return _label(found["label"])


def _label(value: object) -> tuple[Label | None, Failure | None]:
    label = _LABELS.get(value.strip().lower()) if isinstance(value, str) else None
    return (label, None) if label else (None, "no label")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKeyError
    return found
