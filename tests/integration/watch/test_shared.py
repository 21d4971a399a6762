"""Signals of a record in PostgreSQL that two watches share are those of one that is alone."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from newsclf.watch.item import Item
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Alert, Signal
from newsclf.watch.record.storage.address import DatabaseUrl
from newsclf.watch.replaying import replay
from newsclf.watch.signals.configuration import ReferenceData
from newsclf.watch.signals.measures.drift import REFERENCE, WINDOW, DriftAlert
from tests.support.newsrecord import START, Clock
from tests.support.postgres import PostgresServer
from tests.support.watching import SOURCES, Watching, configuration

pytestmark = pytest.mark.postgres

BAR_S = 1800
"""Two bars an hour: bursts need hours that were watched as a whole."""
DAY = 48
"""Bars."""
USED = configuration(bar_s=BAR_S)
LETTERS = str.maketrans("0123456789", "abcdefghij")
WORDS = "common words in every headline are known"
OTHER_WORDS = "uudised teises keeles on tundmatud siin"


class Document(NamedTuple):
    """What a source answers before a bar."""

    source: str
    titles: tuple[str, ...]


def news() -> Iterator[Document]:
    """A day of news, a burst on the next one, then words that were never there."""
    numbers = itertools.count(1)

    def titles(count: int, words: str, *, rare: int = 2) -> tuple[str, ...]:
        return tuple(
            " ".join([words, *(str(n * 7919**place).translate(LETTERS) for place in range(rare))])
            for n in itertools.islice(numbers, count)
        )

    sources = itertools.cycle(SOURCES)
    for bar in range(DAY + 6):
        count = 40 if bar >= DAY + 4 else 2
        yield Document(next(sources), titles(count, "Nvidia", rare=6))
    for _ in range(-(-REFERENCE // 250)):
        yield Document(next(sources), titles(250, WORDS))
    for _ in range(-(-WINDOW // 250) + 1):
        yield Document(next(sources), titles(250, OTHER_WORDS))


def alone(path: Path) -> tuple[list[Signal], list[Alert]]:
    watching = Watching(path, used=USED)
    for document in news():
        watching.deliver(document.source, *(Item(title=each, id=each) for each in document.titles))
        watching.score(1000)
        watching.pass_(BAR_S)
    found = watching.computed()
    watching.close()
    return found


def by_two(url: DatabaseUrl) -> tuple[list[Signal], list[Alert]]:
    """Each reads a source and scores its headlines; they close bars in turn, one is replaced."""
    clock = Clock(START + dt.timedelta(seconds=30))
    pair = [Watching(url, clock=clock, used=USED) for _ in SOURCES]
    share(pair)
    for number, document in enumerate(news()):
        if number == DAY + 5:  # in the middle of the burst
            pair[1].close()
            pair[1] = Watching(url, clock=clock, used=USED)
            share(pair)
        reader = pair[SOURCES.index(document.source)]
        reader.deliver(document.source, *(Item(title=each, id=each) for each in document.titles))
        reader.score(1000, {document.source})
        clock.pass_(dt.timedelta(seconds=BAR_S))
        for watching in (pair[number % 2], pair[1 - number % 2]):
            watching.bar()
    found = pair[0].computed()
    for watching in pair:
        watching.close()
    return found


def share(pair: list[Watching]) -> None:
    """Give each a source."""
    for watching, source in zip(pair, SOURCES, strict=True):
        watching.sharing.release(frozenset({frozenset(SOURCES), *map(frozenset, SOURCES)}))
        watching.sharing.renew([frozenset({source})], [])


def test_bursts_and_drift_by_two_watches_are_those_by_one(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    url = DatabaseUrl(postgres_server.make_database())
    signals, alerts = by_two(url)
    signals_alone, alerts_alone = alone(tmp_path / "alone.db")

    assert len(signals) == len({(each.entity, each.bar_at) for each in signals})
    assert signals == signals_alone
    assert alerts == alerts_alone
    bursts = [each.detail["burst"] for each in signals if each.entity == "Nvidia"]
    known = [each for each in bursts if isinstance(each, float)]
    assert known
    assert max(known) > 3
    assert [each.rule for each in alerts].count("drift") >= 1
    with Record(url) as record:
        bars = list(replay(record, USED, ReferenceData()))
    assert sum(bar.differences for bar in bars) == 0
    assert any(isinstance(alert, DriftAlert) for bar in bars for alert in bar.alerts)
