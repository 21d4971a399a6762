"""A watch as a whole, with its sources and channels in this process."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from newsclf.contract.answers import Prediction
from newsclf.predict.classifier import Classifier, Source
from newsclf.watch.chain import Chain, Step
from newsclf.watch.configuration import WatchSettings
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.opening import opened
from newsclf.watch.record.recorder import BarEntries, Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.sharing import Alone
from newsclf.watch.run import Watch, WatchRequest
from newsclf.watch.signals.entries import alert_entry
from newsclf.watch.signals.source_alerts import SourceAlert
from tests.support.feedserver import feed_server, reply


class Held:
    """Recording of answers that waits for a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.goes_on = threading.Event(), threading.Event()
        really = Chain.add_answer

        def add_answer(chain: Chain, source: str, answered: Answered) -> Step:
            self.begun.set()
            self.goes_on.wait()
            return really(chain, source, answered)

        monkeypatch.setattr(Chain, "add_answer", add_answer)

    async def until_begun(self) -> None:
        """Wait until an answer is being recorded."""
        while not self.begun.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0)


class Lapsing(Alone):
    """A lease that has ended when the first alert is to be sent, and is renewed at once."""

    def __init__(self) -> None:
        self.renew_every_s = 0.0
        self._held = iter([False])

    def holds(self, channel: str) -> bool:
        """Not at first."""
        del channel
        return next(self._held, True)


def request(
    folder: Path, source: dict[str, object] | None = None, **delivery: object
) -> WatchRequest:
    settings = WatchSettings.model_validate(
        {
            "schema_version": 1,
            "contact": "test@example.com",
            "sources": [{"name": "own", **(source or {"path": "news.jsonl"})}],
            "entity_list": "none",
            "delivery": delivery,
        }
    )
    (folder / "news.jsonl").touch()
    return WatchRequest(
        settings=settings,
        folder=folder,
        record=folder / "news.db",
        classifier=Classifier(
            lambda texts: [Prediction((0.1, 0.2, 0.7))] * len(texts),
            Source("model", "a model", "5f" * 32, "here"),
        ),
        explains=False,
        environ={},
        stdin=io.BytesIO(),
        allow_private=True,
    )


@asynccontextmanager
async def running(asked: WatchRequest) -> AsyncIterator[Watch]:
    """A watch at work, for at most a minute."""
    async with asyncio.timeout(60), opened(asked) as watch:
        work = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


def test_an_alert_that_a_lapsed_lease_held_back_is_sent_once_the_lease_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = SourceAlert(
        id="a1",
        kind="silent",
        source="own",
        at=dt.datetime.now(dt.UTC),
        verdict=Outcome.STALE,
        words="stale",
    )
    with Recorder(tmp_path / "news.db") as recorder:
        recorder.add_computed(
            lambda _: BarEntries(alerts=[alert_entry(waiting)]), configuration=("d1", "{}")
        )
    monkeypatch.setattr(Recorder, "sharing", lambda _: Lapsing())
    command = [sys.executable, "-c", "import sys; open(sys.argv[1], 'x')", str(tmp_path / "sent")]

    async def until_it_is_sent() -> None:
        async with running(request(tmp_path, command=command)) as watch:
            while not (tmp_path / "sent").exists():  # noqa: ASYNC110 - a file
                await asyncio.sleep(0)
            await watch.outbox.settle_of("command")

    asyncio.run(until_it_is_sent())
    with Record(tmp_path / "news.db") as record:
        deliveries = [commit.delivery for commit in record.commits() if commit.delivery]
    assert [(each.alert, each.delivered) for each in deliveries] == [("a1", True)]


def test_a_watch_ends_while_its_record_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)

    async def until_it_ends() -> None:
        async with opened(request(tmp_path)) as watch:
            work = asyncio.create_task(watch.run())
            await held.until_begun()
            work.cancel()
            try:
                async with asyncio.timeout(20):
                    await asyncio.wait({work})
            finally:
                held.goes_on.set()
            assert work.cancelled()

    asyncio.run(until_it_ends())


def test_answers_are_recorded_by_the_clock_of_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock_of_the_server = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
    monkeypatch.setattr(Recorder, "now", lambda _: clock_of_the_server)

    async def until_it_is_recorded() -> None:
        async with (
            feed_server({"/rss": reply()}) as server,
            running(request(tmp_path, {"feed": f"{server.url}/rss"})) as watch,
        ):
            while not watch.hub.state().headlines:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0)

    asyncio.run(until_it_is_recorded())
    with Record(tmp_path / "news.db") as record:
        fetches = [commit.fetch for commit in record.commits() if commit.fetch is not None]
    assert [each.fetched_at for each in fetches] == [clock_of_the_server]
