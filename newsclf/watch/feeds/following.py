"""Follow headlines in files and on standard input: what is added arrives at once.

Files are read from where the last reading ended. A pipe is read by a thread of its own, which waits
while a few hundred lines are untaken.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import io
import os
import stat
import threading
import time
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from newsclf.common.errors import DataError, reason_of
from newsclf.data.formats.rows import BadRow
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.documents.files import files_of, read_line
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.item import Item

EVERY_S = 0.25
"""Interval at which files are looked at, unless the source says another."""
_OPEN_EVERY_S = 60.0
"""Interval at which a pipe without news is said to be open."""
_AT_ONCE = 500
"""Lines that are handed over together."""
_UNTAKEN = 500
"""Lines of a pipe that may wait."""
_LONGEST_LINE = 1 << 20
_COMPRESSED = ".gz"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, and the place behind it."""

    number: int
    """From 1."""
    text: bytes | None
    """None: it is too long."""
    ended: bool
    """Whether its end has been written."""
    offset: int
    """Of what follows it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a file has been read."""

    file: tuple[int, int] = (0, 0)
    """Device and inode."""
    size: int = 0
    """Of the file, when it was read."""
    offset: int = 0
    lines: int = 0

    def behind(self, line: _Line) -> _Place:
        """The place behind a line; what comes after one without an end belongs to it."""
        lines = line.number if line.ended else line.number - 1
        return _Place(self.file, self.size, line.offset, lines)


