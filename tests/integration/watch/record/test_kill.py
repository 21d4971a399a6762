"""A recorder that is killed loses nothing that it had recorded, and records nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.address import DatabaseUrl, Place
from newsclf.watch.record.storage.schema import METADATA
from newsclf.watch.record.storage.sqlite import check
from tests.support import killed_recorder
from tests.support.newsrecord import START, contents
from tests.support.processes import started
from tests.support.records import NewRecord

DOCUMENTS = 8
_JUDGED = METADATA.tables["fetches"].columns.keys().index("live_until")


def record(place: Place, *, fatal: int) -> tuple[int, list[int]]:
    """Run the process; its exit status, and the documents that it said it had recorded."""
    command = [sys.executable, killed_recorder.__file__, argument(place), DOCUMENTS, fatal]
    done = subprocess.run(
        [*map(str, command)], stdout=subprocess.PIPE, check=False, cwd=Path.cwd(), timeout=60
    )
    return done.returncode, [int(line) for line in done.stdout.split()]


def argument(place: Place) -> str:
    return place.text if isinstance(place, DatabaseUrl) else str(place)


def check_file(place: Place) -> None:
    if not isinstance(place, DatabaseUrl):
        check(place)


def headlines(place: Place) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    with Record(place) as replayed:
        for commit in replayed.commits():
            for version in commit.versions:
                found.setdefault(version.headline, []).append(version.text)
    return found


def alerts(place: Place) -> tuple[list[str], list[str], list[str]]:
    """Ids of the alerts that were raised, that were delivered, and that are still to be sent."""
    with Record(place) as replayed:
        delivered = [commit.delivery.alert for commit in replayed.commits() if commit.delivery]
        due = replayed.undelivered(killed_recorder.CHANNEL, since=START)
        return [a.id for a in replayed.alerts("digest")], delivered, [a.id for a in due]


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_generated_statements_again_and_again(new_record: NewRecord, seed: int) -> None:
    whole = new_record()
    assert record(whole, fatal=0) == (0, list(range(DOCUMENTS)))
    place = new_record()
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    for fatal in [rng.randrange(1, 12), *(rng.randrange(1, 160) for _ in range(3))]:
        status, acknowledged = record(place, fatal=fatal)
        assert status in (0, -signal.SIGKILL)
        if not acknowledged:
            continue
        check_file(place)
        fetched = contents(place)["fetches"]
        assert len({row[3] for row in fetched}) >= len(acknowledged), "what was recorded is there"
        assert all(row[_JUDGED] is not None for row in fetched), "no fetch without its judgement"
        raised, delivered, due = alerts(place)
        assert {*raised} == {*delivered, *due}, "no alert is lost"
        assert len(due) <= 1
    assert record(place, fatal=0) == (0, list(range(DOCUMENTS)))
    check_file(place)
    once = {texts[0]: texts for texts in headlines(whole).values()}
    again = {texts[0]: texts for texts in headlines(place).values()}
    assert again.keys() == once.keys()
    assert len(headlines(place)) == len(once), "no headline twice"
    assert all(set(once[first]) <= set(again[first]) for first in once), "no edit is lost"
    raised, delivered, due = alerts(place)
    assert raised == [f"alert {number}" for number in range(DOCUMENTS)], "no alert twice"
    assert ({*delivered}, due) == ({*raised}, [])


def test_killed_between_two_transactions(new_record: NewRecord) -> None:
    place = new_record()
    command = [sys.executable, killed_recorder.__file__, argument(place), "100000", "0"]
    with started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(5):
            last = int(process.stdout.readline())
        process.kill()
    check_file(place)
    with Record(place) as replayed:
        times = [commit.fetch.monotonic_s for commit in replayed.commits() if commit.fetch]
    assert times[: last + 1] == list(map(float, range(last + 1)))
    assert len(times) == len(set(times))
