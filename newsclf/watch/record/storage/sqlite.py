"""Record in a file of SQLite: private, of a known schema version, written by one process."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, StaticPool

from newsclf.common.errors import DataError, NewsclfError, StateError, reason_of
from newsclf.common.files import PRIVATE
from newsclf.common.ownership import ownership_problem
from newsclf.watch.record.storage.schema import APPLICATION_ID, MIGRATIONS
from newsclf.watch.record.storage.sharing import Alone, Sharing

if TYPE_CHECKING:
    from filelock import BaseFileLock

_T = TypeVar("_T")
_BESIDE = ("-wal", "-shm")
_BUSY_TIMEOUT_S = 10
_WAL_LIMIT_BYTES = 64 << 20
_MOVE_AWAY = "name another file, or move this one away"


class SqliteToWrite:
    """The file of a record, with the lock of its only writer."""

    def __init__(self, path: Path, *, now: Callable[[], dt.datetime] | None) -> None:
        """Open it, and make it if it isn't there.

        Args:
            path: The file; its folder exists.
            now: The clock; by default this machine's.

        Raises:
            StateError: The file can't be used, another process writes to it, or a newer newsclf
                wrote it.
            DataError: The file is damaged, or something else.
        """
        self._path = path
        self._now = now
        self._lock = _lock(path)
        try:
            self.engine = _open_to_write(path)
        except BaseException:
            self._lock.release()
            raise

    def write(self, work: Callable[[Connection, dt.datetime], _T]) -> _T:
        """Call a function in a transaction; see `database.Database`."""
        with _explained(self._path), self.engine.connect() as connection, connection.begin():
            return work(connection, self.now())

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Call a function that reads; see `database.Database`."""
        return _read(self._path, self.engine, work)

    def now(self) -> dt.datetime:
        """The time of this machine's clock, UTC."""
        return dt.datetime.now(dt.UTC) if self._now is None else self._now()

    def sharing(self) -> Sharing:
        """The only writer reads every source."""
        return Alone()

    def stop_waiting(self) -> None:
        """Do nothing: a file is never waited for."""

    def close(self) -> None:
        """Close the file, and let another process write."""
        self.engine.dispose()
        self._lock.release()


