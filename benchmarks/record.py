"""Items a second through identity and record, and the memory of a long run."""

from __future__ import annotations

import csv
import datetime as dt
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import psutil

from newsclf.watch.item import Item
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.rows import Fetch
from newsclf.watch.record.storage.address import place_of

_SOURCES = 200
_LISTED = 20
"""Items that a document lists; a fifth of them is new."""
_NEW = 4
_START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def documents(
    headlines: list[str], items: int, *, hours: float
) -> Iterator[tuple[float, str, list[Item]]]:
    """Documents of 200 sources with so many new items in all: hour, source, and what it lists.

    A third of the new items are another source's, as they are or with a word changed.
    """
    rng = random.Random(7)  # noqa: S311 - news, not secrets
    listed = {f"source {number}": deque[Item](maxlen=_LISTED) for number in range(_SOURCES)}
    told: deque[str] = deque(maxlen=2_000)
    for number in range(0, items, _NEW):
        source = f"source {rng.randrange(_SOURCES)}"
        for each in range(number, number + _NEW):
            if told and rng.random() < 1 / 3:
                words = rng.choice(told).split()
                if rng.random() < 1 / 2:
                    words[rng.randrange(len(words))] = f"word{rng.randrange(5_000)}"
            else:
                one, other = rng.choice(headlines).split(), rng.choice(headlines).split()
                words = [*one[: len(one) // 2], *other[len(other) // 2 :]]
                told.append(" ".join(words))
            url = f"https://example.com/{each}?utm_source=rss"
            listed[source].append(Item(title=" ".join(words), id=str(each), url=url, raw="x" * 500))
        yield hours * number / items, source, list(listed[source])


def main() -> None:
    """Record 24 hours of 200,000 items at speed; arguments: items, hours, perhaps a record."""
    items, hours = int(sys.argv[1]), float(sys.argv[2])
    with (Path(__file__).parents[1] / "newsclf/data/headlines.csv").open(encoding="utf-8") as file:
        headlines = [row["text"] for row in csv.DictReader(file)]
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        now = _START
        place = place_of(sys.argv[3] if len(sys.argv) > 3 else Path(folder) / "news.db")  # noqa: PLR2004
        with Recorder(place, now=lambda: now) as recorder:
            began = time.perf_counter()
            shown = 0
            for hour, source, document in documents(headlines, items, hours=hours):
                now = _START + dt.timedelta(hours=hour)
                fetch = Fetch(source=source, fetched_at=now, monotonic_s=0, outcome="ok")
                recorder.add_fetch(fetch, document)
                shown += _NEW
                if shown % (items // 10) < _NEW:
                    seconds = time.perf_counter() - began
                    size = (
                        f", {place.stat().st_size >> 20} MiB on disk"
                        if isinstance(place, Path)
                        else ""
                    )
                    print(  # noqa: T201 - a benchmark's result
                        f"{shown:,} items: {shown / seconds:.0f} new items/s,"
                        f" {process.memory_info().rss >> 20} MiB{size}"
                    )


if __name__ == "__main__":
    main()
