"""Try each source of a watch.toml once, and record nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import random
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from newsclf.common.errors import ConfigError
from newsclf.watch.configuration import Source, WatchSettings
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.fetching.connections import SystemResolver
from newsclf.watch.feeds.fetching.fetch import polite_fetcher
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.feeds.polling import HostGate, Timing
from newsclf.watch.sources import make_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one attempt to read a source found."""

    name: str
    outcome: Outcome
    items: int = 0
    newest: dt.datetime | None = None
    """The latest time of publication that an item claims, UTC."""
    title: str | None = None
    """Of its first headline."""
    detail: str | None = None
    """What is wrong, or was not tried."""
    terms: str | None = None
    """On which its headlines may be used, as far as is known."""
    moved_to: str | None = None
    took_s: float = 0.0


async def check(
    settings: WatchSettings,
    *,
    folder: Path,
    environ: Mapping[str, str],
    allow_private: bool,
    on_checked: Callable[[Checked], None] = lambda _: None,
) -> list[Checked]:
    """Try each source once, all at the same time, but politely to each host.

    Args:
        settings: With the sources.
        folder: Where watch.toml is.
        environ: Environment variables, with API keys.
        allow_private: Whether sources may be on this machine and its networks.
        on_checked: Called with each result as it comes.

    Returns:
        The results, in the order of the sources.
    """
    resolver = SystemResolver()
    fetcher = polite_fetcher(settings.contact, resolver=resolver, allow_private=allow_private)
    timing = Timing(clock=time.monotonic, sleep=asyncio.sleep, chance=random.random)
    gates: dict[str, HostGate] = {}

    async def answer(source: Source) -> Answered:
        sources = make_sources(
            settings.model_copy(update={"sources": (source,)}),
            fetcher,
            folder=folder,
            environ=environ,
            stdin=io.BytesIO(),
            now=_now,
        )
        for followed in sources.followed.values():
            async with aclosing(followed.answers()) as answers:
                answered = await anext(answers)
            return replace(answered, terms=sources.terms.get(source.name))
        [one] = sources.asked.values()
        gate = gates.setdefault(one.asked.host, HostGate(timing, at_once=2, apart_s=1.0))
        async with gate.turn():
            answered = await one.asked.ask()
            if answered.crawl_delay_s is not None:
                gate.keep_apart(answered.crawl_delay_s)
            return replace(answered, terms=sources.terms.get(source.name, answered.terms))

    async def check_one(source: Source) -> Checked:
        started_s = time.monotonic()
        try:
            found = _checked(source.name, await answer(source), time.monotonic() - started_s)
        except ConfigError as error:
            found = Checked(name=source.name, outcome=Outcome.CREDENTIALS, detail=error.message)
        on_checked(found)
        return found

    try:
        return await asyncio.gather(*map(check_one, settings.sources))
    finally:
        resolver.close()


def _checked(name: str, answered: Answered, took_s: float) -> Checked:
    stamps = [item.published or item.updated for item in answered.items]
    return Checked(
        name=name,
        outcome=answered.outcome,
        items=len(answered.items),
        newest=max((stamp.at for stamp in stamps if stamp and stamp.at), default=None),
        title=next((item.title for item in answered.items if item.title), None),
        detail=answered.detail,
        terms=answered.terms,
        moved_to=answered.moved_to,
        took_s=took_s,
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
