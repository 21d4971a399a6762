"""Sources with every fault that users report, from the server to the record."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections import defaultdict

import pytest

from newsclf.watch.feeds.documents.syndication import FeedMemory, read_feed
from newsclf.watch.feeds.fetching.answer import Failure, Request, Validators
from newsclf.watch.feeds.fetching.fetch import Fetcher, Limits, user_agent
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Fetch
from tests.support.faultyfeeds.fault import Fault
from tests.support.faultyfeeds.faults import FAULTS
from tests.support.faultyfeeds.record import Told, told_by
from tests.support.faultyfeeds.server import FaultyFeeds, faulty_feeds

CONTACT = "ops@example.com"
LIMITS = Limits()
IMPATIENT = Limits(connect_s=2.0, silence_s=0.5, whole_s=1.0)
FULL_EVERY = 5


async def unresolved(host: str, port: int) -> list[str]:
    raise OSError(host, port)


async def watch(server: FaultyFeeds, recorder: Recorder) -> None:
    """Ask each source until it has shown everything, and record what it shows."""
    fetchers = {
        ends: Fetcher(
            user_agent(CONTACT),
            resolver=unresolved,
            limits=LIMITS if ends else IMPATIENT,
            allow_private=True,
        )
        for ends in (True, False)
    }
    validators: dict[str, Validators] = defaultdict(Validators)
    memories: dict[str, FeedMemory] = defaultdict(FeedMemory)

    async def ask(fault: Fault, *, full: bool) -> None:
        known = Validators() if full else validators[fault.name]
        answer = await fetchers[fault.ends].fetch(
            Request(url=server.url_of(fault), validators=known)
        )
        outcome, items = Outcome.OK, tuple[Item, ...]()
        if isinstance(answer, Failure):
            outcome = answer.outcome
        elif not answer.not_modified:
            reading = await asyncio.to_thread(
                read_feed,
                answer.body,
                url=answer.url,
                content_type=answer.headers.get("content-type"),
                memory=memories[fault.name],
            )
            outcome, items = reading.outcome, reading.items
        fetch = Fetch(
            source=fault.name,
            fetched_at=answer.times.ended_at,
            monotonic_s=time.monotonic(),
            outcome=outcome,
            status=answer.status,
        )
        await asyncio.to_thread(recorder.add_fetch, fetch, items)
        if not isinstance(answer, Failure):
            validators[fault.name] = answer.validators

    for number in range(1, 3 * FULL_EVERY):
        full = number % FULL_EVERY == 0
        faults = [fault for fault in FAULTS if fault.ends or number == 1]
        await asyncio.gather(*(ask(fault, full=full) for fault in faults))
        if not server.unfinished and number > FULL_EVERY:
            return


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[FaultyFeeds, dict[str, Told]]:
    path = tmp_path_factory.mktemp("watched") / "news.db"
    with (
        faulty_feeds(FAULTS, agent=CONTACT) as server,
        Recorder(path, now=lambda: dt.datetime.now(dt.UTC)) as recorder,
    ):
        asyncio.run(watch(server, recorder))
    with Record(path) as record:
        return server, told_by(record)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_source_is_recorded_as_it_should_be(
    fault: Fault, watched: tuple[FaultyFeeds, dict[str, Told]]
) -> None:
    server, found = watched
    assert found[fault.name].compared(fault, server=server.url) == {}


def test_each_request_is_in_order_and_goes_where_it_should(
    watched: tuple[FaultyFeeds, dict[str, Told]],
) -> None:
    server, _ = watched
    assert server.complaints == []
    assert server.unfinished == []
    assert {request.split()[1] for request in server.elsewhere} == {"/steal?x=1"}
    assert not any("authorization" in request.lower() for request in server.elsewhere)


def test_all_reported_faults_are_served() -> None:
    assert {fault.row for fault in FAULTS if fault.row is not None} == set(range(1, 36))
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
