"""Several `newsclf watch` on one record in PostgreSQL: killed, cut off, refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.address import DatabaseUrl
from tests.conftest import Cli
from tests.support.manyfeeds import ManyFeeds, many_feeds
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres

FEEDS, ITEMS, EACH_TIME = 20, 500, 100
_HEADLINES, _SCORES = "*) FROM newsclf.headlines", "*) FROM newsclf.scores"
_HOLDERS = "DISTINCT watch) FROM newsclf.leases WHERE resource LIKE 'source %'"
ON_ALERT = "echo $NEWSCLF_ALERT_ID >> sent"
OWN = """
schema_version = 1
contact = "test@example.com"
sources = [{ name = "own", path = "news.jsonl" }]
signals = { bar_s = 1 }
"""


def settings_of(feeds: ManyFeeds) -> str:
    sources = "".join(
        f'[[sources]]\nname = "feed {n}"\nfeed = "{feeds.url(n)}"\nevery_s = 10\n'
        for n in range(feeds.feeds)
    )
    return f"""
schema_version = 1
contact = "test@example.com"
{sources}
[signals]
bar_s = 2
[alerts]
enter = 0.001
leave = 0.0005
cool_down_s = 0
min_events = 1
[delivery]
command = ["sh", "-c", "{ON_ALERT}"]
"""


@dataclass
class Watches:
    """Processes of `newsclf watch`, which are killed at the end."""

    url: str
    model: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more."""
        command = [sys.executable, "-m", "newsclf", "watch", "--record", self.url]
        command += ["--model", self.model, "--allow-private", "--json"]
        number = len(self.running)
        with Path(f"output{number}").open("wb") as out, Path(f"errors{number}").open("wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.running.append(process)
        return process

    def said(self) -> str:
        """What they wrote to stderr."""
        return "\n".join(Path(f"errors{n}").read_text("utf-8") for n in range(len(self.running)))


@contextmanager
def watches_of(url: str, model: Path) -> Iterator[Watches]:
    found = Watches(url, str(model))
    try:
        yield found
    finally:
        for process in found.running:
            process.kill()
            process.wait()


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.make_database()


def count(server: PostgresServer, url: str, query: str) -> int:
    """The number that a query returns; 0 while there is no such table."""
    with server.connect(url.rpartition("/")[2]) as connection:
        try:
            found = connection.execute(f"SELECT count({query}").fetchone()
        except Exception as error:  # noqa: BLE001 - the driver may be missing where this is read
            assert "does not exist" in str(error)  # noqa: PT017
            return 0
    return int(str(found[0])) if found else 0


def test_ten_thousand_items_each_once_through_kills(
    postgres_server: PostgresServer, url: str, trained: Path
) -> None:
    with (
        many_feeds(feeds=FEEDS, items=ITEMS, each_time=EACH_TIME) as feeds,
        watches_of(url, trained / "model") as watches,
    ):
        Path("watch.toml").write_text(settings_of(feeds), encoding="utf-8")

        def wait_until(query: str, least: int) -> None:
            while count(postgres_server, url, query) < least:
                assert all(w.poll() in (None, -signal.SIGKILL) for w in watches.running), (
                    watches.said()
                )
                feeds.wait_for_request()

        first, second = watches.start(), watches.start()
        wait_until(_HOLDERS, 2)
        wait_until(_HEADLINES, 2_000)
        first.kill()
        first.wait()
        third = watches.start()
        wait_until(_HEADLINES, 5_000)
        second.kill()
        second.wait()
        wait_until(_SCORES, FEEDS * ITEMS)
        third.send_signal(signal.SIGINT)
        assert third.wait(timeout=120) == 0, watches.said()

        with Record(DatabaseUrl(url)) as record:
            commits = list(record.commits())
        shown = Counter((s.source, s.item) for c in commits for s in c.sightings)
        assert set(shown.values()) == {1}
        assert len(shown) == FEEDS * ITEMS
        versions = [version for commit in commits for version in commit.versions]
        assert len({v.headline for v in versions}) == len(versions) == FEEDS * ITEMS
        assert {version.source for version in versions} == {f"feed {n}" for n in range(FEEDS)}
        scored = Counter(score.version for commit in commits for score in commit.scores)
        assert scored == Counter(version.id for version in versions), "each is scored once"
        bars = Counter(s.bar_at for c in commits if c.computed for s in c.computed.signals)
        assert bars
        assert set(bars.values()) == {1}, "each bar is closed once"
        assert all(c.computed.basis == c.id - 1 for c in commits if c.computed)
        raised = {alert.id for c in commits if c.computed for alert in c.computed.alerts}
        delivered = Counter(c.delivery.alert for c in commits if c.delivery)
        sent = Counter(Path("sent").read_text("ascii").split())
        assert set(delivered.values()) <= {1}
        assert set(delivered) <= set(sent) <= raised
        assert sent.total() <= len(sent) + 2, "sent again only where a kill came in between"

    done = subprocess.run(
        [sys.executable, "-m", "newsclf", "watch", "replay", "--record", url, "--json"],
        capture_output=True,
        check=False,
        timeout=300,
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["differing"]) == (0, 0), done.stderr
    assert found["compared"] == len(bars)


def test_a_server_that_crashes_is_waited_for_and_nothing_is_lost(
    postgres_server: PostgresServer, url: str, trained: Path
) -> None:
    Path("watch.toml").write_text(OWN, encoding="utf-8")
    news = Path("news.jsonl")
    news.write_text('{"title": "Orvane Motors lifts its forecast as orders jump"}\n', "utf-8")
    with watches_of(url, trained / "model") as watches:
        process = watches.start()
        assert process.stdout is None
        follow(Path("output0"), process, "lifts its forecast")
        postgres_server.stop("immediate")
        with news.open("a", encoding="utf-8") as file:
            file.write('{"title": "Tarnholt\'s beer sales fall for a third year"}\n')
        follow(Path("errors0"), process, "trying again")
        postgres_server.start()
        follow(Path("output0"), process, "beer sales fall")
        follow(Path("errors0"), process, "is back")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
    with Record(DatabaseUrl(url)) as record:
        titles = [version.text for commit in record.commits() for version in commit.versions]
    assert sorted(titles) == [
        "Orvane Motors lifts its forecast as orders jump",
        "Tarnholt's beer sales fall for a third year",
    ]


def follow(path: Path, process: subprocess.Popen[bytes], words: str) -> None:
    """Wait until a process has written some words to a file, which tail follows for two minutes."""
    command = ["timeout", "120", "tail", "-n", "+1", "-f", f"--pid={process.pid}", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        assert any(words in line for line in tail.stdout), path.read_text("utf-8")[-2000:]
        tail.kill()


@dataclass(frozen=True)
class Refusal:
    """What makes a database unusable, and what is said about it."""

    before: str
    """Statements of the superuser."""
    user: str
    said: str


REFUSALS = {
    "no such database": Refusal("", "watcher@nowhere", "does not exist"),
    "no such user": Refusal("", "nobody@", "does not exist"),
    "another program's schema": Refusal(
        "CREATE SCHEMA newsclf; CREATE TABLE newsclf.theirs (id int)", "watcher@", "another program"
    ),
    "may not make the schema": Refusal("", "reader@", "CREATE SCHEMA newsclf"),
    "read-only": Refusal(
        "ALTER ROLE reader SET default_transaction_read_only = on", "reader@", "only be read"
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_database_that_cannot_be_used_says_why(
    postgres_server: PostgresServer, url: str, newsclf: Cli, trained: Path, name: str
) -> None:
    refusal = REFUSALS[name]
    Path("watch.toml").write_text(OWN, encoding="utf-8")
    with postgres_server.connect(url.rpartition("/")[2]) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
        if refusal.before:
            connection.execute(refusal.before)
    user, _, database = refusal.user.partition("@")
    url = postgres_server.url(database or url.rpartition("/")[2], user)
    found = newsclf("watch", "--record", url, "--model", trained / "model", "--duration", "1s")
    assert found.exit_code in (2, 3), found.err
    assert refusal.said in found.err
    assert "hint:" in found.err
    assert "Traceback" not in found.err


def test_a_wrong_password_is_told_and_never_shown(
    postgres_server: PostgresServer,
    url: str,
    newsclf: Cli,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("watch.toml").write_text(OWN, encoding="utf-8")
    database = url.rpartition("/")[2]
    access = postgres_server.folder / "data" / "pg_hba.conf"
    access.write_text(f"host all ada all scram-sha-256\n{access.read_text('utf-8')}", "utf-8")
    with postgres_server.connect(database) as connection:
        connection.execute("DROP ROLE IF EXISTS ada")
        connection.execute("CREATE ROLE ada LOGIN PASSWORD 'right-Passw0rd' SUPERUSER")
        connection.execute("SELECT pg_reload_conf()")
    address = postgres_server.url(database, "ada")
    watch = ["watch", "--model", trained / "model", "--duration", "1s", "--record"]
    monkeypatch.setenv("PGPASSWORD", "wrong-Passw0rd")
    wrong = newsclf(*watch, address)
    assert (wrong.exit_code, "refuses this user" in wrong.err) == (3, True), wrong.err
    given = newsclf(*watch, address.replace("ada@", "ada:wrong-Passw0rd@"))
    assert (given.exit_code, "PGPASSWORD" in given.err) == (2, True), given.err
    monkeypatch.setenv("PGPASSWORD", "right-Passw0rd")
    right = newsclf(*watch, address)
    assert right.exit_code == 0, right.err
    assert "Passw0rd" not in wrong.err + given.err + right.err + right.out


def test_a_record_that_is_not_there_or_newer_or_on_a_full_disk(
    postgres_server: PostgresServer, url: str, newsclf: Cli, trained: Path
) -> None:
    Path("watch.toml").write_text(OWN, encoding="utf-8")
    database = url.rpartition("/")[2]
    missing = newsclf("watch", "replay", "--record", url)
    assert (missing.exit_code, "no record in this database" in missing.err) == (3, True)
    watch = ["watch", "--record", url, "--model", trained / "model", "--duration", "2s"]
    assert newsclf(*watch).exit_code == 0
    with postgres_server.connect(database) as connection:
        connection.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON newsclf.items EXECUTE FUNCTION full_disk()"
        )
    Path("news.jsonl").write_text('{"title": "Orvane Motors lifts its forecast"}\n', "utf-8")
    full = newsclf(*watch)
    assert (full.exit_code, "disk is full" in full.err) == (3, True), full.err
    with postgres_server.connect(database) as connection:
        connection.execute("INSERT INTO newsclf.schema_version VALUES (99)")
    for command in (watch, ["watch", "replay", "--record", url]):
        newer = newsclf(*command)
        assert (newer.exit_code, "a newer newsclf" in newer.err) == (3, True), newer.err


def test_a_watch_with_other_settings_is_refused_while_one_is_at_work(
    url: str, newsclf: Cli, trained: Path
) -> None:
    Path("watch.toml").write_text(OWN, encoding="utf-8")
    Path("news.jsonl").write_text('{"title": "Orvane Motors lifts its forecast"}\n', "utf-8")
    with watches_of(url, trained / "model") as watches:
        follow(Path("output0"), watches.start(), "lifts its forecast")
        Path("other.toml").write_text(OWN.replace("bar_s = 1", "bar_s = 3"), encoding="utf-8")
        other = newsclf("watch", "--record", url, "--file", "other.toml", "--model", watches.model)
    assert (other.exit_code, "another watch.toml" in other.err) == (3, True), other.err
