"""Headlines to review, with what an LLM and a model say of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import count

from newsclf.data.labelled import Label, Vote
from newsclf.label.review.queue import ReviewItem

NOON = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
LLM = "gpt-4.1-mini"
_TITLES: tuple[tuple[str, Label], ...] = (
    ("Korvath Bank lifts its forecast after record lending", "positive"),
    ("Orvane Motors recalls 40,000 vans over faulty brakes", "negative"),
    ("Tessaly Foods to hold annual meeting in Lisbon", "neutral"),
    ("Profit at Nimbus Air falls short as fuel costs bite", "negative"),
    ("Central bank keeps rates, as expected", "neutral"),
    ("Zuberan Oil wins its largest contract for drilling yet", "positive"),
)


def vote(label: Label | None, annotator: str = LLM) -> Vote:
    """A vote of an LLM; of a person where the name is not the LLM's."""
    kind = "llm" if annotator == LLM else "human"
    return Vote.model_validate({"annotator": annotator, "kind": kind, "label": label, "at": NOON})


def items() -> list[ReviewItem]:
    """Six headlines about which the LLM and the model agree, except about the fourth."""
    return [
        ReviewItem(
            text=title,
            votes=tuple([vote(label)] * 4 + [vote("neutral")] * (label == "negative")),
            probabilities=(0.2, 0.7, 0.1) if number == 3 else _sure(label),
            source="Wire" if number % 2 else "Exchange notices",
        )
        for number, (title, label) in enumerate(_TITLES)
    ]


def ticking(step_s: float = 2.0) -> Callable[[], float]:
    """A clock of seconds that goes on by a step at each look."""
    ticks: Iterator[float] = count(0, step_s)
    return lambda: next(ticks)


def _sure(label: Label) -> tuple[float, float, float]:
    return {
        "negative": (0.9, 0.07, 0.03),
        "neutral": (0.05, 0.9, 0.05),
        "positive": (0.02, 0.08, 0.9),
    }[label]