class Files:
    """A file, or all files of a folder, to which lines are added."""

    def __init__(
        self,
        path: Path,
        *,
        zone: ZoneInfo | None,
        every_s: float | None,
        now: Callable[[], dt.datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin at the start of each file; what is known by then is not new.

        Args:
            path: A file of JSON lines, or a folder of such.
            zone: Where times without a zone are from.
            every_s: Interval at which to look.
            now: The wall clock.
            sleep: Waits.
        """
        self._path = path
        self._zone = zone
        self._every_s = every_s if every_s is not None else EVERY_S
        self._now = now
        self._sleep = sleep
        self._places: dict[Path, _Place] = {}
        self._looked_at: dict[Path, tuple[int, ...]] = {}
        """What each file was when all of it had been read."""

    async def answers(self) -> AsyncGenerator[Answered, None]:
        """What was added, without end: an answer for each handful, at least one for each look."""
        while True:
            problem: str | None = None
            try:
                files = await asyncio.to_thread(self._changed)
            except DataError as error:
                files, problem = [], error.message
            for file in files:
                try:
                    added = self._added(file)
                    while found := await asyncio.to_thread(next, added, None):
                        lines, place = found
                        yield await asyncio.to_thread(self._answered, lines, file.name)
                        # Behind the answer: what was not taken is read again.
                        self._places[file] = place
                except DataError as error:  # the other files can be read
                    problem = error.message
            yield self._answered([], "", problem=problem)
            await self._sleep(self._every_s)

    def _answered(self, lines: list[_Line], name: str, problem: str | None = None) -> Answered:
        return _answered(self._now(), lines, self._zone, name=name, problem=problem)

    def _changed(self) -> list[Path]:
        """The files that are to be read, found in one go: a folder may have thousands.

        Raises:
            DataError: The folder can't be read.
        """
        return [file for file in files_of(self._path) if not self._is_read(file)]

    def _is_read(self, file: Path) -> bool:
        with suppress(OSError):  # which reading it will tell
            return self._looked_at.get(file) == _state(file.stat())
        return False

    def _added(self, file: Path) -> Iterator[tuple[list[_Line], _Place]]:
        """Handfuls of lines that were added to a file, and the places behind them."""
        before = self._places.get(file, _Place())
        try:
            found = file.stat()
            if not stat.S_ISREG(found.st_mode):
                raise DataError(f"{file}: it is not a regular file")
            state = _state(found)
            place = _Place(state[:2], found.st_size)
            if place.file == before.file and place.size >= before.size:
                place = replace(before, size=place.size)
            opened = gzip.open if file.name.lower().endswith(_COMPRESSED) else open
            with opened(file, "rb") as stream:
                stream.seek(place.offset)
                lines = _lines(stream, place)
                whole = takewhile(lambda line: line.ended or _is_item(line), lines)
                while handful := list(islice(whole, _AT_ONCE)):
                    place = place.behind(handful[-1])
                    yield handful, place
            self._looked_at[file] = state
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{file}: {reason_of(error)}") from error


class Pipe:
    """Standard input, until it ends."""

    def __init__(
        self,
        stream: BinaryIO,
        *,
        zone: ZoneInfo | None,
        now: Callable[[], dt.datetime],
        every_s: float | None = None,
    ) -> None:
        """Begin with the next line.

        Args:
            stream: Of JSON lines.
            zone: Where times without a zone are from.
            now: The wall clock.
            every_s: Interval at which to say that it is open, though nothing came.
        """
        # Python ends with a fatal error while a thread reads from the buffer of standard input.
        self._raw: Any = getattr(stream, "raw", stream)
        self._zone = zone
        self._now = now
        self._every_s = every_s if every_s is not None else _OPEN_EVERY_S

    async def answers(self) -> AsyncGenerator[Answered, None]:
        """What comes, until the stream ends."""
        loop = asyncio.get_running_loop()
        room = threading.Semaphore(_UNTAKEN)
        arrived: asyncio.Queue[_Line | None] = asyncio.Queue()
        problem: str | None = None

        def read() -> None:
            nonlocal problem
            with suppress(RuntimeError):  # the event loop has ended
                stream: io.BufferedReader = io.BufferedReader(self._raw)
                try:
                    for line in _lines(stream, _Place()):
                        room.acquire()
                        loop.call_soon_threadsafe(arrived.put_nowait, line)
                except (OSError, ValueError) as error:
                    problem = f"standard input: {reason_of(error)}"
                stream.detach()  # else it is closed with this buffer
                loop.call_soon_threadsafe(arrived.put_nowait, None)

        # Not of a pool: a read that never returns must not keep the program from ending.
        threading.Thread(target=read, name="stdin", daemon=True).start()
        ended = False
        while not ended:
            found = []
            with suppress(TimeoutError):
                found.append(await asyncio.wait_for(arrived.get(), self._every_s))
            while not arrived.empty() and len(found) < _AT_ONCE:
                found.append(arrived.get_nowait())
            ended = None in found
            lines = [line for line in found if line is not None]
            said = problem if ended else None
            if lines or said is None:
                yield _answered(self._now(), lines, self._zone, name="stdin")
            if said is not None:
                yield _answered(self._now(), [], self._zone, name="stdin", problem=said)
            for _ in lines:
                room.release()


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    """Device, inode, size and time of the last change."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _lines(stream: io.BufferedIOBase, place: _Place) -> Iterator[_Line]:
    """The lines from a place on; of one that is too long nothing is kept."""
    number, offset = place.lines, place.offset
    while text := stream.readline(_LONGEST_LINE):
        size, end = len(text), text
        while end and not end.endswith(b"\n"):
            end = stream.readline(_LONGEST_LINE)
            size += len(end)
        number, offset = number + 1, offset + size
        whole = size <= _LONGEST_LINE
        yield _Line(number, text if whole else None, bool(end), offset)


def _is_item(line: _Line) -> bool:
    """Whether a line whose end has not been written is complete all the same."""
    return line.text is not None and isinstance(read_line(line.text, ""), Item)


def _read(line: _Line, name: str, zone: ZoneInfo | None) -> Item | BadRow | None:
    place = f"{name}, line {line.number}"
    if line.text is None:
        return BadRow(place, "it is longer than 1 MiB", "write one headline per line")
    return read_line(line.text, place, zone=zone)


def _answered(
    at: dt.datetime,
    lines: list[_Line],
    zone: ZoneInfo | None,
    *,
    name: str,
    problem: str | None = None,
) -> Answered:
    read = [_read(line, name, zone) for line in lines]
    items = tuple(found for found in read if found is not None and not isinstance(found, BadRow))
    bad = [found for found in read if isinstance(found, BadRow)]
    outcome, detail = Outcome.OK, None
    if bad:
        outcome = Outcome.REPAIRED if items else Outcome.MALFORMED
        others = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        detail = f"{bad[0].place}: {bad[0].problem}{others}"
    return Answered(
        outcome=outcome if problem is None else Outcome.FAILED,
        detail=detail if problem is None else problem,
        items=items,
        at=at,
        monotonic_s=time.monotonic(),
    )