class SqliteToRead:
    """The file of a record, open to be read, also while another process writes."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            StateError: There is no such file, it can't be used, or a newer newsclf wrote it.
            DataError: The file is damaged, or something else.
        """
        self._path = path
        self._engine = _open_to_read(path)

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Call a function that reads; see `database.Database`."""
        return _read(self._path, self._engine, work)

    def stop_waiting(self) -> None:
        """Do nothing: a file is never waited for."""

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()


def _lock(path: Path) -> BaseFileLock:
    """Take the lock of a record's only writer, which ends with the process.

    Raises:
        StateError: Another process writes to the record, or the folder can't be written.
    """
    from filelock import FileLock, Timeout

    if not path.parent.is_dir():  # which the lock would make
        raise _unusable(path, "its folder does not exist")
    beside = path.with_name(f"{path.name}.lock")
    _check_ownership(beside)
    taken = FileLock(beside, timeout=0, mode=PRIVATE)
    try:
        taken.acquire()
    except Timeout:
        raise StateError(
            f"{path}: another process writes to this record",
            hint="stop it, or name another file; reading is possible meanwhile",
        ) from None
    except OSError as error:
        raise _unusable(path, reason_of(error)) from None
    return taken


def _open_to_write(path: Path) -> Engine:
    """Open a record, made if it isn't there, and bring it to the present schema version.

    Raises:
        StateError: The file can't be used, or a newer newsclf wrote it.
        DataError: The file is damaged, or something else.
    """
    for name in (path.name, *(path.name + ending for ending in _BESIDE)):
        _check_ownership(path.with_name(name))
    with _file_errors(path), suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(path, flags, PRIVATE)  # SQLite gives its other files the same mode
        os.fchmod(descriptor, PRIVATE)
        os.close(descriptor)
    engine = _engine(path, "mode=rw", begin="BEGIN IMMEDIATE")
    try:
        with _explained(path), engine.connect() as connection:
            _migrate(connection, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _open_to_read(path: Path) -> Engine:
    """Open a record to read it, also while another process writes.

    Raises:
        StateError: There is no such file, it can't be used, or a newer newsclf wrote it.
        DataError: The file is damaged, or something else.
    """
    if not path.exists():
        raise StateError(f"{path}: no such record", hint="newsclf watch writes one")
    if not path.is_file():  # SQLite would wait for someone to write to a pipe
        raise StateError(f"{path}: not a file", hint="name the file that newsclf watch wrote")
    # Without permission to write there are no shared files; then nothing can be writing, either.
    unwritable = not os.access(path.parent, os.W_OK) and not _has_wal(path)
    mode = "mode=ro&immutable=1" if unwritable else "mode=ro"
    engine = _engine(path, mode, begin="BEGIN")
    with _explained(path), engine.connect() as connection:
        version = _version(connection, path)
        if version < len(MIGRATIONS):
            problem = "was written by an earlier newsclf" if version else "is empty"
            raise StateError(
                f"{path}: the record {problem}", hint="newsclf watch brings it up to date"
            )
    return engine


def check(path: Path) -> None:
    """Read a whole record to see that it is undamaged.

    Raises:
        DataError: It is damaged.
    """
    with _explained(path), _open_to_read(path).connect() as connection:
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
        if found != "ok":
            raise _damaged(path, str(found).splitlines()[-1])
        orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if orphan is not None:
            raise _damaged(path, f"a row of {orphan[0]} lacks its {orphan[2]}")


def _read(path: Path, engine: Engine, work: Callable[[Connection], _T]) -> _T:
    with _explained(path), engine.connect() as connection, connection.begin():
        return work(connection)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says about a file into an error with the path and a hint.

    Raises:
        StateError: The disk is full, or the file can't be read, written or locked.
        DataError: The file is damaged, or no database.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:  # the latter of the driver, used alone
        problem = _explanation(path, error.orig if isinstance(error, DBAPIError) else error)
        if problem is None:
            raise
        raise problem from error


def _explanation(path: Path, error: BaseException | None) -> NewsclfError | None:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return DataError(f"{path}: not a record of news", hint=_MOVE_AWAY)
    if name.startswith("SQLITE_CORRUPT"):
        return _damaged(path, str(error))
    if name == "SQLITE_FULL":
        return StateError(
            f"{path}: nothing was added, the disk is full",
            hint="make room, and start newsclf watch again",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StateError(
            f"{path}: another program holds the file",
            hint="close what has opened it, such as a database browser",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM")):
        return _unusable(path, str(error))
    return None


def _engine(path: Path, mode: str, *, begin: str) -> Engine:
    address = f"file:{quote(str(path.resolve()))}?{mode}"
    to_write = begin != "BEGIN"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,  # transactions are begun below, not guessed from statements
            check_same_thread=False,
        )
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        if to_write:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        return connection

    engine = create_engine(
        "sqlite://", creator=connect, poolclass=StaticPool if to_write else NullPool
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _migrate(connection: Connection, path: Path) -> None:
    """Run the migrations that are due, all in one transaction."""
    version = _version(connection, path)
    connection.rollback()
    driver = connection.connection.driver_connection
    if driver is not None:  # outside transactions, where alone the mode can be changed
        driver.execute("PRAGMA journal_mode = WAL")
    if version == len(MIGRATIONS):
        return
    with connection.begin():
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(connection: Connection, path: Path) -> int:
    """The schema version of a record; 0 of an empty file."""
    application = int(connection.exec_driver_sql("PRAGMA application_id").scalar_one())
    version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    objects = connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar_one()
    if not objects and not version:
        return 0
    if application != APPLICATION_ID:
        raise DataError(f"{path}: a database of another program", hint=_MOVE_AWAY)
    if version > len(MIGRATIONS):
        raise StateError(
            f"{path}: a newer newsclf wrote this record (schema {version}, this one knows"
            f" {len(MIGRATIONS)})",
            hint="update newsclf, or name another file",
        )
    return version


def _has_wal(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _check_ownership(path: Path) -> None:
    with _file_errors(path):
        problem = ownership_problem(path, folder=False)
    if problem is not None:
        raise StateError(f"{path} {problem.words}", hint=_MOVE_AWAY)


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, reason_of(error)) from None


def _unusable(path: Path, why: str) -> StateError:
    return StateError(
        f"{path}: the record cannot be used ({why})",
        hint="see that the folder exists and can be written, or name another file",
    )


def _damaged(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: the record is damaged ({why})",
        hint=f"move it away; sqlite3 {path.name} .recover shows what can be saved",
    )
