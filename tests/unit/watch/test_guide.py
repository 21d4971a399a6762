"""What docs/watch.md shows is what the code does."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
import sqlite3
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from newsclf.watch.configuration import WatchSettings
from newsclf.watch.feeds.documents.files import read_line
from newsclf.watch.feeds.documents.vendors import load_vendor, vendor_names
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.record.recorder import BarEntries
from newsclf.watch.record.rows import Score
from newsclf.watch.signals.aggregate import Evidence
from newsclf.watch.signals.entries import signal_entry
from newsclf.watch.signals.webhook import Answer, Webhook
from tests.support.newsrecord import HOUR, Feeds, item
from tests.support.watch_builders import alert, signal

GUIDE = (Path(__file__).parents[3] / "docs" / "watch.md").read_text(encoding="utf-8")
SECRET = b"correct horse"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def rows(heading: str) -> list[str]:
    """Rows of the table below a heading, without its two lines of heads."""
    section = GUIDE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("|")][2:]


def test_the_settings_are_valid() -> None:
    text = "\n".join(["schema_version = 1", *blocks("toml")])
    settings = WatchSettings.model_validate(tomllib.loads(text))

    assert [source.name for source in settings.sources] == [
        "Federal Reserve",
        "Finnhub AAPL",
        "Evening paper",
    ]
    assert settings.delivery.webhook is not None
    assert settings.alerts == type(settings.alerts)()


def test_the_lines_of_a_file_are_read() -> None:
    (text,) = blocks("json")
    news, withdrawn = (read_line(line.encode(), "line 1") for line in text.splitlines())

    assert isinstance(news, Item)
    assert isinstance(withdrawn, Item)
    assert (news.id, news.tickers) == ("a1", ("AAPL",))
    assert withdrawn.retracted


def test_every_word_of_health_is_explained() -> None:
    words = [row.split("`")[1] for row in rows("Health of sources")]

    assert sorted(words) == sorted(Outcome)


def test_the_vendors_are_those_that_are_described() -> None:
    table = {row.split("`")[1]: row for row in rows("Terms and limits of news APIs")}

    assert sorted(table) == vendor_names()
    for name, row in table.items():
        vendor = load_vendor(name)
        assert f"({vendor.pages[0]})" in row
        assert f"; {vendor.checked_by}, {vendor.checked} |" in row
        assert vendor.key is None or f"`{vendor.key.environment}`" in row
        wanted = {"ticker": "one ticker", "tickers": "`tickers`", "query": "`query`"}
        for placeholder, words in wanted.items():
            asked = any(f"{{{placeholder}}}" in p for p in vendor.request.parameters.values())
            assert asked == (words in row), (name, placeholder)


class Receiver:
    """Keeps what a webhook sends."""

    def __init__(self) -> None:
        self.headers: Mapping[str, str] = {}
        self.body = b""

    async def post(self, _: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Take a request."""
        self.headers, self.body = headers, body
        return Answer(204, {})


async def no_sleep(_: float) -> None:
    """Return at once."""


def sent(now_s: float) -> Receiver:
    receiver = Receiver()
    channel = Webhook(
        name="desk",
        url="https://hooks.example/",
        secret=SECRET,
        post=receiver.post,
        now_s=lambda: now_s,
        sleep=no_sleep,
        jitter=lambda: 0.5,
    )
    asyncio.run(channel.deliver(alert()))
    return receiver


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    names: dict[str, Any] = {}
    (code,) = blocks("python")
    exec(code, names)  # noqa: S102 - the guide's own example
    found: Callable[..., bool] = names["is_genuine"]
    return found


def test_the_receiver_takes_an_alert_once(is_genuine: Callable[..., bool]) -> None:
    request = sent(time.time())

    assert is_genuine(request.headers, request.body, SECRET)
    assert not is_genuine(request.headers, request.body, SECRET)


def test_the_receiver_refuses_what_is_forged_or_old(is_genuine: Callable[..., bool]) -> None:
    request = sent(time.time())
    old = sent(time.time() - 600)

    assert not is_genuine(request.headers, request.body + b" ", SECRET)
    assert not is_genuine(request.headers, request.body, b"another")
    assert not is_genuine({}, request.body, SECRET)
    assert not is_genuine({**request.headers, "Newsclf-Timestamp": "soon"}, request.body, SECRET)
    assert not is_genuine(old.headers, old.body, SECRET)


def test_the_queries_find_what_they_say(tmp_path: Path) -> None:
    feeds = Feeds(tmp_path / "news.db")
    added = feeds.deliver("Wire", item("Apple Inc raises its forecast for the year", id="a1"))
    ((version, _),) = added.versions
    score = Score(version, "5f", "onnxruntime int8", 0.1, 0.2, 0.7)
    feeds.recorder.add_scores([score])
    feeds.clock.pass_(dt.timedelta(minutes=1))
    entry = signal_entry(signal(0.3), Evidence((), 0))
    found = BarEntries(signals=[entry])
    feeds.recorder.add_computed(lambda _: found, configuration=("c0ffee", "{}"))
    feeds.clock.pass_(HOUR)
    feeds.deliver("Wire", item("Apple Inc cuts its forecast for the year", id="a1"))
    feeds.recorder.close()

    with sqlite3.connect(f"file:{feeds.place}?mode=ro", uri=True) as connection:
        scored, bars, sources, edits = [connection.execute(q).fetchall() for q in blocks("sql")]
    connection.close()
    assert scored == [
        ("2026-03-02 09:30:00", "Wire", "Apple Inc raises its forecast for the year", 0.6)
    ]
    assert [(value, events) for _, value, events in bars] == [(0.3, 5)]
    assert sources == [("Wire", 2, 0, "2026-03-02 10:31:00")]
    assert [number for _, number, _ in edits] == [1, 2]
