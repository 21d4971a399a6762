"""How the watches of one record share its sources and its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sqlalchemy import Connection

Unit: TypeAlias = frozenset[str]
"""Sources that one watch reads together: those of one host, or with one API key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a watch is to do, until it asks again."""

    units: frozenset[Unit] = frozenset()
    """Sources that it reads."""
    surplus: frozenset[Unit] = frozenset()
    """Those of them that are more than its part: it should release them for others."""
    channels: frozenset[str] = frozenset()
    """Channels that it sends alerts to."""
    watches: int = 1
    """That share the record."""


class Sharing(Protocol):
    """The part of a watch in the work on its record."""

    renew_every_s: float | None
    """How often `renew` is to be called; None: once is enough."""

    def join(self, configuration: str) -> None:
        """Take part.

        Args:
            configuration: Digest of what its signals are computed with.

        Raises:
            StateError: Watches with another configuration are at work.
        """

    def renew(self, units: Sequence[Unit], channels: Sequence[str]) -> Share:
        """Go on with what this watch has, and take over what is free, up to its part.

        Raises:
            StateError: Watches with another configuration are at work.
        """

    def release(self, units: frozenset[Unit]) -> None:
        """Leave sources to others."""

    def check(self, connection: Connection, source: str) -> None:
        """Make sure that a source is this watch's, until the transaction ends.

        Raises:
            LeaseLostError: It isn't any more.
        """

    def holds(self, channel: str) -> bool:
        """Whether this watch may still send alerts to a channel."""

    def leave(self) -> None:
        """End, and leave everything to others at once."""


class Alone:
    """Everything is this watch's: no other one can write to its record."""

    renew_every_s: float | None = None

    def join(self, configuration: str) -> None:
        """Do nothing."""

    def renew(self, units: Sequence[Unit], channels: Sequence[str]) -> Share:
        """Everything."""
        return Share(units=frozenset(units), channels=frozenset(channels))

    def release(self, units: frozenset[Unit]) -> None:
        """Do nothing."""

    def check(self, connection: Connection, source: str) -> None:
        """Do nothing."""

    def holds(self, channel: str) -> bool:
        """Return True."""
        del channel
        return True

    def leave(self) -> None:
        """Do nothing."""
