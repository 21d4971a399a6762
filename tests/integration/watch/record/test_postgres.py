"""What only a record in PostgreSQL has: several writers, leases, and a server that goes away."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import psycopg
import pytest

from newsclf.common.errors import ConfigError, DataError, StateError
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Score
from newsclf.watch.record.storage.address import DatabaseUrl
from newsclf.watch.record.storage.errors import LeaseLostError
from newsclf.watch.record.storage.postgresql_schema import MIGRATIONS, SCHEMA
from newsclf.watch.record.storage.schema import METADATA
from newsclf.watch.record.storage.sharing import Share, Sharing, Unit
from tests.support.cutting import CutLine, cut_line
from tests.support.newsrecord import Clock, Feeds, contents, fetch, item
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres

PROFIT = "Acme posts record profit on strong demand"
OIL = "Oil falls as supply grows faster than demand"
UNITS = [frozenset({name}) for name in ("one", "two", "three")]


@pytest.fixture
def url(postgres_server: PostgresServer) -> DatabaseUrl:
    return DatabaseUrl(postgres_server.make_database())


@pytest.fixture
def pair(url: DatabaseUrl) -> Iterator[tuple[Feeds, Feeds]]:
    """Two recorders of one record, with one clock."""
    clock = Clock()
    found = Feeds(url, clock=clock), Feeds(url, clock=clock)
    yield found
    for feeds in found:
        feeds.recorder.close()


# --- what is refused, and how


def test_bytes_that_are_not_unicode_are_refused_in_a_url(postgres_server: PostgresServer) -> None:
    with pytest.raises(ConfigError, match="can't read this URL"):
        Recorder(DatabaseUrl(postgres_server.url("postgres", user="%ff")))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("127.0.0.1:99999999/news", "the port is not a number"),
        ("db:0/news", "the port is not a number"),
        ("one:5432,other:65536/news", "the port is not a number"),
        ("db/news?port=abc", "the port is not a number"),
        ("127.0.0.1/news?connect_timeout=abc", "one of its parameters .*connect_timeout"),
        ("127.0.0.1/news?sslmode=maybe", "one of its parameters .*sslmode"),
        ("127.0.0.1/news?keepalives_idle=x", "one of its parameters .*keepalives_idle"),
        ("127.0.0.1/news?service=nowhere", "one of its parameters .*nowhere"),
    ],
)
def test_a_wrong_parameter_is_no_database_that_is_away(part: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Recorder(DatabaseUrl(f"postgresql://{part}"))


def test_a_wrong_port_of_the_environment_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "99999999")
    with pytest.raises(ConfigError, match="invalid port number"):
        Recorder(DatabaseUrl("postgresql://127.0.0.1/news"))


@pytest.mark.parametrize("columns", ["version text", "other int", "version int"])
def test_tables_of_another_program_are_told_apart(
    postgres_server: PostgresServer, url: DatabaseUrl, columns: str
) -> None:
    with postgres_server.connect(url.text.rpartition("/")[2]) as connection:
        connection.execute("CREATE SCHEMA newsclf")
        connection.execute(f"CREATE TABLE newsclf.schema_version ({columns})")
        if columns == "version int":
            connection.execute("INSERT INTO newsclf.schema_version VALUES (%s)", [len(MIGRATIONS)])
    with pytest.raises(DataError, match="of another program"), Record(url) as record:
        list(record.commits())


def test_a_user_who_may_not_make_tables_is_told_so(
    postgres_server: PostgresServer, url: DatabaseUrl
) -> None:
    database = url.text.rpartition("/")[2]
    with postgres_server.connect(database) as connection:
        connection.execute("CREATE SCHEMA newsclf")
        connection.execute("CREATE ROLE guest LOGIN")
        connection.execute("GRANT USAGE ON SCHEMA newsclf TO guest")
    with pytest.raises(StateError, match="may not do that") as refused:
        Recorder(DatabaseUrl(postgres_server.url(database, user="guest")))
    assert "CREATE SCHEMA newsclf AUTHORIZATION" in str(refused.value.hint)


def test_headlines_of_every_script_are_recorded_whatever_encoding_the_environment_names(
    url: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    feeds = Feeds(url, clock=Clock())
    feeds.deliver("wire", item("Toyota \u2013 \u682a\u4fa1", id="g1"))
    feeds.recorder.close()
    with Record(url) as record:
        [version] = [version for commit in record.commits() for version in commit.versions]
    assert version.text == "Toyota \u2013 \u682a\u4fa1"


# --- several writers


def test_two_writers_know_each_others_news_and_commit_in_one_order(
    pair: tuple[Feeds, Feeds],
) -> None:
    one, other = pair
    first = one.deliver("wire", item(PROFIT, id="g1"))
    again = other.deliver("wire", item(PROFIT, id="g1"))
    near = other.deliver("paper", item(f"{PROFIT} this year", id="p1"))
    edit = one.deliver("paper", item(f"{PROFIT} this quarter", id="p1"))
    assert (first.headlines, again.headlines) == (1, 0)
    assert (near.headlines, near.events, edit.edits) == (1, 0, 1)
    score = Score(first.versions[0][0], "m", "int8", 0.1, 0.2, 0.7)
    assert (one.recorder.add_scores([score]), other.recorder.add_scores([score])) == (1, 0)
    with Record(one.place) as record:
        commits = list(record.commits())
    assert [commit.id for commit in commits] == list(range(1, len(commits) + 1))
    assert all(a.known_at <= b.known_at for a, b in pairwise(commits))


def test_the_clock_is_the_servers(url: DatabaseUrl) -> None:
    with Recorder(url) as recorder, psycopg.connect(url.text) as connection:
        recorder.add_fetch(fetch("wire", recorder.now()))
        before = recorder.now()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        assert before <= row[0]
        with Record(url) as record:
            (commit,) = record.commits()
        assert commit.known_at <= before


# --- the tables


def test_no_row_is_changed_by_any_program(pair: tuple[Feeds, Feeds]) -> None:
    pair[0].deliver("wire", item(PROFIT, id="g1"))
    before = contents(pair[0].place)
    assert isinstance(pair[0].place, DatabaseUrl)
    for name in METADATA.tables:
        for change in ("UPDATE {} SET id = id + 1", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
            with (
                psycopg.connect(pair[0].place.text) as connection,
                pytest.raises(psycopg.errors.RaiseException, match="append-only"),
            ):
                connection.execute(change.format(f"{SCHEMA}.{name}"))
    assert contents(pair[0].place) == before


def test_the_tables_in_python_are_those_of_the_migrations(pair: tuple[Feeds, Feeds]) -> None:
    columns = (
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s"
    )
    assert isinstance(pair[0].place, DatabaseUrl)
    with psycopg.connect(pair[0].place.text) as connection:
        for name, table in METADATA.tables.items():
            there = connection.execute(columns, [SCHEMA, name]).fetchall()
            assert sorted(row[0] for row in there) == sorted(c.name for c in table.columns), name


# --- a line that is cut


@pytest.fixture
def line(postgres_server: PostgresServer) -> Iterator[CutLine]:
    with cut_line(postgres_server.port) as found:
        yield found


@pytest.mark.parametrize("words", [b"COMMIT", b"INSERT INTO items"])
@pytest.mark.parametrize("is_heard", [False, True])
def test_a_line_that_is_cut_makes_nothing_twice_and_loses_nothing(
    url: DatabaseUrl, line: CutLine, words: bytes, *, is_heard: bool
) -> None:
    database = url.text.rpartition("/")[2]
    place = DatabaseUrl(f"postgresql://watcher@127.0.0.1:{line.port}/{database}?sslmode=disable")
    feeds = Feeds(place)
    feeds.deliver("wire", item(PROFIT, id="g1"))
    line.words, line.is_heard = words, is_heard
    added = feeds.deliver("wire", item(OIL, id="g2"))
    assert line.words == b"", "the line was cut"
    feeds.deliver("wire", item(OIL, id="g2"))
    feeds.recorder.close()
    assert added.headlines == 1
    rows = contents(url)
    assert [row[0] for row in rows["commits"]] == [1, 2, 3], "each answer has one commit"
    assert (len(rows["fetches"]), len(rows["items"]), len(rows["headlines"])) == (3, 2, 2)


def test_a_line_that_is_cut_while_others_news_is_read_loses_none_of_it(
    url: DatabaseUrl, line: CutLine
) -> None:
    database = url.text.rpartition("/")[2]
    place = DatabaseUrl(f"postgresql://watcher@127.0.0.1:{line.port}/{database}?sslmode=disable")
    one, other = Feeds(place), Feeds(url)
    other.deliver("paper", item(PROFIT, id="p1"))
    line.words = b"SELECT versions.text"
    near = one.deliver("wire", item(f"{PROFIT} this year", id="g1"))
    assert line.words == b"", "the line was cut"
    for feeds in (one, other):
        feeds.recorder.close()
    assert (near.headlines, near.events) == (1, 0), "it is known to tell the same"


# --- leases


def share(sharing: Sharing) -> frozenset[Unit]:
    """What a watch reads after it has released what it should."""
    found = sharing.renew(UNITS, ["webhook"])
    sharing.release(found.surplus)
    return found.units - found.surplus


def test_watches_share_sources_and_channels(pair: tuple[Feeds, Feeds]) -> None:
    one, other = (feeds.recorder.sharing() for feeds in pair)
    one.join("c0ffee")
    assert share(one) == set(UNITS)
    other.join("c0ffee")
    assert share(other) == set(), "nothing is free yet"
    first = share(one)
    second = share(other)
    assert (len(first), len(second)) == (2, 1)
    assert first | second == set(UNITS)
    assert (share(one), share(other)) == (first, second), "it stays so"
    assert (one.holds("webhook"), other.holds("webhook")) == (True, False)
    one.leave()
    assert share(other) == set(UNITS)
    assert other.holds("webhook")


def test_a_watch_of_standard_input_alone_has_nothing_to_share(
    pair: tuple[Feeds, Feeds],
) -> None:
    one, other = (feeds.recorder.sharing() for feeds in pair)
    for each in (one, other):
        each.join("c0ffee")
    assert one.renew([], []) == Share(watches=2)
    other.renew(UNITS, [])
    for feeds, sharing in zip(pair, (one, other), strict=True):
        guard = partial(sharing.check, source="standard input")
        feeds.recorder.add_fetch(fetch("standard input"), [item(PROFIT)], guard=guard)
    assert len(contents(pair[0].place)["fetches"]) == 2


def test_what_a_watch_lost_it_can_not_record(pair: tuple[Feeds, Feeds]) -> None:
    one, other = (feeds.recorder.sharing() for feeds in pair)
    one.join("c0ffee")
    share(one)
    guard = lambda connection: one.check(connection, "one")  # noqa: E731
    pair[0].recorder.add_fetch(fetch("one"), [item(PROFIT, id="g1")], guard=guard)
    one.leave()
    other.join("c0ffee")
    share(other)
    with pytest.raises(LeaseLostError, match="taken over one"):
        pair[0].recorder.add_fetch(fetch("one"), [item(OIL, id="g2")], guard=guard)
    assert len(contents(pair[0].place)["items"]) == 1
    assert pair[0].deliver("two", item(OIL, id="g2")).headlines == 1, "it goes on with others"


def test_watches_with_another_configuration_are_refused(pair: tuple[Feeds, Feeds]) -> None:
    one, other = (feeds.recorder.sharing() for feeds in pair)
    one.join("c0ffee")
    with pytest.raises(StateError, match=r"another watch\.toml"):
        other.join("decaf")
    one.leave()
    other.join("decaf")
    with pytest.raises(StateError, match=r"another watch\.toml"):
        one.renew(UNITS, [])
