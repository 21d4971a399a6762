"""Run a watch: ask the sources, score what is new, compute signals, and send alerts.

One thread works on the record (`chain.py`); sources, classifier, page and deliveries wait for
neither it nor each other. Where several watches share a record, each reads the sources, and sends
to the channels, that it has a lease of (`sharing.py`), and closes the bars that no other one has
closed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, ParamSpec, TypeVar

from newsclf.common.errors import NewsclfError
from newsclf.contract.answers import Prediction
from newsclf.contract.explanation import WordWeight
from newsclf.contract.requests import headline_problem
from newsclf.predict.answer import Answer, Asked, answer
from newsclf.predict.classifier import Classifier
from newsclf.watch.chain import Chain, Step
from newsclf.watch.configuration import WatchSettings
from newsclf.watch.feeds.asking import Answered, NewsApi
from newsclf.watch.feeds.following import Files, Pipe
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.polling import Polled, Poller, Quota, Timing
from newsclf.watch.feeds.schedule import DAY_S, Heard, wait_s
from newsclf.watch.page.hub import Hub
from newsclf.watch.page.view import Watched
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.record.rows import Delivery, Fetch
from newsclf.watch.record.storage.address import Place
from newsclf.watch.record.storage.errors import LeaseLostError
from newsclf.watch.record.storage.sharing import Share, Sharing, Unit
from newsclf.watch.signals.delivery import Outbox
from newsclf.watch.sources import AskedSource, Sources, sharing, units_of

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_P = ParamSpec("_P")

_BATCH = 64
"""Headlines that are classified together, and recorded in one commit."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
"""Pauses while the classifier fails."""
_BEHIND_S = 0.01
"""Past the end of a bar when it is computed."""
_EXPLAIN_EVERY_S = 0.2
_RECORD_QUIET_EVERY_S = 60.0
"""Between two entries that a file has nothing new, or still can't be read."""
_LONGEST_LAST_WAIT_S = 60.0
_LOOK_AT_CLOCK_EVERY_S = 30.0
_LOOK_FOR_OTHERS_EVERY_S = 1.0
"""At what other watches have added to the record."""
_REMEMBERED_FOR = dt.timedelta(days=7)
_REMEMBERED_ITEMS = 1_000
"""Items of the record that a news API is told of, so that it knows where its news ends."""
_RESENT_FOR = dt.timedelta(days=1)
"""Alerts older than this are not sent any more after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRequest:
    """What to watch, and with what."""

    settings: WatchSettings
    folder: Path
    """Where watch.toml is."""
    record: Place
    """The record; the folder of a file exists."""
    classifier: Classifier
    explains: bool
    """Whether the words of every headline may be weighed, which takes some 15 predictions each."""
    environ: Mapping[str, str] = field(repr=False)
    stdin: BinaryIO
    allow_private: bool = False
    """Whether sources and the webhook may be on this machine and its networks."""
    rescore: bool = False
    """Score the headlines that count and were scored by another model."""


class Recording(NamedTuple):
    """What works on the record, in its thread."""

    recorder: Recorder
    record: Record
    sharing: Sharing
    chain: Chain


class Threads(NamedTuple):
    """What a watch's work is done in, beside the loop of events."""

    record: ThreadPoolExecutor
    """One thread, for all that touches the record."""
    classifier: ThreadPoolExecutor


