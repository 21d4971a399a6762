"""Records for tests, in both kinds of database: what holds for one holds for the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from newsclf.watch.record.storage.address import DatabaseUrl, Place
from tests.support import postgres

NewRecord = Callable[[], Place]
"""Where a record can be made."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    """A server for all tests of this process."""
    if postgres.binaries() is None:
        pytest.exit(postgres.INSTALL, returncode=1)
    with postgres.postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_record(request: pytest.FixtureRequest, tmp_path: Path) -> NewRecord:
    """Makes records of each kind in turn."""
    if request.param == "sqlite":
        numbers = itertools.count()
        return lambda: tmp_path / f"news{next(numbers)}.db"
    server: postgres.PostgresServer = request.getfixturevalue("postgres_server")
    return lambda: DatabaseUrl(server.make_database())
