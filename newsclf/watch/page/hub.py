"""Publish changes to the open pages of `watch`, and keep the state that a new page starts with.

All is bounded: the history, the time lines, and the messages that wait for a page. A page that
reads too slowly is dropped; its browser connects again and gets the state of that time.

Everything runs on one event loop. Messages are server-sent events (WHATWG HTML, "Server-sent
events"): a name, an id of the form `run-number`, and a line of JSON.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from newsclf.watch.page.view import (
    Alert,
    Drift,
    EntitySignal,
    EntityState,
    Headline,
    Marker,
    SourceHealth,
    State,
    TimePoint,
    Watched,
)

MAX_HEADLINES = 500
MAX_POINTS = 480
"""Points of a time line: eight hours of bars of a minute."""
MAX_MARKERS = 120
"""Headlines marked on a time line."""
MAX_ALERTS = 100
MAX_ENTITIES = 500
"""Those that come first are shown; each bar brings the signals of all of them at once."""
MAX_SOURCES = 1000
MAX_WAITING = MAX_ENTITIES + 500
"""Messages that may wait for one page: a bar, and ten seconds of 50 headlines each."""
MAX_PAGES = 16

_K = TypeVar("_K")
_V = TypeVar("_V")
Change = Headline | EntitySignal | SourceHealth | Alert | Drift
_NAMES: dict[type[Change], str] = {
    Headline: "headline",
    EntitySignal: "signal",
    SourceHealth: "source",
    Alert: "alert",
    Drift: "drift",
}


class TooManyPagesError(Exception):
    """MAX_PAGES pages are open."""


@dataclass
class _Entity:
    current: EntitySignal | None = None
    points: deque[TimePoint] = field(default_factory=lambda: deque(maxlen=MAX_POINTS))
    markers: OrderedDict[str, Marker] = field(default_factory=OrderedDict)


class Subscription:
    """Messages for one page."""

    def __init__(self, waiting: list[bytes], most: int) -> None:
        self._messages: deque[bytes] = deque(waiting)
        self._most = most
        self._news = asyncio.Event()
        self.is_dropped = False
        """Whether no more messages come: the page was too slow, or the watch ends."""
        if waiting:
            self._news.set()

    def put(self, message: bytes) -> None:
        """Add a message, or drop the page if too many wait already."""
        if len(self._messages) >= self._most:
            self.drop()
            return
        self._messages.append(message)
        self._news.set()

    def drop(self) -> None:
        """End the subscription; what was waiting is let go."""
        self.is_dropped = True
        self._messages.clear()
        self._news.set()

    async def next(self, within_s: float) -> bytes:
        """All messages that wait, in order; empty if none came in time or it is dropped."""
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            return b""
        if not self.is_dropped:
            self._news.clear()
        found = b"".join(self._messages)
        self._messages.clear()
        return found


class Hub:
    """The state of a watch, and the pages that show it."""

    def __init__(
        self,
        watched: Watched,
        *,
        clock: Callable[[], dt.datetime],
        max_waiting: int = MAX_WAITING,
        run: str | None = None,
    ) -> None:
        """Start with nothing to show.

        Args:
            watched: What the watch runs with.
            clock: The time now, UTC.
            max_waiting: Messages that may wait for one page.
            run: Tells the ids of this run from those of others; random by default.
        """
        self._watched = watched
        self._clock = clock
        self._max_waiting = max_waiting
        self._run = run or secrets.token_hex(4)
        self._number = 0
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=max_waiting)
        self._pages: set[Subscription] = set()
        self._listeners: list[Callable[[Change], None]] = []
        self._headlines: OrderedDict[str, Headline] = OrderedDict()
        self._entities: dict[str | None, _Entity] = {None: _Entity()}
        self._sources: OrderedDict[str, SourceHealth] = OrderedDict()
        self._alerts: OrderedDict[str, Alert] = OrderedDict()
        self._drifts: dict[str, Drift] = {}

    @property
    def pages(self) -> int:
        """Number of open pages."""
        return len(self._pages)

    def publish(self, change: Change) -> None:
        """Take a change into the state, and send it to the open pages.

        A headline, a source or an alert replaces the one of the same id or name; a signal becomes
        the newest point of its entity's time line. The oldest are let go beyond the limits;
        signals of entities beyond theirs go to listeners alone.
        """
        if not isinstance(change, EntitySignal) or self._entity(change.entity) is not None:
            self._keep(change)
            self._send(change)
        for callback in tuple(self._listeners):
            callback(change)

    def _keep(self, change: Change) -> None:
        if isinstance(change, Headline):
            _keep(self._headlines, change.id, change, MAX_HEADLINES)
            self._mark(change)
        elif isinstance(change, EntitySignal):
            entity = self._entities[change.entity]
            entity.current = change
            entity.points.append(TimePoint(change.at, change.signal, change.low, change.high))
        elif isinstance(change, SourceHealth):
            _keep(self._sources, change.name, change, MAX_SOURCES)
        elif isinstance(change, Drift):
            self._drifts[change.measure] = change
        else:
            _keep(self._alerts, change.id, change, MAX_ALERTS)

    def _send(self, change: Change) -> None:
        self._number += 1
        message = _message(_NAMES[type(change)], change, self._id(self._number))
        self._recent.append((self._number, message))
        for page in tuple(self._pages):
            page.put(message)
            if page.is_dropped:
                self._pages.discard(page)

    @contextmanager
    def listen(self, callback: Callable[[Change], None]) -> Iterator[None]:
        """Call a function with each change of this block, once the state includes it.

        Args:
            callback: Must return at once and raise nothing, since the publisher waits for it.
        """
        self._listeners.append(callback)
        try:
            yield
        finally:
            self._listeners.remove(callback)

    def now(self) -> dt.datetime:
        """The time on this watch's clock."""
        return self._clock()

    def subscribe(self, last_id: str | None = None) -> Subscription:
        """Add a page, which gets the state first, then each change.

        Args:
            last_id: The last id that the page has seen. If only a few changes were missed since, it
                gets these in place of the state.

        Raises:
            TooManyPagesError: MAX_PAGES are open.
        """
        if len(self._pages) >= MAX_PAGES:
            raise TooManyPagesError
        missed = self._missed(last_id)
        first = [self._state_message()] if missed is None else missed
        # What was missed must leave room for what comes.
        page = Subscription(first, self._max_waiting + len(first))
        self._pages.add(page)
        return page

    def unsubscribe(self, page: Subscription) -> None:
        """Remove a page."""
        page.drop()
        self._pages.discard(page)

    def close(self) -> None:
        """End every subscription."""
        for page in tuple(self._pages):
            self.unsubscribe(page)

    def heartbeat(self) -> bytes:
        """A message without news, by which a page knows that the connection and the watch live."""
        now = json.dumps({"now": self._clock().isoformat()})
        return f"event: heartbeat\ndata: {now}\n\n".encode()

    def state(self) -> State:
        """All that a page shows now."""
        # Made some times a second, of records that are valid: to check all points again would take
        # most of a second for a long watch list.
        return State.model_construct(
            watched=self._watched,
            headlines=tuple(self._headlines.values()),
            entities=tuple(
                EntityState.model_construct(
                    current=entity.current,
                    points=tuple(entity.points),
                    markers=tuple(entity.markers.values()),
                )
                for entity in self._entities.values()
                if entity.current is not None
            ),
            sources=tuple(self._sources.values()),
            alerts=tuple(self._alerts.values()),
            drifts=tuple(self._drifts.values()),
            now=self._clock(),
        )

    def _entity(self, name: str | None) -> _Entity | None:
        """What is kept of an entity; None beyond the limit, where it would push out another one."""
        if name not in self._entities and len(self._entities) < MAX_ENTITIES:
            self._entities[name] = _Entity()
        return self._entities.get(name)

    def _mark(self, headline: Headline) -> None:
        """Update the marks of a headline on the time lines; a retracted one has none."""
        for entity in self._entities.values():
            entity.markers.pop(headline.id, None)
        marker = marker_of(headline)
        if marker is not None:
            for name in headline.entities:
                if (named := self._entity(name)) is not None:
                    _keep(named.markers, headline.id, marker, MAX_MARKERS)

    def _id(self, number: int) -> str:
        return f"{self._run}-{number}"

    def _state_message(self) -> bytes:
        return _message("state", self.state(), self._id(self._number))

    def _missed(self, last_id: str | None) -> list[bytes] | None:
        """Messages since an id; None if it is of another run, or too long ago."""
        run, _, digits = (last_id or "").rpartition("-")
        if run != self._run or not digits.isdecimal() or len(digits) > len(str(self._number)):
            return None
        last = int(digits)
        if last > self._number or self._number - last > len(self._recent):
            return None
        return list(_after(self._recent, last))


def marker_of(headline: Headline) -> Marker | None:
    """The mark of a headline on time lines; None if it moves no signal of an entity."""
    found = headline.classification
    if found is None or headline.retracted or headline.abstained:
        return None
    negative, _, positive = found.probabilities
    return Marker(
        at=headline.first_seen,
        headline=headline.id,
        title=headline.title,
        label=found.label,
        score=positive - negative,
    )


def _keep(kept: OrderedDict[_K, _V], key: _K, value: _V, most: int) -> None:
    """Add or replace a value; a new one beyond the limit pushes out the oldest."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)


def _after(recent: deque[tuple[int, bytes]], last: int) -> Iterator[bytes]:
    return (message for number, message in recent if number > last)


def _message(name: str, record: BaseModel, message_id: str) -> bytes:
    return f"id: {message_id}\nevent: {name}\ndata: {record.model_dump_json()}\n\n".encode()
