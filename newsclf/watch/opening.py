"""Open a watch: its sources, channels and record, and what its record holds."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from newsclf.common.errors import NewsclfError
from newsclf.watch.chain import Chain
from newsclf.watch.channels import make_channels
from newsclf.watch.configuration import WatchSettings
from newsclf.watch.feeds.fetching.connections import SystemResolver
from newsclf.watch.feeds.fetching.fetch import polite_fetcher
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.storage.address import Place
from newsclf.watch.record.storage.errors import DatabaseAwayError
from newsclf.watch.record.storage.sharing import Sharing
from newsclf.watch.run import Recording, Threads, Watch, WatchRequest
from newsclf.watch.signals.configuration import Configuration, ReferenceData
from newsclf.watch.signals.delivery import Outbox
from newsclf.watch.sources import make_sources

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_WAIT_AT_START_S = 30.0
"""For a database that is away."""


def reference_of(settings: WatchSettings, folder: Path) -> ReferenceData:
    """The companies and the hours of trading of a watch.toml, as they are known today.

    Raises:
        ConfigError: They can't be read.
    """
    return ReferenceData(
        settings.known_companies(folder), settings.calendar(dt.datetime.now(dt.UTC).date())
    )


def configuration_of(
    settings: WatchSettings, model: str, engine: str, reference: ReferenceData
) -> Configuration:
    """What signals are computed with, by a watch.toml, a model and reference data."""
    return Configuration(
        signals=settings.signals,
        alerts=settings.alerts,
        watchlist=settings.entities,
        entity_list=reference.companies.digest if reference.companies else None,
        calendar=reference.calendar.digest if reference.calendar else None,
        sources=tuple(source.name for source in settings.sources),
        source_weights={each.name: each.weight for each in settings.sources if each.weight != 1},
        model=model,
        engine=engine,
    )


@asynccontextmanager
async def opened(request: WatchRequest) -> AsyncIterator[Watch]:
    """Open a watch with what its record holds; `Watch.run` goes on from there.

    Raises:
        ConfigError: Something that watch.toml names is missing.
        StateError: The record can't be used, or another watch writes to it.
        DataError: The record is damaged.
    """
    async with AsyncExitStack() as stack:
        resolver = SystemResolver()
        stack.callback(resolver.close)

        def now() -> dt.datetime:
            return recorder.now()  # which is opened below

        fetcher = polite_fetcher(
            request.settings.contact,
            resolver=resolver,
            allow_private=request.allow_private,
            now=now,
        )
        sources = make_sources(
            request.settings,
            fetcher,
            folder=request.folder,
            environ=request.environ,
            stdin=request.stdin,
            now=now,
        )
        channels = make_channels(
            request.settings.delivery,
            folder=request.folder,
            environ=request.environ,
            resolver=resolver,
            allow_private=request.allow_private,
        )
        recorder = stack.enter_context(await _recorder(request.record, sources.secrets))
        record = stack.enter_context(Record(request.record, waits=True))
        reference = reference_of(request.settings, request.folder)
        scored_by = request.classifier.source
        configuration = configuration_of(
            request.settings,
            scored_by.digest,
            "onnxruntime int8" if scored_by.kind == "model" else "deployment",
            reference,
        )
        share = recorder.sharing()
        share.join(configuration.digest)
        stack.callback(_leave, share)
        # One thread, so that steps come one after the other, and end before the record closes.
        thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="record"))
        # Not of the pool that parses documents: a hostile one may take its threads for a while.
        classifying = stack.enter_context(ThreadPoolExecutor(2, thread_name_prefix="classify"))
        stack.callback(record.stop_waiting)
        stack.callback(recorder.stop_waiting)
        chain = Chain(recorder, record, configuration, sharing=share, reference=reference)
        watch = Watch(
            request,
            Recording(recorder, record, share, chain),
            sources,
            [channel.name for channel in channels],
            Threads(thread, classifying),
        )
        watch.outbox = await stack.enter_async_context(
            Outbox(channels, watch.delivered, may_send=share.holds)
        )
        await watch.restore()
        yield watch


async def _recorder(place: Place, secrets: Sequence[str]) -> Recorder:
    """Open the record to write it; a database that is away may be starting, too."""
    pause_s, began_s = _FIRST_PAUSE_S, time.monotonic()
    while True:
        try:
            return Recorder(place, secrets=secrets)
        except DatabaseAwayError as error:
            if time.monotonic() + pause_s > began_s + _WAIT_AT_START_S:
                raise
            log.warning("%s; trying again in %.0f s", error.message, pause_s)
            await asyncio.sleep(pause_s)
            pause_s *= 2


def _leave(share: Sharing) -> None:
    with suppress(NewsclfError):  # else others wait for the leases to end
        share.leave()
