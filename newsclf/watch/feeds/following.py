"""Follow headlines in files and on standard input: what is added arrives at once.

Files are read from where the last reading ended. A pipe is read by a thread of its own, which waits
while a few hundred lines are untaken.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import itertools
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from newsclf.common.errors import DataError, reason_of
from newsclf.data.formats.rows import BadRow
from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.documents.files import files_of, read_line
from newsclf.watch.feeds.outcome import Outcome

EVERY_S = 2.0
"""Interval at which files are looked at, unless the source says another."""
_AT_ONCE = 500
"""Lines that are handed over together."""
_UNTAKEN = 500
"""Lines of a pipe that may wait."""
_LONGEST_LINE = 1 << 20
_COMPRESSED = ".gz"


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a file has been read."""

    file: tuple[int, int] = (0, 0)
    """Device and inode."""
    offset: int = 0
    lines: int = 0


_Line = tuple[int, bytes]
"""Its number, from 1, and its text."""


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

    async def answers(self) -> AsyncIterator[Answered]:
        """What was added, without end: an answer for each handful, at least one for each look."""
        while True:
            try:
                looked = self._answered([], "")
                for file in await asyncio.to_thread(files_of, self._path):
                    while (found := await asyncio.to_thread(self._added, file))[0]:
                        lines, place = found
                        yield await asyncio.to_thread(self._answered, lines, file.name)
                        # Behind the answer: what was not taken is read again.
                        self._places[file] = place
                yield looked
            except DataError as error:
                yield self._answered([], "", problem=error.message)
            await self._sleep(self._every_s)

    def _answered(self, lines: list[_Line], name: str, problem: str | None = None) -> Answered:
        return _answered(self._now(), lines, self._zone, name=name, problem=problem)

    def _added(self, file: Path) -> tuple[list[_Line], _Place]:
        """A handful of whole lines that were added to a file, and the place behind them."""
        before = self._places.get(file, _Place())
        opened = gzip.open if file.name.lower().endswith(_COMPRESSED) else open
        try:
            status = file.stat()
            identity = (status.st_dev, status.st_ino)
            if before.file != identity or (opened is open and status.st_size < before.offset):
                before = _Place(identity)
            with opened(file, "rb") as stream:
                stream.seek(before.offset)
                lines = list(itertools.islice(_whole_lines(stream), _AT_ONCE))
        except (OSError, EOFError) as error:
            raise DataError(f"{file}: {reason_of(error)}") from error
        numbered = list(enumerate(lines, start=before.lines + 1))
        offset = before.offset + sum(map(len, lines))
        return numbered, _Place(identity, offset, before.lines + len(lines))


class Pipe:
    """Standard input, until it ends."""

    def __init__(
        self, stream: BinaryIO, *, zone: ZoneInfo | None, now: Callable[[], dt.datetime]
    ) -> None:
        """Begin with the next line.

        Args:
            stream: Of JSON lines.
            zone: Where times without a zone are from.
            now: The wall clock.
        """
        self._stream = stream
        self._zone = zone
        self._now = now

    async def answers(self) -> AsyncIterator[Answered]:
        """What comes, until the stream ends."""
        loop = asyncio.get_running_loop()
        room = threading.Semaphore(_UNTAKEN)
        arrived: asyncio.Queue[_Line | None] = asyncio.Queue()

        def read() -> None:
            try:
                for line in enumerate(iter(lambda: self._stream.readline(_LONGEST_LINE), b""), 1):
                    room.acquire()
                    loop.call_soon_threadsafe(arrived.put_nowait, line)
                loop.call_soon_threadsafe(arrived.put_nowait, None)
            except RuntimeError:  # the event loop has ended
                pass

        # Not of a pool: a read that never returns must not keep the program from ending.
        threading.Thread(target=read, name="stdin", daemon=True).start()
        ended = False
        while not ended:
            lines = [await arrived.get()]
            while not arrived.empty() and len(lines) < _AT_ONCE:
                lines.append(arrived.get_nowait())
            ended = lines[-1] is None
            found = [line for line in lines if line is not None]
            yield _answered(self._now(), found, self._zone, name="stdin")
            room.release(len(found) or 1)


def _whole_lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their ends: one that is still being written is left for the next look."""
    return itertools.takewhile(lambda line: line.endswith(b"\n"), stream)


def _answered(
    at: dt.datetime,
    lines: list[_Line],
    zone: ZoneInfo | None,
    *,
    name: str,
    problem: str | None = None,
) -> Answered:
    read = [read_line(line, f"{name}, line {number}", zone=zone) for number, line in lines]
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
