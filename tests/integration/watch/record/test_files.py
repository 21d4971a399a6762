"""Files of records: private, append-only, one writer, and what is said about others."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from newsclf.common.errors import DataError, NewsclfError, StateError
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Score
from newsclf.watch.record.storage import schema, sqlite
from newsclf.watch.record.storage.sqlite import SqliteToWrite, check
from tests.support.newsrecord import HOUR, START, Clock, Feeds, contents, fetch, item

PROFIT = "Acme posts record profit on strong demand"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record with a headline and its score."""
    path = tmp_path / "news.db"
    feeds = Feeds(path)
    ((version, _),) = feeds.deliver("wire", item(PROFIT, id="g1")).versions
    feeds.recorder.add_scores([Score(version, "m", "int8", 0.2, 0.3, 0.5)])
    feeds.recorder.close()
    return path


def refusal(path: Path) -> NewsclfError:
    with pytest.raises(NewsclfError) as caught:
        Recorder(path, now=Clock())
    return caught.value


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        feeds = Feeds(tmp_path / "news.db")
        feeds.deliver("wire", item(PROFIT))
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        feeds.recorder.close()
    finally:
        os.umask(before)
    assert "news.db-wal" in modes
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("table", ["commits", "items", "versions", "scores"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET id = id + 1",
        "DELETE FROM {}",
        "INSERT OR REPLACE INTO {} SELECT * FROM {}",
    ],
)
def test_no_row_is_changed_by_any_program(path: Path, table: str, change: str) -> None:
    before = contents(path)
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        other.execute(change.replace("{}", table))
    assert contents(path) == before


def test_replacing_a_score_by_its_unique_key_is_refused(path: Path) -> None:
    with (
        closing(sqlite3.connect(path)) as other,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        other.execute("REPLACE INTO scores VALUES (99, 1, 1, 'm', 'int8', 1, 0, 0)")


def test_a_second_writer_is_refused_and_readers_see_whole_commits(path: Path) -> None:
    with Recorder(path, now=Clock()) as recorder, Record(path) as reader:
        assert isinstance(refusal(path), StateError)
        replay = reader.commits()
        first = next(replay)
        feeds = Feeds.__new__(Feeds)
        feeds.place, feeds.clock, feeds.recorder = path, Clock(START + HOUR), recorder
        feeds.deliver("wire", item("Oil falls as supply grows faster than demand", id="g2"))
        assert first.versions
        assert len(list(replay)) == 1, "a replay ends where the record ended when it began"
        assert len(list(reader.commits())) == 3
    Recorder(path, now=Clock()).close()


def test_a_file_that_another_program_reads_while_it_is_opened_is_told_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0)
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = DELETE")  # as sqlite3's .recover leaves it
        other.execute("BEGIN")
        other.execute("SELECT * FROM commits").fetchall()
        assert "another program holds the file" in refusal(path).message
    Recorder(path, now=Clock()).close()


def test_a_newer_record_is_refused_and_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 99")
    error = refusal(path)
    assert isinstance(error, StateError)
    assert "newer" in error.message
    assert "update newsclf" in str(error.hint)
    with pytest.raises(StateError, match="newer"):
        Record(path)


def test_a_migration_adds_to_a_record_that_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(path)
    added = (*schema.MIGRATIONS, ("CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT",))
    monkeypatch.setattr("newsclf.watch.record.storage.sqlite.MIGRATIONS", added)
    with pytest.raises(StateError, match="earlier"):
        Record(path)
    Recorder(path, now=Clock()).close()
    assert contents(path) == {**before, "more": []}


def test_a_record_without_terms_gets_a_place_for_them(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        for statement in schema.MIGRATIONS[0]:
            old.execute(statement)
        old.execute("INSERT INTO commits VALUES (1, 1)")
        old.execute(
            "INSERT INTO fetches (id, commit_id, source, fetched_at, monotonic_s, outcome, items,"
            " headlines) VALUES (1, 1, 'wire', 1, 0.0, 'ok', 0, 0)"
        )
        old.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    feeds = Feeds(path)
    feeds.recorder.add_fetch(fetch("wire", feeds.clock.now, terms="CC0"), [item("Oil falls")])
    feeds.recorder.add_fetch(fetch("wire", feeds.clock.now, terms="CC0"), [item("Oil falls")])
    feeds.recorder.close()

    with Record(path) as record:
        found = [commit.fetch.terms for commit in record.commits() if commit.fetch]
    assert found == [None, "CC0", None], "they are kept where there is something new"


def test_the_tables_in_python_are_those_of_the_migrations(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for name, table in schema.METADATA.tables.items():
            there = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            assert sorted(there) == sorted(column.name for column in table.columns), name


def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")
    before = path.read_bytes()
    assert "another program" in refusal(path).message
    with pytest.raises(DataError, match="another program"):
        Record(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"date,headline\n" * 400, b"SQLite format 3\0" + b"?" * 9000])
def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "news.db"
    path.write_bytes(content)
    path.chmod(0o600)
    assert str(path) in refusal(path).message
    with pytest.raises(NewsclfError, match=str(path)):
        Record(path)
    assert path.read_bytes() == content


def test_a_damaged_record_is_reported(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        check(path)


def test_a_full_disk_adds_nothing_and_the_record_goes_on(tmp_path: Path) -> None:
    feeds = Feeds(tmp_path / "news.db")
    feeds.deliver("wire", item(PROFIT, id="g1"))
    large = item("Oil falls as supply grows faster than demand", id="g2", raw="x" * 3_000_000)
    before = contents(feeds.place)
    database = feeds.recorder._database  # noqa: SLF001 - to make its disk full
    assert isinstance(database, SqliteToWrite)
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
    with pytest.raises(StateError, match="disk is full"):
        feeds.deliver("wire", large)
    assert contents(feeds.place) == before
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert feeds.deliver("wire", large).headlines == 1
    feeds.recorder.close()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    assert "is a link" in refusal(link).message


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(StateError, match="not a file"):
            Record(path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path / "missing" / "news.db"), StateError)
    with pytest.raises(StateError, match="no such record"):
        Record(tmp_path / "news.db")
    assert not (tmp_path / "missing").exists()


def test_a_clock_that_is_far_behind_the_record_is_refused(path: Path) -> None:
    with pytest.raises(StateError, match="clock"):
        Recorder(path, now=Clock(START - 2 * HOUR))
    Recorder(path, now=Clock()).close()
