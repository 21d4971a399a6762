"""Leases: which watch reads a source, or sends alerts to a channel, and until when.

A lease is renewed several times within its time; one whose watch was killed ends and is taken over.
The times are the server's alone. A watch that was stopped and goes on after its lease has ended
finds that out in the transaction in which it would have recorded something: see `check`.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Update, column, delete, func, select, table, update
from sqlalchemy.dialects.postgresql import insert

from newsclf.common.errors import StateError
from newsclf.watch.record.storage.address import DatabaseUrl
from newsclf.watch.record.storage.errors import LeaseLostError
from newsclf.watch.record.storage.schema import APPLICATION_ID
from newsclf.watch.record.storage.sharing import Share, Unit

_T = TypeVar("_T")
LEASE_S = 20.0
"""From a renewal on."""
RENEW_EVERY_S = 5.0

_leases = table("leases", column("resource"), column("watch"), column("until"))
_watches = table("watches", column("id"), column("name"), column("configuration"), column("until"))
_NOW = func.clock_timestamp()
_UNTIL = _NOW + dt.timedelta(seconds=LEASE_S)
# One watch at a time looks for others and says that it is there: two can't miss each other.
_JOIN_LOCK = select(func.pg_advisory_xact_lock(APPLICATION_ID, 1))

_SOURCE, _CHANNEL = "source ", "channel "


class Run(Protocol):
    """Calls a function in a transaction, again if the server went away."""

    def __call__(self, work: Callable[[Connection], _T]) -> _T:
        """Call it."""


class Leases:
    """Those of one watch."""

    renew_every_s: float | None = RENEW_EVERY_S

    def __init__(
        self, url: DatabaseUrl, run: Run, set_clock: Callable[[dt.datetime], object]
    ) -> None:
        """Begin without any.

        Args:
            url: Of the database, for messages.
            run: Calls a function in a transaction.
            set_clock: Takes what the server's clock shows.
        """
        self._url = url
        self._run = run
        self._set_clock = set_clock
        self._name = f"{socket.gethostname()} {os.getpid()}"
        self._watch = uuid.uuid4().hex
        self._configuration = ""
        self._shared: frozenset[str] = frozenset()
        """Sources that have leases; standard input has none, since each watch has its own."""
        self._channels_until_s: dict[str, float] = {}

    def join(self, configuration: str) -> None:
        """Take part; see `Sharing.join`."""
        self._configuration = configuration
        self._run(self._stay)

    def renew(self, units: Sequence[Unit], channels: Sequence[str]) -> Share:
        """Renew, and take over; see `Sharing.renew`."""
        asked_s = time.monotonic()
        self._shared = frozenset().union(*units)
        to_channels = {_CHANNEL + each for each in channels}

        def work(connection: Connection) -> Share:
            self._stay(connection)
            # Another watch may be forgetting the same ones, or recording for one of its sources.
            ended = select(_watches.c.id).where(_watches.c.until < _NOW)
            gone = ended.with_for_update(skip_locked=True)
            connection.execute(delete(_watches).where(_watches.c.id.in_(gone)))
            wanted = _resources(*units) | to_channels
            rows = [{"resource": resource} for resource in sorted(wanted)]
            if rows:  # a watch of standard input alone wants nothing
                connection.execute(insert(_leases).on_conflict_do_nothing(), rows)
            present = select(func.count(), _NOW).where(_watches.c.until >= _NOW)
            watches, clock = connection.execute(present).one()
            self._set_clock(clock)
            renewed = self._mine().values(until=_UNTIL).returning(_leases.c.resource)
            held = set(connection.execute(renewed).scalars())
            unheld = _leases.c.watch.is_(None) | (_leases.c.until < _NOW)
            there = select(_leases.c.resource).where(_leases.c.resource.in_(wanted), unheld)
            free = set(connection.execute(there.with_for_update(skip_locked=True)).scalars())
            part = sum(map(len, units)) / watches
            mine = frozenset(unit for unit in units if _resources(unit) <= held)
            taken = _chosen(units, held, free, part=part - sum(map(len, mine)))
            new = (_resources(*taken) | to_channels) & free
            if new:
                taking = update(_leases).where(_leases.c.resource.in_(new))
                connection.execute(taking.values(watch=self._watch, until=_UNTIL))
            # What is grouped another way elsewhere can't be had as a whole.
            broken = (u for u in {*units} - mine - taken if not _resources(u).isdisjoint(held))
            return Share(
                units=mine | taken,
                surplus=_surplus(mine, part) | frozenset(broken),
                channels=frozenset(each for each in channels if _CHANNEL + each in held | free),
                watches=watches,
            )

        share = self._run(work)
        # By this machine's clock, from before the server was asked: never later than by its own.
        self._channels_until_s = dict.fromkeys(share.channels, asked_s + LEASE_S)
        return share

    def release(self, units: frozenset[Unit]) -> None:
        """Leave sources to others."""
        leaving = self._mine().where(_leases.c.resource.in_(_resources(*units)))
        self._run(lambda connection: connection.execute(leaving.values(watch=None, until=None)))

    def check(self, connection: Connection, source: str) -> None:
        """Make sure that a source is this watch's; see `Sharing.check`."""
        if source not in self._shared:
            return
        held = select(_leases.c.resource).where(
            _leases.c.resource == _SOURCE + source, _leases.c.watch == self._watch
        )
        if connection.execute(held.with_for_update(read=True)).first() is None:
            raise LeaseLostError(f"{self._url}: another watch has taken over {source}")

    def holds(self, channel: str) -> bool:
        """Whether this watch may still send alerts to a channel."""
        return time.monotonic() < self._channels_until_s.get(channel, 0.0)

    def leave(self) -> None:
        """Leave everything to others at once."""
        self._channels_until_s = {}

        def work(connection: Connection) -> None:
            connection.execute(self._mine().values(watch=None, until=None))
            connection.execute(delete(_watches).where(_watches.c.id == self._watch))

        self._run(work)

    def _stay(self, connection: Connection) -> None:
        """Say that this watch is at work, unless others are with another configuration."""
        connection.execute(_JOIN_LOCK)
        differing = select(_watches.c.name).where(
            _watches.c.configuration != self._configuration,
            _watches.c.id != self._watch,
            _watches.c.until >= _NOW,
        )
        others = sorted(connection.execute(differing).scalars())
        if others:
            raise StateError(
                f"{self._url}: a watch with another watch.toml or model writes to this record"
                f" ({', '.join(others)})",
                hint="give all the same sources, watch list, settings and model, or stop the"
                f" others; one that was killed is forgotten after {LEASE_S:.0f} s",
            )
        row = {"id": self._watch, "name": self._name, "configuration": self._configuration}
        here = insert(_watches).values(until=_UNTIL, **row)
        staying = here.on_conflict_do_update(index_elements=["id"], set_={"until": _UNTIL})
        connection.execute(staying)

    def _mine(self) -> Update:
        return update(_leases).where(_leases.c.watch == self._watch)


def _resources(*units: Unit) -> set[str]:
    return {_SOURCE + source for unit in units for source in unit}


def _chosen(
    units: Sequence[Unit], held: set[str], free: set[str], *, part: float
) -> frozenset[Unit]:
    """Units to take over: the largest first, until they are as many sources as `part`."""
    chosen: set[Unit] = set()
    for unit in sorted(units, key=lambda unit: (-len(unit), min(unit))):
        if sum(map(len, chosen)) >= part:
            break
        resources = _resources(unit)
        if resources <= held | free and not resources <= held:
            chosen.add(unit)
    return frozenset(chosen)


def _surplus(mine: frozenset[Unit], part: float) -> frozenset[Unit]:
    """Units to release, the smallest first, so that as many sources as `part` remain."""
    left = sum(map(len, mine))
    surplus: set[Unit] = set()
    for unit in sorted(mine, key=lambda unit: (len(unit), min(unit))):
        if left - len(unit) >= part:
            left -= len(unit)
            surplus.add(unit)
    return frozenset(surplus)
