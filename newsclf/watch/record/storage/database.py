"""The database of a record, to write or to read: SQLite and PostgreSQL behind one interface."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from newsclf.common.errors import require_extra
from newsclf.watch.record.storage.address import DatabaseUrl, Place
from newsclf.watch.record.storage.sharing import Sharing

T = TypeVar("T")
Clock = Callable[[], dt.datetime]


class Database(Protocol):
    """A record's database, open to be read."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Call a function in a transaction that sees one state of the record.

        If the server goes away meanwhile, the function may be called again from the start.

        Raises:
            StateError: The database can't be read.
            DataError: It is damaged, or something else.
        """

    def stop_waiting(self) -> None:
        """Have calls fail that wait for a server, also later ones; from any thread."""

    def close(self) -> None:
        """Close it, and let others write."""


class WritableDatabase(Database, Protocol):
    """A record's database, open to be written."""

    def write(self, work: Callable[[Connection, dt.datetime], T]) -> T:
        """Call a function in a transaction, with the time; nothing else is added meanwhile.

        What it raises undoes the transaction. When this returns the transaction is on the disk. If
        the server goes away meanwhile, the function may be called again from the start.

        Raises:
            StateError: The database can't be written.
            DataError: It is damaged, or something else.
        """

    def now(self) -> dt.datetime:
        """The time of the record's clock, UTC."""

    def sharing(self) -> Sharing:
        """How this watch shares the sources with others."""


def open_to_write(place: Place, *, now: Clock | None = None) -> WritableDatabase:
    """Open a record to write it, made if it isn't there, of the present schema version.

    Args:
        place: Where it is; the folder of a file exists.
        now: The clock; by default this machine's for a file, and the server's for PostgreSQL.

    Raises:
        StateError: It can't be used, another process writes to the file, or a newer newsclf wrote
            it.
        DataError: It is damaged, or something else.
        MissingExtraError: PostgreSQL needs the extra `postgres`.
    """
    if isinstance(place, DatabaseUrl):
        _require_postgres()
        from newsclf.watch.record.storage.postgresql import PostgresToWrite

        return PostgresToWrite(place, now=now)
    from newsclf.watch.record.storage.sqlite import SqliteToWrite

    return SqliteToWrite(place, now=now)


def open_to_read(place: Place, *, waits: bool = False) -> Database:
    """Open a record to read it, also while others write.

    Args:
        place: Where it is.
        waits: Whether a server that goes away later is waited for; a file is always there.

    Raises:
        StateError: There is no such record, it can't be used, or a newer newsclf wrote it.
        DataError: It is damaged, or something else.
        MissingExtraError: PostgreSQL needs the extra `postgres`.
    """
    if isinstance(place, DatabaseUrl):
        _require_postgres()
        from newsclf.watch.record.storage.postgresql import PostgresToRead

        return PostgresToRead(place, waits=waits)
    from newsclf.watch.record.storage.sqlite import SqliteToRead

    return SqliteToRead(place)


def _require_postgres() -> None:
    require_extra("psycopg", extra="postgres", purpose="a record in PostgreSQL")
