"""Headlines from files and pipes to which lines are added."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import gzip
import io
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from newsclf.watch.feeds.asking import Answered
from newsclf.watch.feeds.following import Files, Pipe
from newsclf.watch.feeds.outcome import Outcome

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
MEGABYTE = 1 << 20


def line(title: str) -> bytes:
    return json.dumps({"title": title}).encode() + b"\n"


class _NoMoreLooksError(Exception):
    """Ends a source that has no end."""


def looks(path: Path, *between: Callable[[], object]) -> list[list[Answered]]:
    """The answers of each look at a file or folder; a function is called between two looks."""
    changes = iter(between)

    async def run() -> list[list[Answered]]:
        found: list[list[Answered]] = [[]]

        async def sleep(_: float) -> None:
            change = next(changes, None)
            if change is None:
                raise _NoMoreLooksError
            change()
            found.append([])

        files = Files(path, zone=None, every_s=None, now=lambda: NOW, sleep=sleep)
        with suppress(_NoMoreLooksError):
            async for answered in files.answers():
                found[-1].append(answered)
        return found

    return asyncio.run(run())


def titles(answers: list[Answered]) -> list[str]:
    return [item.title for answered in answers for item in answered.items]


def append(path: Path, data: bytes) -> Callable[[], object]:
    def add() -> None:
        with path.open("ab") as file:
            file.write(data)

    return add


def test_lines_that_are_added_arrive_once(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("One") + line("Two"))

    found = looks(path, append(path, line("Three")), lambda: None)

    assert [titles(answers) for answers in found] == [["One", "Two"], ["Three"], []]
    assert [answered.outcome for answered in found[2]] == [Outcome.OK]


def test_answers_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("Profit rises") + b"{broken\n")
    minutes = itertools.count()
    files = Files(
        path, zone=None, every_s=None, now=lambda: NOW + dt.timedelta(minutes=next(minutes))
    )

    async def two() -> list[Answered]:
        async with aclosing(files.answers()) as answers:
            return [await anext(answers), await anext(answers)]

    first, look = asyncio.run(two())
    assert (first.outcome, look.outcome) == (Outcome.REPAIRED, Outcome.OK)
    assert first.at < look.at


def test_a_line_that_is_being_written_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("One") + b'{"title": "Tw')

    found = looks(path, lambda: None, append(path, b'o"}\n[]\n'))

    assert [titles(answers) for answers in found] == [["One"], [], ["Two"]]
    assert found[2][0].detail is not None
    assert found[2][0].detail.startswith("news.jsonl, line 3: ")


def test_a_last_line_without_an_end_is_taken_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("One") + line("Two").rstrip())

    found = looks(path, append(path, b"\n" + line("Three") + b"broken\n"), lambda: None)

    assert [titles(answers) for answers in found] == [["One", "Two"], ["Three"], []]
    assert found[1][0].detail is not None
    assert found[1][0].detail.startswith("news.jsonl, line 4: ")


def test_a_file_that_was_rotated_or_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("One, which is long"))

    def rotate() -> None:
        path.rename(tmp_path / "news.jsonl.1")
        path.write_bytes(line("Two, which is longer still"))

    found = looks(path, rotate, lambda: path.write_bytes(line("Three")))

    assert [titles(answers)[0] for answers in found] == [
        "One, which is long",
        "Two, which is longer still",
        "Three",
    ]


def test_all_files_of_a_folder_are_read_and_new_ones_found(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(line("B"))
    (tmp_path / "notes.txt").write_bytes(line("Not this"))

    found = looks(tmp_path, append(tmp_path / "a.ndjson", line("A")))

    assert [titles(answers) for answers in found] == [["B"], ["A"]]


def test_a_compressed_file_to_which_is_added(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(line(f"Number {n}") for n in range(1200))))

    found = looks(
        path,
        append(path, gzip.compress(line("Added"))),
        lambda: path.write_bytes(gzip.compress(line("Anew"))),
    )

    assert titles(found[0]) == [f"Number {n}" for n in range(1200)]
    assert [titles(answers) for answers in found[1:]] == [["Added"], ["Anew"]]


def test_a_very_long_line_is_left_out_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_bytes(line("One") + line("x" * MEGABYTE) + line("Three") + b'"' + b"y" * MEGABYTE)

    found = looks(path, append(path, b'"\n' + line("Five") + b"[]\n"))

    assert [titles(answers) for answers in found] == [["One", "Three"], ["Five"]]
    assert found[0][0].outcome is Outcome.REPAIRED
    assert found[0][0].detail == "news.jsonl, line 2: it is longer than 1 MiB"
    assert found[1][0].detail == "news.jsonl, line 4: it is longer than 1 MiB, and 1 more"


def break_(path: Path, how: str) -> None:
    if how == "cut":
        path.write_bytes(gzip.compress(line("Cut"))[:-12])
    elif how == "no archive":
        path.write_bytes(b"plain")
    elif how == "damaged":
        good = bytearray(gzip.compress(os.urandom(5000)))
        good[10] |= 0b110  # a kind of block that deflate does not have
        path.write_bytes(good)
    elif how == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)  # opening it would wait for ever


@pytest.mark.parametrize("how", ["cut", "no archive", "damaged", "folder", "pipe"])
def test_a_file_that_cannot_be_read_is_told_and_stops_no_other(tmp_path: Path, how: str) -> None:
    break_(tmp_path / "a.jsonl.gz", how)
    (tmp_path / "b.jsonl").write_bytes(line("Readable"))

    [found] = looks(tmp_path)

    assert titles(found) == ["Readable"]
    assert found[-1].outcome is Outcome.FAILED
    assert found[-1].detail is not None
    assert found[-1].detail.startswith(f"{tmp_path / 'a.jsonl.gz'}: ")


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"

    found = looks(path, append(path, line("One")))

    assert [answered.outcome for answered in found[0]] == [Outcome.FAILED]
    assert titles(found[1]) == ["One"]


# --- standard input


def piped(
    stream: BinaryIO, take: Callable[[Answered], Awaitable[None]] | None = None
) -> list[Answered]:
    """All that comes through a pipe."""

    async def run() -> list[Answered]:
        found = []
        answers: AsyncIterator[Answered] = Pipe(stream, zone=None, now=lambda: NOW).answers()
        async for answered in answers:
            if take is not None:
                await take(answered)
            found.append(answered)
        return found

    return asyncio.run(run())


def test_a_pipe_is_read_to_its_end() -> None:
    found = piped(io.BytesIO(line("One") + b"\n" + line("x" * MEGABYTE) + line("Two").rstrip()))

    assert titles(found) == ["One", "Two"]
    assert {answered.detail for answered in found} >= {"stdin, line 3: it is longer than 1 MiB"}


def test_a_pipe_is_read_no_faster_than_its_lines_are_taken() -> None:
    read = 0

    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            nonlocal read
            if read == 10_000:
                return 0
            data = b"".join(line(f"Number {n}") for n in range(read, read + 100))
            read += 100
            buffer[: len(data)] = data
            return len(data)

    ahead: list[int] = []
    taken = 0

    async def take(answered: Answered) -> None:
        nonlocal taken
        taken += len(answered.items)
        ahead.append(read - taken)

    assert titles(piped(Endless(), take)) == [f"Number {n}" for n in range(10_000)]  # type: ignore[arg-type]
    assert max(ahead) < 2_000


def test_a_pipe_that_cannot_be_read_says_so_and_ends() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: bytearray) -> int:  # type: ignore[override]
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    found = piped(Broken())  # type: ignore[arg-type]

    assert [(each.outcome, each.detail) for each in found] == [
        (Outcome.FAILED, "standard input: input/output error")
    ]


def test_a_silent_pipe_is_said_to_be_open() -> None:
    reading, writing = os.pipe()

    async def run() -> list[Answered]:
        with os.fdopen(reading, "rb") as stream:
            answers = Pipe(stream, zone=None, now=lambda: NOW, every_s=0.001).answers()
            silent = await anext(answers)
            os.write(writing, line("One"))
            os.close(writing)
            return [silent, *[each async for each in answers]]

    found = asyncio.run(run())

    assert (found[0].outcome, found[0].items) == (Outcome.OK, ())
    assert titles(found) == ["One"]
