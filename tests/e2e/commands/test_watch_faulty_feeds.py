"""`newsclf watch` on sources with every fault that users of feed readers report, killed and all."""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from newsclf.watch.feeds.asking import Feed
from newsclf.watch.feeds.fetching.connections import SystemResolver
from newsclf.watch.feeds.fetching.fetch import Fetcher, user_agent
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.sqlite import check
from tests.support import fast_clock
from tests.support.faultyfeeds.fault import Fault
from tests.support.faultyfeeds.faults import FAULTS
from tests.support.faultyfeeds.record import Told, told_by
from tests.support.faultyfeeds.server import FaultyFeeds, faulty_feeds

CONTACT = "ops@example.com"
SECRET = "CANARY-of-a-file"
SPEED = 5
MEMORY_MIB = 600
WATCHED = tuple(fault for fault in FAULTS if not fault.patience)
"""Those that show all they have within a minute of the clock."""


@dataclass(frozen=True)
class Watched:
    """A watch that was killed and went on, until its sources had shown everything."""

    folder: Path
    server: FaultyFeeds
    told: dict[str, Told]
    memory_mib: float
    """The most that a process had."""

    @property
    def record(self) -> Path:
        """File of its record."""
        return self.folder / "news.db"


def settings_of(server: FaultyFeeds) -> str:
    """The watch.toml of a server."""
    sources = "".join(
        f'[[sources]]\nname = "{fault.name}"\nfeed = "{server.url_of(fault)}"\nevery_s = 10\n'
        for fault in WATCHED
    )
    return f'schema_version = 1\ncontact = "{CONTACT}"\n{sources}\n[signals]\nbar_s = 1\n'


@contextmanager
def watching(folder: Path, model: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`newsclf watch`, in a process of its own."""
    command = [sys.executable, fast_clock.__file__, SPEED, "watch", "--file", folder / "watch.toml"]
    command += ["--record", folder / "news.db", "--model", model, "--allow-private", "--json"]
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def memory_mib(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had so far; off Linux, what it has.

    Not `ru_maxrss`, which counts what the process that started it had.
    """
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return float(psutil.Process(process.pid).memory_info().rss / (1 << 20))
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


def differences(told: dict[str, Told], server: FaultyFeeds) -> dict[str, object]:
    """What is not in the record as it should be, by source."""
    compared = {
        fault.name: told[fault.name].compared(fault, server=server.server_of(fault))
        for fault in WATCHED
    }
    return {name: found for name, found in compared.items() if found}


def newsclf(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run the command line to its end."""
    command = [sys.executable, "-m", "newsclf", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120)


def read(record: Path) -> dict[str, Told]:
    with Record(record) as opened:
        return told_by(opened)


@pytest.fixture(scope="module")
def watched(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    record = folder / "news.db"
    secret = folder / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    rng = random.Random(0)  # noqa: S311 - moments, not secrets
    memory = []
    with faulty_feeds(WATCHED, agent=CONTACT, secret_file=secret) as server:
        (folder / "watch.toml").write_text(settings_of(server), encoding="utf-8")
        for _ in range(3):
            with watching(folder, trained / "model") as process:
                server.wait_for(len(server.requests) + rng.randrange(1, 2 * len(WATCHED)))
                memory.append(memory_mib(process))
                process.kill()
                process.wait()
            server.client_died()
        with watching(folder, trained / "model") as process:
            limit_s = time.monotonic() + 180
            while server.unfinished or differences(read(record), server):
                assert process.poll() is None, (folder / "output").read_text()[-2000:]
                if time.monotonic() > limit_s:
                    break  # the tests say what is missing
                server.wait_for(len(server.requests) + 1)
            memory.append(memory_mib(process))
            process.send_signal(signal.SIGINT)
            process.wait()
        yield Watched(folder, server, read(record), max(memory))


@pytest.mark.parametrize("fault", WATCHED, ids=lambda fault: fault.name)
def test_a_source_is_recorded_as_it_should_be(fault: Fault, watched: Watched) -> None:
    server = watched.server.server_of(fault)
    assert watched.told[fault.name].compared(fault, server=server) == {}


def test_each_request_is_polite_and_goes_where_it_should(watched: Watched) -> None:
    server = watched.server
    assert server.complaints == []
    assert server.unfinished == []
    assert {request.split()[1] for request in server.elsewhere} == {"/robots.txt", "/steal?x=1"}
    assert not any("authorization" in request.lower() for request in server.elsewhere)


def test_hostile_sources_learn_nothing_and_cost_little(watched: Watched) -> None:
    check(watched.record)
    for file in watched.folder.iterdir():
        if file.name not in ("secret", "watch.toml"):
            content = file.read_bytes()
            assert SECRET.encode() not in content
            assert b"s3cret-passw0rd" not in content
    assert watched.memory_mib < MEMORY_MIB


def test_a_source_that_hangs_delays_no_other(watched: Watched) -> None:
    with Record(watched.record) as record:
        asked = Counter(commit.fetch.source for commit in record.commits() if commit.fetch)
    hanging = max(asked[fault.name] for fault in WATCHED if not fault.ends)
    assert all(asked[fault.name] > hanging for fault in WATCHED if fault.outcomes == {Outcome.OK})


def test_a_replay_is_bit_exact(watched: Watched) -> None:
    done = newsclf("watch", "replay", "--json", "--record", watched.record)
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["compared"] > 0
    assert found["differing"] == 0


def test_a_watch_that_may_not_ask_this_machine_asks_nothing(
    watched: Watched, tmp_path: Path
) -> None:
    with faulty_feeds(WATCHED, agent=CONTACT, secret_file=watched.folder / "secret") as server:
        (tmp_path / "watch.toml").write_text(settings_of(server), encoding="utf-8")
        done = newsclf("watch", "--check", "--json", "--file", tmp_path / "watch.toml")
        found = json.loads(done.stdout)
        assert [each["verdict"] for each in found] == ["unreachable"] * len(WATCHED)
        assert server.requests == []


@pytest.mark.allow_hosts(["127.0.1.0"])
def test_a_server_that_says_unchanged_for_ever_is_asked_in_full(tmp_path: Path) -> None:
    (fault,) = (fault for fault in FAULTS if fault.row == 21)
    now_s = [0.0]

    async def titles(server: FaultyFeeds) -> list[set[str]]:
        resolver = SystemResolver()
        fetcher = Fetcher(user_agent(CONTACT), resolver=resolver, allow_private=True)
        url = server.url_of(fault)
        feed = Feed(url, fetcher, host="feed", zone=None, monotonic=lambda: now_s[0])
        found = []
        for now_s[0] in (0.0, 60.0, 600.0, 24 * 3600.0):
            answered = await feed.ask()
            answered.kept()
            found.append({item.title for item in answered.items})
        resolver.close()
        return found

    (tmp_path / "secret").touch()
    with faulty_feeds([fault], agent=CONTACT, secret_file=tmp_path / "secret") as server:
        first, second, third, in_full = asyncio.run(titles(server))
    assert first == {fault.headlines[0][0]}
    assert second == third == set()
    assert in_full == {title for (title,) in fault.headlines}
    assert server.complaints == []


def test_all_reported_faults_are_served() -> None:
    assert {fault.row for fault in FAULTS if fault.row is not None} == set(range(1, 36))
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
