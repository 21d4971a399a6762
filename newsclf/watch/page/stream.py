"""Changes of a watch as JSON lines, as `newsclf watch --json` prints them.

The lines are described by docs/watch-stream.schema.json.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Literal

from pydantic.json_schema import models_json_schema

from newsclf.common.records import StrictRecord
from newsclf.watch.page.hub import Change
from newsclf.watch.page.view import (
    AlertEvidence,
    Direction,
    Drift,
    EntitySignal,
    Headline,
    Score,
    SourceHealth,
    Text,
)

SCHEMA_VERSION: Literal[2] = 2


class _Line(StrictRecord):
    """What every line begins with."""

    schema_version: Literal[2] = SCHEMA_VERSION
    kind: str


class HeadlineLine(Headline, _Line):
    """A headline; a later line of the same id replaces it."""

    kind: Literal["headline"] = "headline"


class SignalLine(EntitySignal, _Line):
    """Signal of an entity, or of all headlines, at one time."""

    kind: Literal["signal"] = "signal"


class SourceLine(SourceHealth, _Line):
    """State of a source."""

    kind: Literal["source"] = "source"


class AlertLine(_Line):
    """A signal that passed a threshold, or fell back."""

    kind: Literal["alert"] = "alert"
    id: Text
    state: Literal["raised", "cleared"]
    direction: Direction
    entity: Text | None
    """None: all headlines."""
    at: dt.datetime
    signal: Score | None
    """None where it was cleared since no news is left."""
    evidence: tuple[AlertEvidence, ...]
    """The headlines that moved the signal most, first."""


class DriftLine(_Line):
    """Headlines are not any more what they were when the model began, or are again."""

    kind: Literal["drift"] = "drift"
    state: Literal["drifted", "settled"]
    measure: Literal["classes", "confidence", "words"]
    at: dt.datetime
    words: Text


class MissedLine(_Line):
    """In place of changes that were left out, since the reader of the stream was too slow."""

    kind: Literal["missed"] = "missed"
    changes: int
    """How many."""


StreamLine = HeadlineLine | SignalLine | SourceLine | AlertLine | DriftLine | MissedLine


def line_of(change: Change) -> StreamLine:
    """The line of a change."""
    if isinstance(change, Headline):
        return HeadlineLine(**dict(change))
    if isinstance(change, EntitySignal):
        return SignalLine(**dict(change))
    if isinstance(change, SourceHealth):
        return SourceLine(**dict(change))
    fields = dict(change)
    # Every line says with `kind` what it is.
    line = DriftLine if isinstance(change, Drift) else AlertLine
    return line(state=fields.pop("kind"), **fields)


def schema() -> str:
    """JSON Schema of the lines, as in docs/watch-stream.schema.json."""
    lines = (HeadlineLine, SignalLine, SourceLine, AlertLine, DriftLine, MissedLine)
    references, found = models_json_schema(
        [(line, "serialization") for line in lines], title="Stream of newsclf watch --json"
    )
    found["oneOf"] = [references[line, "serialization"] for line in lines]
    return json.dumps(found, indent=2, sort_keys=True) + "\n"
