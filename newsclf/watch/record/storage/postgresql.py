"""Record in a PostgreSQL database, written by several watches in one order.

A transaction that adds to the record holds a lock of the record until its commit can be seen, so
what is read up to any commit is all that there will ever be up to it. A server that goes away is
waited for. If it went away during a commit, `pg_xact_status` tells whether that was done.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from newsclf.common.errors import ConfigError, DataError, NewsclfError, StateError
from newsclf.watch.record.storage.address import DatabaseUrl
from newsclf.watch.record.storage.errors import DatabaseAwayError
from newsclf.watch.record.storage.leases import Leases
from newsclf.watch.record.storage.postgresql_schema import MIGRATIONS, SCHEMA
from newsclf.watch.record.storage.schema import APPLICATION_ID
from newsclf.watch.record.storage.sharing import Sharing

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)
_T = TypeVar("_T")

_OLDEST_SERVER = 13
_CONNECT_S = 10
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_SETTINGS = {
    "search_path": SCHEMA,
    # A watch that was stopped (Ctrl-Z, a laptop that sleeps) must not hold the lock for ever.
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
}
_BEGIN = "SELECT " + ", ".join(f"set_config('{k}', '{v}', true)" for k, v in _SETTINGS.items())
_LOCK = text(f"SELECT pg_advisory_xact_lock({APPLICATION_ID}, 'commits'::regclass::oid::int)")
_LOCK_SCHEMA = text(f"SELECT pg_advisory_xact_lock({APPLICATION_ID}, 0)")
_CLOCK = text("SELECT clock_timestamp(), pg_current_xact_id()::text")
_CLOCK_ALONE = text("SELECT clock_timestamp()")
_STATUS = text("SELECT pg_xact_status(CAST(CAST(:xid AS text) AS xid8))")
_SERVER = text(
    "SELECT current_setting('server_version_num') AS number,"
    " current_setting('server_encoding') AS encoding,"
    " current_setting('transaction_read_only') AS read_only"
)
_NAMESPACE = text(f"SELECT to_regnamespace('{SCHEMA}')")
_OBJECTS = text(
    "SELECT to_regclass('newsclf.schema_version') AS versions,"
    " (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('newsclf')) AS objects"
)
_VERSION = text("SELECT coalesce(max(version), 0) FROM newsclf.schema_version")
_ADD_VERSION = text("INSERT INTO schema_version VALUES (:number)")

_AWAY = ("08", "57P", "40001", "40P01", "55P03", "53300", "25P03")
"""SQLSTATEs, or how they begin, after which the same is worth another try."""
_FULL_WORDS = ("too many", "remaining connection slots")
"""In what a server says that has no connection left; libpq passes its text on, not its SQLSTATE."""
_WRONG_PARAMETER = re.compile(
    r"invalid (?:\S+ value|port number)|bad value for|definition of service .* not found"
)
"""In what libpq and psycopg say of a parameter of the URL, or of PGPORT and the like."""
_LAST_PORT = 65_535
_OTHER_TABLES = ("42P01", "42703", "42804", "42809", "42883")
"""SQLSTATEs of tables, columns and their types that are missing, or others."""


@dataclass(frozen=True, slots=True)
class _Ending(Generic[_T]):
    """A transaction of which nothing but the commit is left."""

    xid: str
    found: _T


class PostgresToWrite:
    """A record's database, and how several watches take turns in it."""

    def __init__(self, url: DatabaseUrl, *, now: Callable[[], dt.datetime] | None) -> None:
        """Connect, and make the tables if they aren't there.

        Args:
            url: Of the database.
            now: The clock; by default the server's.

        Raises:
            ConfigError: The URL can't be used.
            StateError: The server is away, refuses, or a newer newsclf made the tables.
            DataError: The schema is of another program.
        """
        self._now = now
        self._clock = _ServerClock()
        self._server = _Server(url)
        self._server.begin(self._migrate, read_only=False)
        self._server.wait_s = math.inf

    def write(self, work: Callable[[Connection, dt.datetime], _T]) -> _T:
        """Call a function in a transaction; see `database.Database`."""
        ending: _Ending[_T] | None = None

        def attempt(connection: Connection) -> _T:
            nonlocal ending
            connection.execute(_LOCK)  # whatever was in doubt is over once this is ours
            if ending is not None and _was_committed(connection, ending.xid):
                return ending.found
            ending = None
            clock, xid = connection.execute(_CLOCK).one()
            at = self._clock.set(clock)
            found = work(connection, at if self._now is None else self._now())
            ending = _Ending(xid, found)
            return found

        return self._server.run(attempt)

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Call a function that reads; see `database.Database`."""
        return self._server.run(work, read_only=True)

    def now(self) -> dt.datetime:
        """The time of the server's clock, UTC."""
        return self._clock.now() if self._now is None else self._now()

    def sharing(self) -> Sharing:
        """Leases of the sources."""
        return Leases(self._server.url, self._server.run, self._clock.set)

    def stop_waiting(self) -> None:
        """Have calls fail that wait for the server, also later ones; from any thread."""
        self._server.stopped.set()

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _migrate(self, connection: Connection) -> None:
        """Run the migrations that are due, all in one transaction."""
        url = self._server.url
        _check_server(connection, url)
        connection.execute(_LOCK_SCHEMA)
        version = _version(connection, url)
        if version == 0 and not _has_schema(connection):
            connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            driver = connection.connection.driver_connection
            if driver is not None:  # several statements at once
                driver.execute(statements, prepare=False)
            connection.execute(_ADD_VERSION, {"number": number})
        self._clock.set(connection.execute(_CLOCK_ALONE).scalar_one())


