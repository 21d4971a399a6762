"""Progress of `newsclf loadtest` on the terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from newsclf.common.intervals import percent
from newsclf.loadtest.generator.messages import Progress
from newsclf.loadtest.points import Callbacks
from newsclf.loadtest.store.records import Load, PointSummary
from newsclf.reporting.text import number, supported

if TYPE_CHECKING:
    from rich.console import RenderableType

    from newsclf.cli.console import Output

_TICK_S = 0.5
_RECENT_TICKS = 10
_SPARK_TICKS = 40
_SPARKS = "▁▂▃▄▅▆▇█"


@contextmanager
def live(output: Output) -> Iterator[Callbacks]:
    """Show how a load test goes: on a terminal as it changes, else a line for each point."""
    shown = _Live()

    def done(point: PointSummary) -> None:
        output.note(_line(point))

    with output.live(shown.view) as refresh:

        def on_point(name: str, load: Load, place: str) -> None:
            shown.begin(name, load, place)
            refresh()

        def on_progress(progress: Progress) -> None:
            shown.add(progress)
            refresh()

        yield Callbacks(on_point=on_point, on_progress=on_progress, on_point_done=done)


@dataclass(slots=True)
class _Tick:
    ok: int = 0
    failed: int = 0
    response_ms: list[float] = field(default_factory=list)


class _Live:
    """The point that is running."""

    def __init__(self) -> None:
        self._name = self._place = ""
        self._load: Load | None = None
        self._began_s = self._ticked_s = 0.0
        self._failed = 0
        self._in_flight: dict[int, int] = {}
        self._ticks: deque[_Tick] = deque(maxlen=_SPARK_TICKS)

    def begin(self, name: str, load: Load, place: str) -> None:
        self._name, self._load, self._place = name, load, place
        self._began_s = self._ticked_s = time.monotonic()
        self._failed = 0
        self._in_flight.clear()
        self._ticks.clear()
        self._ticks.append(_Tick())

    def add(self, progress: Progress) -> None:
        if time.monotonic() - self._ticked_s >= _TICK_S:
            self._ticked_s += _TICK_S
            self._ticks.append(_Tick())
        tick = self._ticks[-1]
        tick.ok += progress.ok
        tick.failed += progress.failed
        tick.response_ms += progress.response_ms
        self._in_flight[progress.worker] = progress.in_flight
        self._failed += progress.failed

    def view(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        if self._load is None:
            return Text("connecting …", style="dim")
        load = self._load
        elapsed_s = time.monotonic() - self._began_s
        left_s = max(0.0, load.warmup_s + load.duration_s - elapsed_s)
        phase = "warm-up" if elapsed_s < load.warmup_s else "measuring"
        complete = list(self._ticks)[:-1] or list(self._ticks)
        recent = complete[-_RECENT_TICKS:]
        rate = sum(tick.ok for tick in recent) / (_TICK_S * len(recent))
        latencies = [ms for tick in recent for ms in tick.response_ms]
        p50, p95, p99 = np.percentile(latencies, [50, 95, 99]) if latencies else (0.0, 0.0, 0.0)
        grid = Table.grid(padding=(0, 2))
        grid.add_row(
            Text(self._name, style="bold"),
            Text(f"{self._place} · {phase}", style="dim"),
            f"{left_s:.0f} s left",
        )
        grid.add_row(
            f"{rate:8.1f}/s",
            Text(_spark([tick.ok for tick in complete]), style="cyan"),
            f"p50 {number(p50)}  p95 {number(p95)}  p99 {number(p99)} ms",
        )
        errors = Text(f"{self._failed} failed", style="red" if self._failed else "dim")
        grid.add_row(
            f"{sum(self._in_flight.values()):6} in flight",
            errors,
            Text("Ctrl-C stops and reports", "dim"),
        )
        return grid


def _spark(counts: list[int]) -> str:
    highest = max(counts, default=0) or 1
    return "".join(_SPARKS[round(count / highest * (len(_SPARKS) - 1))] for count in counts)


def _line(point: PointSummary) -> str:
    figures = ", ".join(
        f"{name} {supported(point.response_ms[name])} ms" for name in ("p50", "p95", "p99")
    )
    failed = f", {percent(point.error_fraction)} failed" if point.error_fraction else ""
    verdict = "" if point.verdict == "OK" else f", {point.verdict}"
    return f"{point.id}: {number(point.throughput_per_s)}/s, {figures}{failed}{verdict}"
