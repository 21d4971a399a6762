"""Follow a watch on the terminal, or as lines where stdout is not one."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, redirect_stderr, suppress
from typing import TYPE_CHECKING

from newsclf.cli.console import redraws
from newsclf.cli.watch.lines import LineQueue, beside
from newsclf.cli.watch.log import Log
from newsclf.cli.watch.screen import render
from newsclf.watch.page.hub import Change, Hub
from newsclf.watch.page.view import State

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

_LEAST_S = 0.25
"""Time from one drawing to the next, at least."""
_MOST_S = 1.0
"""The same at most: the clock goes on, and the window may get another size."""
_MAX_NOTES = 200
_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
"""DECAWM. A terminal that takes a character for wider than we do then cuts the line; otherwise it
would scroll."""


@asynccontextmanager
async def live_view(hub: Hub, console: Console) -> AsyncIterator[None]:
    """Show what is published in this block.

    A terminal shows the state, a few times a second at most. Elsewhere, and on a terminal that
    can't move its cursor, a line is printed for each headline, alert and change of a source's
    verdict.

    Args:
        hub: Where changes are published.
        console: That of stdout.

    Raises:
        OSError: Writing failed, such as on a closed pipe; the block is cancelled then.
    """
    if redraws(console):
        async with _screen(hub, console):
            yield
    else:
        async with _log(hub, console):
            yield


@asynccontextmanager
async def _log(hub: Hub, console: Console) -> AsyncIterator[None]:
    log = Log()

    def write(text: str) -> None:
        console.file.write(text)
        console.file.flush()

    lines = LineQueue(write, missed=lambda count: f"({count} lines left out: stdout was too slow)")

    def hear(change: Change) -> None:
        line = log.line(change, hub.now())
        if line is not None:
            lines.put(line)

    async with lines.written():
        with hub.listen(hear):
            yield


@asynccontextmanager
async def _screen(hub: Hub, console: Console) -> AsyncIterator[None]:
    drawing = _Drawing(hub, console)
    with drawing.shown():
        async with beside(drawing.repeat()):
            with hub.listen(lambda _: drawing.changed.set()):
                yield
            drawing.end()


class _Drawing:
    """The state on the alternate screen of a terminal."""

    def __init__(self, hub: Hub, console: Console) -> None:
        from rich.live import Live

        self._hub = hub
        self._console = console
        self._notes = _Notes(hub.now)
        self._ended = asyncio.Event()
        self.changed = asyncio.Event()
        self._live: Live = Live(
            console=console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Use the alternate screen; notes on stderr are held, and shown when it is left."""
        stderr = sys.stderr
        try:
            with redirect_stderr(self._notes):
                self._live.start()
                self._write(_WRAP_OFF)
                try:
                    yield
                finally:
                    # What shows nothing any more can't be restored either.
                    with suppress(OSError):
                        self._write(_WRAP_ON)
                        self._live.stop()
        finally:
            with suppress(OSError):
                stderr.writelines(f"{note}\n" for note in self._notes.held)

    async def repeat(self) -> None:
        """Draw when something has changed, and each second; a last time at the end."""
        is_last = False
        while not is_last:
            is_last = self._ended.is_set()
            self.changed.clear()
            # A terminal that is stopped (Ctrl-S) must not keep sources from being read.
            await asyncio.to_thread(self._draw, self._hub.state())
            await _wait(self._ended, _LEAST_S)
            if not self._ended.is_set():
                await _wait(self.changed, _MOST_S - _LEAST_S)

    def end(self) -> None:
        """Draw once more only."""
        self._ended.set()
        self.changed.set()

    def _draw(self, state: State) -> None:
        size = self._console.size
        view = render(
            state,
            width=size.width,
            height=size.height,
            ascii_only=self._console.options.ascii_only,
            note=self._notes.last,
        )
        self._live.update(view, refresh=True)

    def _write(self, text: str) -> None:
        self._console.file.write(text)
        self._console.file.flush()


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await event.wait()


class _Notes(io.TextIOBase):
    """Takes the place of stderr, whose lines would go through the screen."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self.held: deque[str] = deque(maxlen=_MAX_NOTES)
        """Whole lines."""
        self.last = ""
        """The newest line, with its time."""
        self._clock = clock
        self._begun = ""

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Hold whole lines."""
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            if line.strip():
                self.held.append(line)
                self.last = f"{self._clock():%H:%M:%S}  {line}"
        return len(text)