class PostgresToRead:
    """A record's database, open to be read, also of a standby server."""

    def __init__(self, url: DatabaseUrl, *, waits: bool) -> None:
        """Connect.

        Args:
            url: Of the database.
            waits: Whether a server that goes away later is waited for.

        Raises:
            ConfigError: The URL can't be used.
            StateError: The server is away or refuses, there is no record, or a newer newsclf made
                the tables.
            DataError: The schema is of another program.
        """
        self._server = _Server(url)
        self._server.begin(self._check, read_only=True)
        if waits:
            self._server.wait_s = math.inf

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Call a function that reads; see `database.Database`."""
        return self._server.run(work, read_only=True)

    def stop_waiting(self) -> None:
        """Have calls fail that wait for the server, also later ones; from any thread."""
        self._server.stopped.set()

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _check(self, connection: Connection) -> None:
        url = self._server.url
        version = _version(connection, url)
        if version == 0:
            raise StateError(
                f"{url}: there is no record in this database",
                hint=f"newsclf watch --record {url} writes one",
            )
        if version < len(MIGRATIONS):
            raise StateError(
                f"{url}: the record was written by an earlier newsclf",
                hint=f"newsclf watch --record {url} brings it up to date",
            )


class _Server:
    """Transactions of one session, which is begun anew when the server went away."""

    def __init__(self, url: DatabaseUrl) -> None:
        """Prepare; nothing is asked yet."""
        self.url = url
        self.wait_s = 0.0
        """How long a server that is away is waited for."""
        self.stopped = threading.Event()
        self._parameters = _parameters(url)
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            use_native_hstore=False,
        )

    def begin(self, work: Callable[[Connection], object], *, read_only: bool) -> None:
        """Connect, and call a function that may find that the database can't be used."""
        try:
            self.run(work, read_only=read_only)
        except BaseException:
            self.close()
            raise

    def run(self, work: Callable[[Connection], _T], *, read_only: bool = False) -> _T:
        """Call a function in a transaction, again if the server went away before its end.

        Args:
            work: The function.
            read_only: Whether it only reads; it then sees one state of the database.
        """
        pause_s, began_s, waited = _FIRST_PAUSE_S, time.monotonic(), False
        while True:
            try:
                found = self._attempt(work, read_only=read_only)
            except DatabaseAwayError as error:
                left_s = began_s + self.wait_s - time.monotonic()
                if left_s <= 0 or self.stopped.is_set():
                    raise
                waited = True
                log.warning("%s; trying again in %.0f s", error.message, pause_s)
                self.stopped.wait(min(pause_s, left_s))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                if waited:
                    log.warning("%s: the database is back", self.url)
                return found

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _attempt(self, work: Callable[[Connection], _T], *, read_only: bool) -> _T:
        with _explained(self.url), self._engine.connect() as connection:
            if read_only:
                connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                connection.exec_driver_sql(_BEGIN)
                return work(connection)

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        try:
            return psycopg.connect(**self._parameters)
        except psycopg.Error as error:
            raise _connection_problem(self.url, error, self._parameters) from None


