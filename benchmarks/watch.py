"""Live news: from a line in a file to the page, and a day of news through the chain."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import random
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
import typer

from benchmarks.headlines import read_headlines, untrained_model
from benchmarks.record import documents
from newsclf.contract.answers import Prediction
from newsclf.predict.classifier import Classifier, Source
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.watch.chain import Chain
from newsclf.watch.configuration import load_watch
from newsclf.watch.entities.listed import WatchedEntity
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.opening import opened
from newsclf.watch.page.server import serving
from newsclf.watch.record.recorder import Recorder
from newsclf.watch.record.replay import Record
from newsclf.watch.run import WatchRequest
from newsclf.watch.signals.configuration import Configuration
from newsclf.watch.signals.settings import AlertSettings, SignalSettings

_SOURCES = 5
_PER_S = 50
_WARM_S = 3
_START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
_ENTITIES = ("Nokia", "Apple", "Ford", "Shell")
_WATCH_TOML = """schema_version = 1
contact = "benchmark@example.com"

[[watchlist]]
name = "Nokia"
"""
app = typer.Typer(add_completion=False)


@app.command()
def page(seconds: int = 30) -> None:
    """Time from a line's arrival in one of five followed files to its event with its class."""
    titles = [example.text for example in read_headlines().examples]
    with tempfile.TemporaryDirectory() as scratch:
        waits_s = asyncio.run(_to_the_page(titles, Path(scratch), seconds))
    p50, p99 = np.percentile(waits_s, [50, 99])
    typer.echo(
        f"{len(waits_s)} headlines at {_PER_S}/s from {_SOURCES} followed files to the page:"
        f" p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms, longest {max(waits_s) * 1e3:.0f} ms"
    )


async def _to_the_page(titles: Sequence[str], scratch: Path, seconds: int) -> list[float]:
    files = [scratch / f"source{number}.jsonl" for number in range(_SOURCES)]
    sources = "".join(
        f'\n[[sources]]\nname = "{file.stem}"\npath = "{file.name}"\n' for file in files
    )
    (scratch / "watch.toml").write_text(_WATCH_TOML + sources, encoding="utf-8")
    for file in files:
        file.touch()
    engine = Engine(untrained_model(scratch / "model"))
    classifier = Classifier(engine.classify, Source("model", "benchmark", "5f" * 32, "benchmark"))
    request = WatchRequest(
        settings=load_watch(scratch / "watch.toml"),
        folder=scratch,
        record=scratch / "news.db",
        classifier=classifier,
        explains=False,
        environ={},
        stdin=io.BytesIO(),
        allow_private=True,
    )
    appended_s: dict[str, float] = {}
    shown_s: dict[str, float] = {}
    async with opened(request) as watch, serving(watch.hub, watch.explain) as url:
        running = [asyncio.create_task(watch.run())]
        running.append(asyncio.create_task(_read_events(url, shown_s)))
        await asyncio.to_thread(_append, titles, files, appended_s, seconds + _WARM_S)
        for _ in range(100):
            if len(shown_s) == len(appended_s):
                break
            await asyncio.sleep(0.1)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if len(shown_s) < len(appended_s):
        typer.echo(f"{len(appended_s) - len(shown_s)} headlines were not shown", err=True)
    counted = list(appended_s)[_WARM_S * _PER_S :]
    return [shown_s[title] - appended_s[title] for title in counted if title in shown_s]


def _append(
    titles: Sequence[str], files: Sequence[Path], appended_s: dict[str, float], seconds: int
) -> None:
    rng = random.Random(7)  # noqa: S311 - news, not secrets
    began, pause = time.monotonic(), threading.Event()
    for number in range(seconds * _PER_S):
        pause.wait(max(0.0, began + number / _PER_S - time.monotonic()))
        one, other = rng.choice(titles).split(), rng.choice(titles).split()
        title = " ".join([f"No. {number}", *one[: len(one) // 2], *other[len(other) // 2 :]])
        line = json.dumps({"title": title, "id": str(number)})
        with rng.choice(files).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        appended_s[title] = time.monotonic()


async def _read_events(url: str, shown_s: dict[str, float]) -> None:
    async with (
        httpx.AsyncClient(timeout=None) as client,  # noqa: S113 - events have no end
        client.stream("GET", f"{url.rstrip('/')}/events") as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                found = event if isinstance(event, dict) else {}
                if found.get("classification") is not None:
                    shown_s.setdefault(found["title"], time.monotonic())


@app.command()
def day(items: int = 200_000, hours: float = 24) -> None:
    """So many items of 200 sources through the chain, with a clock and a classifier that wait."""
    headlines = [example.text for example in read_headlines().examples]
    with tempfile.TemporaryDirectory() as scratch:
        _through_the_chain(headlines, Path(scratch) / "news.db", items, hours)


def _through_the_chain(headlines: list[str], path: Path, items: int, hours: float) -> None:
    now = _START
    took_s: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        began = time.process_time()
        yield
        took_s[stage] += time.process_time() - began

    configuration = Configuration(
        signals=SignalSettings(),
        alerts=AlertSettings(),
        watchlist=tuple(WatchedEntity(name=name) for name in _ENTITIES),
        sources=tuple(f"source {number}" for number in range(200)),
        model="5f" * 32,
        engine="none",
    )
    process = psutil.Process()
    with Recorder(path, now=lambda: now) as recorder, Record(path) as record:
        chain = Chain(recorder, record, configuration, sharing=recorder.sharing())
        chain.restore()
        done, step = 0, max(1, items // 10)
        add_fetch, add_scores, changes = (
            recorder.add_fetch,
            recorder.add_scores,
            chain.shown.changes,
        )
        stages: list[tuple[object, str, Callable[..., object], str]] = [
            (recorder, "add_fetch", add_fetch, "record and judge"),
            (recorder, "add_scores", add_scores, "record scores"),
            (chain.shown, "changes", changes, "show"),
        ]
        for owner, name, function, stage in stages:

            def call(
                *arguments: object,
                _function: Callable[..., object] = function,
                _stage: str = stage,
                **named: object,
            ) -> object:
                with timed(_stage):
                    return _function(*arguments, **named)

            setattr(owner, name, call)
        for hour, source, document in documents(headlines, items, hours=hours):
            now = _START + dt.timedelta(hours=hour)
            answered = Answered(
                outcome=Outcome.OK,
                detail=None,
                items=tuple(document),
                at=now,
                monotonic_s=hour * 3600,
            )
            with timed("all"):
                chain.add_answer(source, answered)
                while waiting := chain.to_score(64):
                    found = [Prediction((0.2, 0.5, 0.3))] * len(waiting)
                    chain.add_scores([version for version, _ in waiting], found)
            if chain.next_bar() < now:
                with timed("bars"):
                    chain.bar()
            before, done = done, done + 4
            if done // step > before // step:
                parts = ", ".join(
                    f"{stage} {1e3 * seconds / done:.2f}" for stage, seconds in took_s.items()
                )
                typer.echo(
                    f"{done:,} items, hour {hour:.1f}: {done / took_s['all']:.0f} new items/s,"
                    f" {process.memory_info().rss >> 20} MiB; ms an item: {parts}"
                )


if __name__ == "__main__":
    app()
