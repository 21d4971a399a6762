"""A replay recomputes an aggregate bit for bit, from what was known by a time and nothing else."""

from __future__ import annotations

import datetime as dt
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Commit, Score, Version
from tests.support.newsrecord import START, Feeds, item

SUBJECTS = ("Acme", "Korvath Bank", "Oil", "Gold")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wire", "portal", "agency"]),
        st.integers(0, 7),  # the story
        st.sampled_from(["posts record profit on demand", "warns of a loss after the storm"]),
        st.booleans(),  # withdrawn
        st.integers(-40, 600),  # minutes that pass; the clock may be put back
    ),
    min_size=1,
    max_size=14,
)


def decayed_mean(commits: Iterable[Commit], at: dt.datetime) -> float:
    """A sum whose last bits depend on the order of its terms: one term for each event."""
    terms: dict[int, float] = {}
    versions: dict[int, Version] = {}
    for commit in commits:
        assert commit.known_at <= at
        for version in commit.versions:
            assert version.fetched_at <= version.known_at <= at
            versions[version.id] = version
        for score in commit.scores:
            version = versions[score.version]
            age_s = (at - max(version.fetched_at, commit.known_at)).total_seconds()
            terms[version.event] = (score.positive - score.negative) * 0.5 ** (age_s / 3333)
        for retraction in commit.retractions:
            if retraction.event is not None:
                terms.pop(retraction.event, None)
    return sum(terms.values()) / (1.7 + len(terms))


def truncated(path: Path, to: Path, last: int) -> None:
    """A record as it was after a commit, made without the code that replays."""
    with closing(sqlite3.connect(path)) as whole, closing(sqlite3.connect(to)) as part:
        whole.backup(part)
        triggers = part.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        tables = part.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (name,) in triggers:
            part.execute(f"DROP TRIGGER {name}")
        for (name,) in tables:
            column = "id" if name == "commits" else "commit_id"
            part.execute(f"DELETE FROM {name} WHERE {column} > ?", [last])  # noqa: S608 - a test
        part.commit()


@settings(max_examples=25)
@given(STEPS, st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_what_a_bar_uses_was_known_by_then(
    steps: list[tuple[str, int, str, bool, int]], cuts: list[float]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "news.db"
        feeds = Feeds(path)
        live: list[tuple[dt.datetime, int, float]] = []
        with Record(path) as record:
            for source, story, text, withdrawn, minutes in steps:
                feeds.clock.pass_(dt.timedelta(minutes=minutes, microseconds=333))
                title = f"{SUBJECTS[story % 4]} {text} in region {story}"
                shown = item(title, id=f"g{story}", url=f"https://example.com/{story}")
                gone = item("", id=f"g{story}", retracted=True)
                added = feeds.deliver(source, shown, *([gone] if withdrawn else []))
                for version, _ in added.versions:
                    positive = 1 / (version + 2)
                    score = Score(version, "m", "int8", 0.9 - positive, 0.1, positive)
                    feeds.recorder.add_scores([score])
                at = max(commit.known_at for commit in record.commits())
                basis = feeds.recorder.last_commit
                live.append((at, basis, decayed_mean(record.commits(until=at), at)))
            everything = list(record.commits())
            assert [each.id for each in everything] == list(range(1, len(everything) + 1))
            for at, basis, value in live:
                by_basis = decayed_mean(record.commits(until=basis), at)
                assert by_basis.hex() == value.hex()
        feeds.recorder.close()
        end = everything[-1].known_at
        for cut in cuts:
            at = START + (end - START) * cut
            known = [each for each in everything if each.known_at <= at]
            part = Path(folder) / f"{cut}.db"
            truncated(path, part, known[-1].id if known else 0)
            with Record(path) as record, Record(part) as as_it_was:
                assert list(as_it_was.commits()) == known == list(record.commits(until=at))
                value = decayed_mean(record.commits(until=at), at)
                assert value.hex() == decayed_mean(as_it_was.commits(), at).hex()


def test_a_replay_can_begin_in_the_middle_and_is_read_in_parts(tmp_path: Path) -> None:
    feeds = Feeds(tmp_path / "news.db")
    for number in range(1_100):
        feeds.deliver("wire", item(f"Acme opens shop number {number} in the city", id=f"{number}"))
    feeds.recorder.close()
    with Record(feeds.place) as record:
        assert [each.id for each in record.commits(after=3, until=1_099)] == list(range(4, 1_100))
        assert list(record.commits(until=START - dt.timedelta(seconds=1))) == []