class _ServerClock:
    """The server's clock, carried on by this machine's monotonic clock between two readings."""

    def __init__(self) -> None:
        # One value, since threads read it while another one sets it.
        self._reading = (dt.datetime.fromtimestamp(0, dt.UTC), time.monotonic())

    def set(self, at: dt.datetime) -> dt.datetime:
        """Take a reading; returns it in UTC."""
        at = at.astimezone(dt.UTC)
        self._reading = (at, time.monotonic())
        return at

    def now(self) -> dt.datetime:
        """The time, UTC: late by as long as the reading was on its way, and never early."""
        at, read_at_s = self._reading
        return at + dt.timedelta(seconds=time.monotonic() - read_at_s)


def _parameters(url: DatabaseUrl) -> dict[str, Any]:
    """Parameters of a connection, as libpq reads them from a URL.

    Raises:
        ConfigError: It can't read them. The message repeats nothing of the URL but what is shown.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        found = conninfo_to_dict(url.text)
    except (psycopg.Error, UnicodeDecodeError):  # %ff
        raise ConfigError(
            f"{url}: PostgreSQL's library can't read this URL, or one of its parameters",
            hint="such as postgresql://watch@db.example.com/news?sslmode=verify-full",
        ) from None
    ports = str(found.get("port") or "").split(",")
    if not all(port == "" or (port.isdecimal() and 0 < int(port) <= _LAST_PORT) for port in ports):
        raise ConfigError(
            f"{url}: the port is not a number from 1 to {_LAST_PORT}",
            hint="PostgreSQL's usual port is 5432: postgresql://watch@db.example.com:5432/news",
        )
    defaults: dict[str, Any] = {
        "application_name": "newsclf watch",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    if "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = _CONNECT_S
    # Of PGCLIENTENCODING, too; in another one many a headline can't be sent.
    return defaults | found | {"client_encoding": "utf8"}


def _connection_problem(
    url: DatabaseUrl, error: psycopg.Error, parameters: Mapping[str, Any]
) -> NewsclfError:
    """What it means that no connection came about; libpq gives a text alone."""
    said = _first_line(error).removeprefix("connection failed: ")
    if "password" in said or "authentication failed" in said or "pg_hba.conf" in said:
        return StateError(
            f"{url}: the server refuses this user ({said})",
            hint="export PGPASSWORD, write ~/.pgpass (chmod 600), or name another user in the URL",
        )
    full = any(words in said for words in _FULL_WORDS)
    if "FATAL:" in said and not full and _takes_connections(parameters):
        return StateError(
            f"{url}: the server refuses the connection ({said})",
            hint="psql shows whether user and database exist: psql URL -c 'SELECT 1'",
        )
    if "FATAL:" not in said and _WRONG_PARAMETER.search(said):
        return ConfigError(
            f"{url}: PostgreSQL's library can't use one of its parameters ({said})",
            hint="mend it in the URL, or in the environment variable (PG…) that sets it",
        )
    return DatabaseAwayError(
        f"{url}: the database is away ({said})",
        hint="see that it runs and is reachable: pg_isready -d URL",
    )


def _takes_connections(parameters: Mapping[str, Any]) -> bool:
    """Whether the server would connect anyone: not while it starts, recovers or shuts down.

    How it says so differs by version and by its language; `PQping` goes by the SQLSTATE.
    """
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import PGconn, Ping

    return PGconn.ping(make_conninfo(**parameters).encode()) == Ping.OK


@contextmanager
def _explained(url: DatabaseUrl) -> Iterator[None]:
    """Turn what PostgreSQL says into an error with the URL and a hint."""
    import psycopg

    try:
        yield
    except DBAPIError as error:
        problem = _explanation(url, error.orig, went_away=error.connection_invalidated)
        if problem is None:
            raise
        raise problem from None
    except psycopg.Error as error:  # of the migrations, which the driver runs alone
        problem = _explanation(url, error, went_away=error.sqlstate is None)
        if problem is None:
            raise
        raise problem from None


def _explanation(
    url: DatabaseUrl, error: BaseException | None, *, went_away: bool
) -> NewsclfError | None:
    state = getattr(error, "sqlstate", None) or ""
    said = _first_line(error)
    if went_away or state.startswith(_AWAY):
        return DatabaseAwayError(
            f"{url}: the database went away ({said})",
            hint="see that it runs and is reachable: pg_isready -d URL",
        )
    if state == "53100":
        return StateError(
            f"{url}: nothing was added, the server's disk is full",
            hint="make room there, and start newsclf watch again",
        )
    if state == "25006":
        return _read_only(url)
    if state == "42501":
        return StateError(
            f"{url}: this user may not do that ({said})",
            hint="as the owner of the database: CREATE SCHEMA newsclf AUTHORIZATION user; to read"
            " only: GRANT USAGE ON SCHEMA newsclf, GRANT SELECT ON ALL TABLES IN SCHEMA newsclf",
        )
    return _data_problem(url, state, said)


def _data_problem(url: DatabaseUrl, state: str, said: str) -> DataError | None:
    if state.startswith(_OTHER_TABLES):
        return _other_program(url)
    if state.startswith("XX"):
        return DataError(
            f"{url}: the record is damaged ({said})", hint="restore the database from its backup"
        )
    return None


def _read_only(url: DatabaseUrl) -> StateError:
    return StateError(
        f"{url}: this server can only be read, such as a standby",
        hint="name the primary; with several hosts in the URL add target_session_attrs=read-write",
    )


def _other_program(url: DatabaseUrl) -> DataError:
    return DataError(
        f"{url}: the schema {SCHEMA} is of another program",
        hint="name another database, or rename that schema",
    )


def _check_server(connection: Connection, url: DatabaseUrl) -> None:
    """Refuse a server that can't hold a record."""
    found = connection.execute(_SERVER).one()
    if int(found.number) < _OLDEST_SERVER * 10_000:
        raise StateError(
            f"{url}: PostgreSQL {int(found.number) // 10_000} is too old",
            hint=f"use version {_OLDEST_SERVER} or later",
        )
    if found.encoding != "UTF8":
        raise StateError(
            f"{url}: the database's encoding is {found.encoding}, which can't hold every headline",
            hint="make one with createdb --encoding UTF8 --template template0 news",
        )
    if found.read_only == "on":
        raise _read_only(url)


def _has_schema(connection: Connection) -> bool:
    return connection.execute(_NAMESPACE).scalar_one() is not None


def _version(connection: Connection, url: DatabaseUrl) -> int:
    """The schema version of a record; 0 without one."""
    found = connection.execute(_OBJECTS).one()
    if found.versions is None:
        if found.objects:
            raise _other_program(url)
        return 0
    version = int(connection.execute(_VERSION).scalar_one())
    if version > len(MIGRATIONS):
        raise StateError(
            f"{url}: a newer newsclf wrote this record (schema {version}, this one knows"
            f" {len(MIGRATIONS)})",
            hint="update newsclf, or name another database",
        )
    return version


def _was_committed(connection: Connection, xid: str) -> bool:
    return bool(connection.execute(_STATUS, {"xid": xid}).scalar_one() == "committed")


def _first_line(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
