"""Rows of the record, as they are handed in and as they are read back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from newsclf.watch.item import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One attempt to read a source, whatever came of it."""

    source: str
    """Its name in watch.toml; never its address, which may hold a key."""
    fetched_at: dt.datetime
    """When the answer was complete, by the record's clock."""
    monotonic_s: float
    """The same by the monotonic clock, which no adjustment moves; comparable within one boot."""
    outcome: str
    """A value of `feeds.outcome.Outcome`."""
    status: int | None = None
    """Of HTTP; None without an answer."""
    server_at: dt.datetime | None = None
    """The answer's Date header, from which the skew of the clocks is known."""
    body_digest: str | None = None
    """SHA-256 of the decoded body, hexadecimal."""
    body_bytes: int | None = None
    detail: str | None = None
    """What went wrong, in words."""
    retry_after_s: float | None = None
    """How long the server asks to be left alone, from its answer on."""
    live_until: dt.datetime | None = None
    """Until when, as judged with this answer, signals may count on the source without another one;
    None if it was not live."""
    items: int = 0
    """In the document; the recorder counts them."""
    headlines: int = 0
    """Those that were not known before; the recorder counts them."""
    terms: str | None = None
    """On which its headlines may be used, as far as is known; kept where there are new ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to read a source and what was new in it: what its health is judged by."""

    at: dt.datetime
    """When it ended."""
    outcome: str
    """A value of `feeds.outcome.Outcome`."""
    detail: str | None
    items: int
    """In the document."""
    headlines: int
    """Headlines that were not known before."""
    published: tuple[dt.datetime, ...] = ()
    """When these were published, as the source claims, UTC; only times of day, no mere dates. Read
    only where it counts."""


class Hour(NamedTuple):
    """The answers of a source in one hour of the clock, UTC."""

    first: dt.datetime
    last: dt.datetime
    headlines: int
    """That were not known before."""
    arrivals: int
    """Answers with such headlines, without the very first answer of the source."""
    first_arrival: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePast:
    """What was recorded of a source: in whole for the latest attempts, in sums for those before."""

    first: Attempt | None = None
    """Its first answer of all."""
    hours: tuple[Hour, ...] = ()
    arrivals: tuple[dt.datetime, ...] = ()
    """When answers after the first had headlines that were not known before; the latest."""
    newest: tuple[Attempt, ...] = ()
    """The latest of these."""
    latest: tuple[Attempt, ...] = ()
    """The latest attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A text of a headline: the one that was seen first, or an edit."""

    id: int
    headline: int
    event: int
    """What happened; the headlines that tell it count once."""
    number: int
    """1 for the first text."""
    text: str
    source: str
    item: int
    url: str | None
    tickers: tuple[str, ...]
    published: Stamp | None
    """As the source claims it."""
    updated: Stamp | None
    fetched_at: dt.datetime
    known_at: dt.datetime
    """When it was in the record; no bar that ends before uses it."""

    @property
    def published_at(self) -> dt.datetime:
        """When it was published: as claimed, but not after it was fetched, and never unknown."""
        claimed = self.published.at if self.published else None
        return min(claimed, self.fetched_at) if claimed else self.fetched_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A source shows a headline for the first time, or shows it changed."""

    item: int
    headline: int
    event: int
    source: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """A source withdraws an item."""

    item: int
    headline: int | None
    """None if the source had not shown it, as far as is known."""
    event: int | None
    source: str


class Score(NamedTuple):
    """Probabilities of one version of a headline, by one model."""

    version: int
    model: str
    """Digest of the model."""
    engine: str
    """What computed it, such as `onnxruntime int8`."""
    negative: float
    neutral: float
    positive: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """The value of an entity's signal at the end of a bar."""

    entity: str
    bar_at: dt.datetime
    value: float | None
    """None without news."""
    detail: dict[str, object]
    """Counts and whatever else is shown beside it, as JSON."""
    evidence: Sequence[int] = ()
    """Ids of the versions that it was computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A signal crossed a threshold, or a source fell silent."""

    id: str
    """The same whenever this alert is computed or sent again."""
    rule: str
    entity: str
    detail: dict[str, object]
    evidence: Sequence[int] = ()
    """Ids of the versions behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of sending an alert to a channel."""

    alert: str
    """Its id."""
    channel: str
    delivered: bool
    attempts: int
    problem: str | None = None
    """Why the last attempt failed, without address, key or what the receiver wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Signals and alerts of one commit, and what they were computed from."""

    configuration: str
    """Digest of their configuration."""
    basis: int
    """The last commit that they use: replaying up to it computes them again."""
    signals: tuple[Signal, ...] = ()
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What one transaction added to the record."""

    id: int
    known_at: dt.datetime
    fetch: Fetch | None = None
    sightings: tuple[Sighting, ...] = ()
    versions: tuple[Version, ...] = ()
    retractions: tuple[Retraction, ...] = ()
    scores: tuple[Score, ...] = ()
    scored_texts: tuple[str, ...] = ()
    """Of the versions of these, in their order."""
    computed: Computed | None = None
    delivery: Delivery | None = None
