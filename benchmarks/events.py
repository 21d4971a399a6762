"""Measure which headlines are told to be of the same event, on 200 pairs written by hand.

    python -m benchmarks.events            # precision and recall, with intervals of 95 %
    python -m benchmarks.events --errors   # and the pairs that were taken wrongly

Each pair goes through a record, ten minutes apart, from two sources. The pairs of `event_pairs.csv`
have invented names; every second one was left aside while the rules were chosen.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from newsclf.common.intervals import wilson_interval
from newsclf.watch.item import Item
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Fetch

PAIRS = Path(__file__).with_name("event_pairs.csv")
_START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
_BETWEEN_PAIRS = dt.timedelta(days=2)


class Pair(NamedTuple):
    """Two headlines, and whether they are of the same event."""

    kind: str
    same: bool
    one: str
    other: str
    chosen_with: bool
    """Whether the rules were chosen while looking at it."""


class Judged(NamedTuple):
    """A pair and whether the record joined it."""

    pair: Pair
    joined: bool


class Counts(NamedTuple):
    """How pairs were joined."""

    right: int
    joined: int
    same: int


def read_pairs(path: Path = PAIRS) -> list[Pair]:
    """The pairs of the file, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Pair(row["kind"], row["same"] == "yes", row["one"], row["other"], number % 2 == 0)
            for number, row in enumerate(csv.DictReader(file))
        ]


def judge(pairs: Sequence[Pair], path: Path) -> list[Judged]:
    """Let a new record at `path` decide about each pair."""
    now = _START
    judged = []
    with Recorder(path, now=lambda: now) as recorder, Record(path) as record:
        for number, pair in enumerate(pairs):
            found = set()
            for source, title in (("wire", pair.one), ("paper", pair.other)):
                after = recorder.last_commit
                fetch = Fetch(source=source, fetched_at=now, monotonic_s=0, outcome="ok")
                recorder.add_fetch(fetch, [Item(title=title, id=f"{number}")])
                for commit in record.commits(after=after):
                    found |= {sighting.event for sighting in commit.sightings}
                now += dt.timedelta(minutes=10)
            judged.append(Judged(pair, len(found) == 1))
            now += _BETWEEN_PAIRS
    return judged


def counts(judged: Sequence[Judged]) -> Counts:
    """Sum up pairs: joined rightly, joined, and of the same event."""
    return Counts(
        right=sum(each.joined and each.pair.same for each in judged),
        joined=sum(each.joined for each in judged),
        same=sum(each.pair.same for each in judged),
    )


def _share(part: int, whole: int) -> str:
    low, high = wilson_interval(part, whole)
    return f"{part / whole:.3f} ({low:.3f} to {high:.3f}; {part} of {whole})"


def _report(judged: Sequence[Judged]) -> Iterator[str]:
    for name, part in (
        ("all", judged),
        ("looked at", [each for each in judged if each.pair.chosen_with]),
        ("left aside", [each for each in judged if not each.pair.chosen_with]),
    ):
        found = counts(part)
        yield f"{name}: {len(part)} pairs"
        yield f"  precision  {_share(found.right, found.joined)}"
        yield f"  recall     {_share(found.right, found.same)}"
    yield "taken rightly, by kind:"
    for kind in dict.fromkeys(each.pair.kind for each in judged):
        of_kind = [each for each in judged if each.pair.kind == kind]
        yield f"  {kind:<14}{sum(e.joined == e.pair.same for e in of_kind)} of {len(of_kind)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description="Precision and recall of events, by pairs")
    parser.add_argument("--errors", action="store_true", help="List pairs that were taken wrongly")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        judged = judge(read_pairs(), Path(folder) / "news.db")
    for line in _report(judged):
        sys.stdout.write(line + "\n")
    if given.errors:
        for pair, joined in judged:
            if joined != pair.same and pair.chosen_with:
                verb = "joined" if joined else "missed"
                sys.stdout.write(f"{verb}\t{pair.kind}\t{pair.one}\t{pair.other}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
