"""Append-only journal of the decisions of reviewers: a line of JSON for each.

Each line is written by one call under a lock and synchronised with the disk, before anything is
shown of it. So a session that is killed at any time loses nothing that it had shown as decided, and
several sessions can write at once. What a power failure leaves of a line is cut off by whoever
writes next.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from newsclf.common.errors import DataError, StateError, reason_of
from newsclf.common.files import PRIVATE
from newsclf.common.records import LenientRecord
from newsclf.common.validation import first_problem
from newsclf.data.labelled import Label, Vote

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_HINT = "name another file; a journal is only written by reviews"


class Decision(LenientRecord):
    """A line of the journal: what a reviewer decided about a headline, or took back."""

    schema_version: Literal[1] = 1
    id: str
    session: str
    annotator: str
    text: str
    action: Literal["label", "skip", "undo"]
    label: Label | None = None
    """Of `label`."""
    undone: str | None = None
    """Id of the decision that `undo` takes back."""
    blind: bool = True
    """Whether it was made before others' labels of the headline had been shown."""
    seconds: float | None = None
    """Time from showing the headline to the decision."""
    at: dt.datetime


class Journal:
    """The decisions in a file, and those that other sessions add to it."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, and read it.

        Raises:
            StateError: It can't be written, or is no regular file.
            DataError: One of its lines is no decision.
        """
        self.path = path
        self.decisions: list[Decision] = []
        """All lines, in the order of the file."""
        self._read_bytes = 0
        with self._failing("opened"):
            self._descriptor = os.open(path, _FLAGS, PRIVATE)
        try:
            self._check_kind()
            self.refresh()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def refresh(self) -> None:
        """Read what other sessions have added.

        Raises:
            StateError: It can't be read, or is no longer the file that was opened.
            DataError: A line is no decision.
        """
        with self._locked():
            self._catch_up()

    def append(self, decision: Decision) -> None:
        """Add a decision, which is on the disk when this returns.

        Raises:
            StateError: It can't be written; then nothing of it is kept.
            DataError: Another session's line is no decision.
        """
        line = decision.model_dump_json(exclude_none=True).encode() + b"\n"
        with self._locked():
            self._catch_up()
            try:
                self._write(line)
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, self._read_bytes)
                raise
            self._read_bytes += len(line)
            self.decisions.append(decision)

    def _check_kind(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise StateError(f"{self.path}: cannot be a journal (not a regular file)", hint=_HINT)

    def _write(self, line: bytes) -> None:
        if os.write(self._descriptor, line) < len(line):
            raise OSError("there is no room left")

    def _catch_up(self) -> None:
        """Read new whole lines, and cut off what follows the last one."""
        size = self._size()
        new = b""
        while self._read_bytes + len(new) < size and (
            part := os.pread(self._descriptor, size, self._read_bytes + len(new))
        ):
            new += part
        whole = new[: new.rfind(b"\n") + 1]
        # All is parsed before anything counts as read.
        found = [
            self._parsed(line, len(self.decisions) + number)
            for number, line in enumerate(whole.splitlines(), start=1)
        ]
        if len(whole) < len(new):
            os.ftruncate(self._descriptor, self._read_bytes + len(whole))
        self._read_bytes += len(whole)
        self.decisions += found

    def _size(self) -> int:
        """Size of the file, if it is still the one that was opened."""
        here, there = os.fstat(self._descriptor), self.path.lstat()
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            raise OSError("another file has taken its place")
        if here.st_size < self._read_bytes:
            raise OSError("lines were removed from it")
        return here.st_size

    def _parsed(self, line: bytes, number: int) -> Decision:
        try:
            return Decision.model_validate_json(line)
        except ValidationError as error:
            raise DataError(
                f"{self.path}, line {number}: not a decision of a review ({first_problem(error)})",
                hint=_HINT,
            ) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._failing("used"):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(
                f"{self.path}: the journal cannot be {what} ({reason_of(error)})",
                hint="see that the folder exists, can be written and has room; decisions so far"
                " are kept",
            ) from None


def standing(decisions: list[Decision]) -> list[Decision]:
    """Decisions that were not taken back, in order, without those that take back."""
    undone = {decision.undone for decision in decisions if decision.action == "undo"}
    return [each for each in decisions if each.action != "undo" and each.id not in undone]


def votes_of(decisions: list[Decision]) -> dict[str, tuple[Vote, ...]]:
    """Votes by headline; of several decisions of one annotator the last one counts."""
    last = {(each.text, each.annotator): each for each in standing(decisions)}
    votes: dict[str, tuple[Vote, ...]] = {}
    for each in last.values():
        if each.label is not None:
            vote = Vote(
                annotator=each.annotator,
                kind="human",
                label=each.label,
                at=each.at,
                blind=each.blind,
            )
            votes[each.text] = (*votes.get(each.text, ()), vote)
    return votes


def read_decisions(path: Path) -> list[Decision]:
    """All lines of a journal; none if there is no such file.

    Raises:
        StateError: It can't be read.
        DataError: One of its lines is no decision.
    """
    if not path.exists():
        return []
    journal = Journal(path)
    journal.close()
    return journal.decisions


def read_votes(path: Path) -> dict[str, tuple[Vote, ...]]:
    """People's votes in a journal, by headline; raises as `read_decisions` does."""
    return votes_of(read_decisions(path))
