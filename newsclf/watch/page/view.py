"""Records of what the page of `watch` shows, and their JSON form.

What comes from feeds is made harmless for a display rather than refused: long texts are cut, broken
characters replaced, and addresses that aren't http or https left out. Times are aware and in UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, computed_field

from newsclf.common.records import StrictRecord
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.watch.feeds.outcome import Outcome

MAX_TEXT_CHARACTERS = 1000
MAX_URL_CHARACTERS = 2000
MAX_WORDS = 60
"""Words of a headline with their weights."""
MAX_NAMES = 30
"""Entities of a headline."""
MAX_EVIDENCE = 20
"""Headlines behind an alert."""


_UNSHOWN = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"
)
"""Control characters, and those that change the direction of the text after them."""


def _shown_text(value: object) -> object:
    """Cut a long text, and replace what can't be shown: lone surrogates, controls.

    One character stands for one, so that the places of words remain.
    """
    if not isinstance(value, str):
        return value
    whole = value if len(value) <= MAX_TEXT_CHARACTERS else f"{value[: MAX_TEXT_CHARACTERS - 1]}…"
    return whole.encode("utf-8", "replace").decode().translate(_UNSHOWN)


def _link(value: object) -> object:
    """An address that a browser may open from the page; None instead of any other text."""
    if not isinstance(value, str) or len(value) > MAX_URL_CHARACTERS:
        return None
    try:
        parts = urlsplit(value)
        value.encode()
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


def _at_most(count: int) -> BeforeValidator:
    """Keep the first entries of a list."""

    def first(given: object) -> object:
        return given[:count] if isinstance(given, list | tuple) else given

    return BeforeValidator(first)


Text = Annotated[str, BeforeValidator(_shown_text)]
Link = Annotated[str | None, BeforeValidator(_link)]
Label = Literal["negative", "neutral", "positive"]
Direction = Literal["negative", "positive"]
Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
"""P(positive) − P(negative)."""
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Word(StrictRecord):
    """How much a word of a title matters to its label."""

    start: int
    """Index of its first character, in Unicode code points."""
    end: int
    """Index after its last character."""
    weight: Score
    """Positive where the word speaks for the label, negative where it speaks against it."""


class Classification(StrictRecord):
    """Label of a text, with the probabilities and words behind it."""

    label: Label
    probabilities: tuple[Probability, Probability, Probability]
    """Those of negative, neutral and positive."""
    words: Annotated[tuple[Word, ...], _at_most(MAX_WORDS)] = ()
    """Empty where it was not explained."""

    @classmethod
    def of(cls, prediction: Prediction, weights: Iterable[WordWeight] = ()) -> Classification:
        """Make it from a prediction and its explanation, of which the strongest words are kept."""
        strongest = sorted(weights, key=lambda word: -abs(word.weight))[:MAX_WORDS]
        return cls.model_validate(
            {
                "label": prediction.label,
                "probabilities": prediction.scores,
                "words": [
                    Word(start=word.start, end=word.end, weight=word.weight)
                    for word in sorted(strongest, key=lambda word: word.start)
                ],
            }
        )


class Headline(StrictRecord):
    """A headline of the stream; a later one of the same id replaces it."""

    id: Text
    first_seen: dt.datetime
    source: Text
    title: Text
    url: Link = None
    classification: Classification | None = None
    """None until it is classified, and where it can't be."""
    entities: Annotated[tuple[Text, ...], _at_most(MAX_NAMES)] = ()
    """The one of the watch list for which it counts; if for none, all that it names."""
    doubtful: Annotated[tuple[Text, ...], _at_most(MAX_NAMES)] = ()
    """Those that a word of the title may name; it doesn't count for them."""
    event: Text | None = None
    """The group of near-duplicates to which it belongs, which counts once."""
    abstained: bool = False
    """Whether it counts for none of the entities that it names: it is about several companies, or
    hardly about any."""
    reports_move: bool = False
    """Whether it reports a move of a price, such as "shares fall 5 %"."""
    retracted: bool = False
    edited: bool = False


class EntitySignal(StrictRecord):
    """Signal of an entity at one time; those of an entity make its time line."""

    entity: Text | None
    """None: all headlines."""
    at: dt.datetime
    signal: Score | None
    """None where there is no news."""
    low: Score | None = None
    """Lower end of its 95 % interval."""
    high: Score | None = None
    without_moves: Score | None = None
    """The signal without headlines that report a move of a price."""
    session: dt.date | None = None
    """The trading day for which it counts; None without an exchange."""
    new_events: int | None = None
    """Events that began to count in the last hour; None if it was not watched as a whole."""
    burst: float | None = None
    """z of these, against the same hour of the week in eight weeks."""
    events: int = 0
    items: int = 0
    sources: int = 0
    moves: int = 0
    """How many of the headlines report a move of a price."""
    abstentions: int = 0
    """Headlines left out since they are about several companies."""
    incidental: int = 0
    """Headlines left out since they are hardly about the entity."""
    doubtful: int = 0
    """Headlines left out since a word of them may be its name, or something else."""


class SourceHealth(StrictRecord):
    """State of a source."""

    name: Text
    verdict: Outcome
    words: Text = ""
    """What is the matter, or when it is read next; never with an API key."""
    last_success: dt.datetime | None = None
    last_new_item: dt.datetime | None = None
    items: int = 0
    """New ones since the start."""
    lag_s: float | None = None
    """Typical time from what the source calls published to first seen."""

    @computed_field
    def delivers(self) -> bool:
        """Whether documents can be read from it."""
        return self.verdict.delivers


class AlertEvidence(StrictRecord):
    """A headline that moved a signal."""

    headline: Text
    """Its id."""
    title: Text
    source: Text
    score: Score


class Alert(StrictRecord):
    """A signal that passed a threshold, or fell back."""

    id: Text
    kind: Literal["raised", "cleared"] = "raised"
    direction: Direction
    entity: Text | None
    """None: all headlines."""
    at: dt.datetime
    signal: Score | None
    """None where it was cleared since no news is left."""
    evidence: Annotated[tuple[AlertEvidence, ...], _at_most(MAX_EVIDENCE)] = ()
    """The headlines that moved the signal most, first."""


class Drift(StrictRecord):
    """Headlines that are not any more what they were when the model began, or are again."""

    measure: Literal["classes", "confidence", "words"]
    """What has changed; a later record of the same replaces it."""
    kind: Literal["drifted", "settled"]
    at: dt.datetime
    words: Text


class Marker(StrictRecord):
    """A headline on the time line of an entity."""

    at: dt.datetime
    headline: Text
    """Its id."""
    title: Text
    label: Label
    score: Score


class TimePoint(NamedTuple):
    """A point of a time line; a list in JSON, since there are many."""

    at: dt.datetime
    signal: Score | None
    low: Score | None = None
    high: Score | None = None


class EntityState(StrictRecord):
    """Newest signal of an entity, and its time line, oldest first."""

    current: EntitySignal
    points: tuple[TimePoint, ...]
    markers: tuple[Marker, ...]


class Watched(StrictRecord):
    """What a watch runs with, which does not change."""

    model: Text
    """Name of the model or of the deployment."""
    digest: Text
    half_life_s: float
    started: dt.datetime


class State(StrictRecord):
    """All that the page shows, each list oldest first."""

    watched: Watched
    headlines: tuple[Headline, ...]
    entities: tuple[EntityState, ...]
    sources: tuple[SourceHealth, ...]
    alerts: tuple[Alert, ...]
    drifts: tuple[Drift, ...]
    now: dt.datetime
