"""What the page of `watch` shows, for tests: a lively morning of invented news."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight, spans_of_words
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.page.hub import Change, Hub
from newsclf.watch.page.view import (
    Alert,
    AlertEvidence,
    Classification,
    EntitySignal,
    Headline,
    SourceHealth,
    Watched,
    Word,
)

NOON = dt.datetime(2026, 9, 21, 12, 0, tzinfo=dt.UTC)
WATCHED = Watched(
    model="models/minilm",
    digest="4be1f0a97d3c",
    half_life_s=3600,
    started=NOON - dt.timedelta(hours=3),
)
_TITLES = (
    ("Korvath Bank lifts its forecast after record lending", "positive", ("Korvath Bank",)),
    ("Orvane Motors recalls 40,000 vans over faulty brakes", "negative", ("Orvane Motors",)),
    ("Tessaly Foods to hold annual meeting in Lisbon", "neutral", ("Tessaly Foods",)),
    ("Profit at Nimbus Air falls short as fuel costs bite", "negative", ("Nimbus Air",)),
    ("Central bank keeps rates, as expected", "neutral", ()),
    ("Nimbus Air and Korvath Bank agree credit line", "neutral", ("Nimbus Air", "Korvath Bank")),
    ("Orvane Motors wins its largest order for buses yet", "positive", ("Orvane Motors",)),
)


def classification(label: str, title: str = "") -> Classification:
    """A clear classification, with weights on the words of a title."""
    clear = {"negative": (0.88, 0.09, 0.03), "neutral": (0.04, 0.91, 0.05)}
    weights = (0.42, -0.08, 0.19, 0.0, 0.06)
    words = [
        Word(start=start, end=end, weight=weights[i % len(weights)])
        for i, (start, end) in enumerate(spans_of_words(title)[1:], start=0)
    ]
    return Classification.model_validate(
        {"label": label, "probabilities": clear.get(label, (0.02, 0.06, 0.92)), "words": words}
    )


def headline(number: int = 1, **changes: Any) -> Headline:
    """The headline of a number; the same texts come again and again."""
    title, label, entities = _TITLES[number % len(_TITLES)]
    fields: dict[str, Any] = {
        "id": f"item-{number}",
        "first_seen": NOON - dt.timedelta(seconds=10_000 - 130 * number),
        "source": "Wire" if number % 3 else "Exchange notices",
        "title": title,
        "url": f"https://news.example/{number}",
        "classification": classification(label, title),
        "entities": entities,
        "event": f"event-{number}",
        "abstained": len(entities) > 1,
    }
    return Headline.model_validate(fields | changes)


def signal(entity: str | None, number: int = 1, **changes: Any) -> EntitySignal:
    """The signal of an entity at a minute."""
    phase = sum(map(ord, entity or "all"))
    value = 0.62 * math.sin(phase + number / 23) * math.cos(phase / 7 + number / 61)
    if "signal" in changes:
        value = changes["signal"]
    fields: dict[str, Any] = {
        "entity": entity,
        "at": NOON - dt.timedelta(minutes=160 - number),
        "signal": value,
        "low": None if value is None else max(value - 0.2, -1.0),
        "high": None if value is None else min(value + 0.15, 1.0),
        "events": 7,
        "items": 11,
        "sources": 3,
        "abstentions": 1,
    }
    return EntitySignal.model_validate(fields | changes)


def alert(**changes: Any) -> Alert:
    """An alert with evidence."""
    fields: dict[str, Any] = {
        "id": "alert-1",
        "direction": "negative",
        "entity": "Nimbus Air",
        "at": NOON - dt.timedelta(minutes=4),
        "signal": -0.58,
        "evidence": [
            AlertEvidence(
                headline="item-73",
                title="Profit at Nimbus Air falls short as fuel costs bite",
                source="Wire",
                score=-0.85,
            )
        ],
    }
    return Alert.model_validate(fields | changes)


def morning() -> list[Change]:
    """A morning of news, oldest first."""
    changes: list[Change] = []
    names = (None, "Korvath Bank", "Orvane Motors", "Nimbus Air", "Tessaly Foods", "Zuberan Oil")
    for minute in range(160):
        for name in names:
            quiet = name == "Zuberan Oil" or (name == "Tessaly Foods" and 50 < minute < 90)
            changes.append(signal(name, minute, **({"signal": None, "events": 0} if quiet else {})))
    changes += [headline(number) for number in range(1, 77)]
    changes += [
        headline(74, retracted=True),
        headline(73, edited=True),
        headline(72, event="event-71"),
        headline(77, classification=None, title="Kurze Meldung", entities=()),
        SourceHealth(
            name="Wire",
            verdict=Outcome.OK,
            last_success=NOON,
            last_new_item=NOON - dt.timedelta(seconds=40),
            items=512,
            lag_s=8.4,
        ),
        SourceHealth(
            name="Exchange notices",
            verdict=Outcome.STALE,
            words="nothing new for 3 h; usually every 10 min",
            last_success=NOON,
            last_new_item=NOON - dt.timedelta(hours=3),
            items=31,
            lag_s=310,
        ),
        SourceHealth(
            name="Example vendor", verdict=Outcome.QUOTA, words="next request at 13:00", items=0
        ),
        alert(id="alert-0", entity="Orvane Motors", direction="positive", signal=0.61),
        alert(id="alert-2", kind="cleared", direction="positive", entity=None, signal=0.12),
        alert(),
    ]
    return changes


def hub_with(changes: list[Change] | None = None, **options: Any) -> Hub:
    """A hub at noon to which changes have been published."""
    hub = Hub(WATCHED, clock=lambda: NOON, run="test", **options)
    for change in changes or []:
        hub.publish(change)
    return hub


async def explain(text: str) -> tuple[Prediction, list[WordWeight]]:
    """A classifier that likes every text, for its first word."""
    words = [
        WordWeight(text[start:end], start, end, 0.4 if start == 0 else 0.0)
        for start, end in spans_of_words(text)
    ]
    return Prediction((0.1, 0.2, 0.7)), words