class Watch:
    """A watch, opened by `opening.opened`."""

    def __init__(
        self,
        request: WatchRequest,
        recording: Recording,
        sources: Sources,
        channels: Sequence[str],
        threads: Threads,
    ) -> None:
        self._request = request
        self._recorder, self._record, self._sharing, self._chain = recording
        self._now = self._recorder.now
        self._sources = sources
        self._threads = threads
        self._units = units_of(sources)
        self._readers: dict[Unit, asyncio.Task[None]] = {}
        self._share = Share()
        self._channels = channels
        self._news = asyncio.Event()
        """Set while there may be headlines to score."""
        self._all_scored = asyncio.Event()
        self.outbox: Outbox
        self.hub = Hub(
            Watched(
                model=request.classifier.source.name,
                digest=request.classifier.source.digest,
                half_life_s=request.settings.signals.half_life_s,
                started=self._now(),
            ),
            clock=self._now,
        )

    async def restore(self) -> None:
        """Take in what the record holds."""
        for change in await self._do(self._chain.restore):
            self.hub.publish(change)
        if self._request.rescore:
            await self._do(self._chain.rescore)
        self._news.set()

    @property
    def headlines_of_other_models(self) -> int:
        """Headlines that would count if this model had scored them."""
        return self._chain.headlines_of_others

    async def run(self) -> None:
        """Watch for ever, or until standard input ends if it is the only source.

        Raises:
            StateError: The record can't be written.
        """
        pipes = {n: each for n, each in self._sources.followed.items() if isinstance(each, Pipe)}
        endless: list[Coroutine[Any, Any, None]] = [self._score(), self._bars(), self._take_part()]
        if self._request.explains:
            endless.append(self._explain())
        if self._sharing.renew_every_s is not None:
            endless.append(self._see_others())
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(each) for each in endless]
                following = [tasks.create_task(self._follow(*pipe)) for pipe in pipes.items()]
                if not self._units:
                    await asyncio.gather(*following)
                    await self._finish()
                    for task in running:
                        task.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from None

    async def _take_part(self) -> None:
        """Read the sources and send to the channels that are this watch's, as that changes."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                share = await self._do(self._sharing.renew, self._units, self._channels)
                mine = share.units - share.surplus
                await self._stop_reading(self._readers.keys() - mine)
                if share.surplus:
                    await self._do(self._sharing.release, share.surplus)
                for unit in mine - self._readers.keys():
                    self._readers[unit] = tasks.create_task(self._read(unit))
                before, self._share = self._share, replace(share, units=mine)
                self._tell_share(before)
                await self._send_unsent()
                self._news.set()
                if self._sharing.renew_every_s is None:
                    return
                await asyncio.sleep(self._sharing.renew_every_s)

    def _tell_share(self, before: Share) -> None:
        """Say which part of the sources this watch reads, if that changed."""
        now = self._share
        is_new = (now.units, now.watches) != (before.units, before.watches)
        if is_new and self._sharing.renew_every_s is not None:
            here, all_ = (sum(map(len, units)) for units in (now.units, self._units))
            watches = "1 watch" if now.watches == 1 else f"{now.watches} watches"
            log.info("%d of %d sources are read here; %s of this record", here, all_, watches)

    async def _stop_reading(self, units: Iterable[Unit]) -> None:
        """Stop, after what is being recorded."""
        readers = [self._readers.pop(unit) for unit in [*units]]
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _read(self, unit: Unit) -> None:
        """Read the sources of a unit until this watch has them no more."""
        polled = await self._do(self._schedule, unit)
        poller = Poller(
            polled,
            self._ask,
            Timing(clock=time.monotonic, sleep=asyncio.sleep, chance=random.random),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poller.run(self._take))
            for name in unit & self._sources.followed.keys():
                tasks.create_task(self._follow(name, self._sources.followed[name]))

    async def _send_unsent(self) -> None:
        """Send what a killed watch had still to send, or this one while it had no lease."""
        for channel in self._share.channels:
            since = self._now() - _RESENT_FOR
            for alert in await self._do(self._chain.unsent, channel, since=since):
                self.outbox.send(alert, to=channel)

    async def _see_others(self) -> None:
        """Show what other watches have added."""
        while True:
            await asyncio.sleep(_LOOK_FOR_OTHERS_EVERY_S)
            self._show(await self._do(self._chain.advance))

    async def explain(self, headline: str) -> tuple[Prediction, Sequence[WordWeight]]:
        """Classify a headline that is not of a source, and weigh its words; nothing is recorded.

        Raises:
            NewsclfError: The classifier can't.
        """
        [found] = await self._classify([headline], Asked(explain=True))
        return found.prediction, found.explanation or ()

    async def _finish(self) -> None:
        """Score what is left, and wait for the signals if their bar ends soon."""
        await self._all_scored.wait()
        end = await self._do(self._chain.next_bar)
        if (end - self._now()).total_seconds() <= _LONGEST_LAST_WAIT_S:
            await self._until(end)
            await self._bar()

    async def _ask(self, name: str) -> tuple[Heard, Answered]:
        """Ask a source once."""
        health = await self._do(self._chain.health, name)
        usual_gap_s = health.usual_gap_s if health else None
        answered = await self._sources.asked[name].asked.ask(usual_gap_s=usual_gap_s)
        before = health.failures if health else 0
        heard = Heard(
            outcome=answered.outcome,
            failures=0 if answered.outcome.delivers else before + 1,
            retry_after_s=answered.retry_after_s,
            fresh_for_s=answered.fresh_for_s,
            ttl_s=answered.ttl_s,
            usual_gap_s=usual_gap_s,
            crawl_delay_s=answered.crawl_delay_s,
        )
        return heard, answered

    async def _take(self, name: str, answered: Answered) -> None:
        """Record an answer; only then does the source build on it."""
        terms = self._sources.terms.get(name, answered.terms)
        answered = replace(answered, terms=terms)
        recording = asyncio.ensure_future(self._do(self._chain.add_answer, name, answered))
        try:
            step = await asyncio.shield(recording)
        except asyncio.CancelledError:  # the source goes to another watch, or this one ends
            recording.add_done_callback(self._show_late)
            raise
        except LeaseLostError as error:
            log.warning("%s", error.message)
            for unit in [unit for unit in self._readers if name in unit]:
                self._readers.pop(unit).cancel()
            return
        answered.kept()
        self._show(step)
        self._news.set()

    def _show_late(self, recorded: asyncio.Future[Step]) -> None:
        """Show what was being recorded when its source was given away: nothing else would here."""
        if not recorded.cancelled() and recorded.exception() is None:
            self._show(recorded.result())
            self._news.set()

    async def _follow(self, name: str, source: Files | Pipe) -> None:
        """Record what comes; that nothing came, or the same failure, from time to time."""
        recorded_s = -_RECORD_QUIET_EVERY_S
        last: tuple[Outcome, str | None] | None = None
        async for answered in source.answers():
            said = (answered.outcome, answered.detail)
            new = answered.items or said != last
            if new or time.monotonic() - recorded_s >= _RECORD_QUIET_EVERY_S:
                recorded_s, last = time.monotonic(), said
                await self._take(name, answered)

    async def _score(self) -> None:
        """Score what is new; while the classifier fails, it waits and tries again."""
        pause_s = _FIRST_PAUSE_S
        while True:
            self._news.clear()
            waiting = await self._do(self._chain.to_score, _BATCH, self._scores_of())
            if not waiting:
                self._all_scored.set()
                await self._news.wait()
                self._all_scored.clear()
                continue
            for version in [v for v, text in waiting if headline_problem(text)]:
                await self._do(self._chain.leave_out, version)
            usable = [(version, text) for version, text in waiting if not headline_problem(text)]
            if not usable:
                continue
            try:
                found = await self._classify([text for _, text in usable], Asked())
            except NewsclfError as error:
                log.warning("%s; trying again in %.0f s", error.message, pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            versions = [version for version, _ in usable]
            predictions = [each.prediction for each in found]
            self._show(await self._do(self._chain.add_scores, versions, predictions))

    def _scores_of(self) -> frozenset[str] | None:
        """Sources whose headlines this watch scores; None: all."""
        if self._sharing.renew_every_s is None:
            return None
        pipes = (n for n, each in self._sources.followed.items() if isinstance(each, Pipe))
        return frozenset(pipes).union(*self._share.units)

    async def _bars(self) -> None:
        while True:
            await self._until(await self._do(self._chain.next_bar))
            await self._bar()

    async def _bar(self) -> None:
        """Compute signals and send alerts; both are in the record by then."""
        self._show(await self._do(self._chain.bar))

    async def _explain(self) -> None:
        """Weigh the words of what is shown, the newest first, while nothing waits for a score."""
        while True:
            await asyncio.sleep(_EXPLAIN_EVERY_S)
            await self._all_scored.wait()
            found = await self._do(self._chain.shown.next_to_explain)
            if found is None:
                continue
            version, text = found
            with suppress(NewsclfError):  # the headline is shown without
                _, words = await self.explain(text)
                change = await self._do(self._chain.shown.explained, version, words)
                if change is not None:
                    self.hub.publish(change)

    def delivered(self, delivery: Delivery) -> None:
        """Record what became of an alert."""
        self._threads.record.submit(self._chain.add_delivery, delivery).add_done_callback(
            _log_problem
        )

    def _show(self, step: Step) -> None:
        """Publish what changed, and send alerts."""
        for change in step.changes:
            self.hub.publish(change)
        for alert in step.alerts:
            for channel in self._share.channels:
                self.outbox.send(alert, to=channel)

    def _schedule(self, unit: Unit) -> list[Polled]:
        """When each source of a unit is asked first, so that a restart asks nothing twice.

        News APIs are told what the record has of them, and so read on until they come to it.
        """
        record, now, now_s = self._record, self._now(), time.monotonic()
        for name in unit & self._sources.asked.keys():
            asked = self._sources.asked[name].asked
            if isinstance(asked, NewsApi):
                since = now - _REMEMBERED_FOR
                asked.remember(record.last_items(name, since=since, at_most=_REMEMBERED_ITEMS))
        quotas = {
            name: Quota(
                name=name,
                per_day=per_day,
                asked_at_s=tuple(
                    now_s - (now - at).total_seconds()
                    for at in record.asked_at(
                        sharing(self._sources, name), since=now - dt.timedelta(seconds=DAY_S)
                    )
                ),
            )
            for name, per_day in self._sources.per_day.items()
            if name in unit
        }
        return [
            Polled(
                name=name,
                host=source.asked.host,
                pace=source.pace,
                quota=quotas.get(source.quota) if source.quota is not None else None,
                first_in_s=self._first_in_s(source, record.last_fetch(name), now),
            )
            for name, source in self._sources.asked.items()
            if name in unit
        ]

    def _first_in_s(self, source: AskedSource, last: Fetch | None, now: dt.datetime) -> float:
        """What is left of the wait after the last answer, if the record has one."""
        if last is None:
            return 0.0
        health = self._chain.health(last.source)
        heard = Heard(
            outcome=Outcome(last.outcome),
            failures=health.failures if health else 0,
            retry_after_s=last.retry_after_s,
            usual_gap_s=health.usual_gap_s if health else None,
        )
        since_s = (now - last.fetched_at).total_seconds()
        return max(0.0, wait_s(source.pace, heard, chance=random.random()) - since_s)  # noqa: S311

    async def _until(self, at: dt.datetime) -> None:
        """Wait until the record's clock, which may be set meanwhile, is past a time."""
        while (left_s := (at - self._now()).total_seconds() + _BEHIND_S) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left_s, _LOOK_AT_CLOCK_EVERY_S))

    async def _do(self, function: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Call a function in the record's thread."""
        call = partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._threads.record, call)

    async def _classify(self, texts: Sequence[str], asked: Asked) -> list[Answer]:
        """Answers of the classifier. Raises NewsclfError."""
        call = partial(answer, texts, self._request.classifier.classify, asked)
        return await asyncio.get_running_loop().run_in_executor(self._threads.classifier, call)


def _log_problem(done: Future[None]) -> None:
    if not done.cancelled() and (problem := done.exception()) is not None:
        log.warning("a delivery could not be recorded (%s)", problem)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a watch; others only followed from it."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
