"""A PostgreSQL server that takes no connection now: which will take one later, and which never."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from newsclf.common.errors import StateError
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.address import DatabaseUrl
from newsclf.watch.record.storage.errors import DatabaseAwayError
from tests.support import refusing_postgres

_STARTING = [
    ("57P03", "the database system is starting up"),
    ("57P03", "the database system is not yet accepting connections"),
    ("57P03", "the database system is in recovery mode"),
    ("57P03", "the database system is shutting down"),
    ("57P03", "el sistema de base de datos está iniciándose"),
]
_FULL = [
    ("53300", "sorry, too many clients already"),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute"),
]
_REFUSED = [
    ("3D000", 'database "news" does not exist'),
    ("28000", 'role "watch" does not exist'),
]


@contextmanager
def refusing(state: str, said: str) -> Iterator[DatabaseUrl]:
    """A server that refuses every connection; yields a URL of it."""
    command = [sys.executable, refusing_postgres.__file__, state, said]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield DatabaseUrl(f"postgresql://watch@127.0.0.1:{int(server.stdout.readline())}/news")
        finally:
            server.kill()


@pytest.mark.parametrize(("state", "said"), [*_STARTING, *_FULL])
def test_a_server_that_will_take_connections_later_is_away(state: str, said: str) -> None:
    with refusing(state, said) as url, pytest.raises(DatabaseAwayError, match=said) as away:
        Record(url)
    assert "pg_isready" in str(away.value.hint)


@pytest.mark.parametrize(("state", "said"), _REFUSED)
def test_a_server_that_refuses_this_user_or_database_is_not_waited_for(
    state: str, said: str
) -> None:
    with refusing(state, said) as url, pytest.raises(StateError, match=said) as refused:
        Record(url)
    assert not isinstance(refused.value, DatabaseAwayError)
