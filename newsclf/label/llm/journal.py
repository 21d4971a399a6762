"""The journal of a labelling run: each request before it is sent, each answer when it is there.

A line is one JSON object; lines are only added, each by one write. A process that is killed leaves
at most one line without its end, which is skipped, and a request without an answer for each that
was on its way, whose worst case counts as spent. So a run that goes on pays for no answer twice and
keeps its limit.
"""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import hashlib
import json
import os
import secrets
import stat
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from newsclf.common.errors import DataError, StateError, reason_of
from newsclf.common.records import StrictRecord
from newsclf.data.labelled import Label
from newsclf.label.llm.answers import Failure
from newsclf.label.llm.model import Sampling

_HEAD: Final = b'{"kind":"journal","schema_version":1}\n'
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ID_BYTES = 8
_MOST_USD = Decimal(10) ** 12
Usd = Annotated[Decimal, Field(ge=0, le=_MOST_USD, allow_inf_nan=False)]


class Answer(StrictRecord):
    """A model's answer to a prompt, which is paid for."""

    key: str
    """Of the model, the prompt, the headline and the number of the vote; see `key_of`."""
    annotator: str
    prompt: str
    """SHA-256 of the prompt without the headline, hexadecimal."""
    at: dt.datetime
    raw: str
    label: Label | None
    failure: Failure | None
    input_tokens: int | None
    output_tokens: int | None


class _Asked(StrictRecord):
    kind: Literal["asked"] = "asked"
    id: str
    most_usd: Usd


class _Ended(StrictRecord):
    kind: Literal["ended"] = "ended"
    id: str
    cost_usd: Usd
    reported: bool
    """Whether the server said what it billed; otherwise the cost is its upper limit."""
    answer: Answer | None


_LINE: Final[TypeAdapter[_Asked | _Ended]] = TypeAdapter(
    Annotated[_Asked | _Ended, Field(discriminator="kind")]
)


class PaidAnswer(StrictRecord):
    """An answer with its cost."""

    answer: Answer
    cost_usd: Usd


def key_of(annotator: str, prompt: str, sampling: Sampling, text: str, number: int) -> str:
    """What an answer is an answer to, as a short text.

    Args:
        annotator: Name of the model and of its server.
        prompt: Digest of the prompt.
        sampling: How the model chooses its words.
        text: The headline.
        number: Which of the annotator's votes on the headline it is, from 0.
    """
    parts = [annotator, prompt, sampling.temperature, sampling.max_tokens, text, number]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class Journal:
    """A journal that is open for one run; as a context it is closed at the end.

    Args:
        path: A file; it is made if it does not exist.

    Raises:
        DataError: It can't be read or written, or is no journal.
        StateError: Another run has it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spent_usd = Decimal(0)
        """What all runs with this journal may have cost."""
        self.damaged_lines = 0
        """Lines that could not be read: the last ones of runs that were killed."""
        self._answers: dict[str, PaidAnswer] = {}
        try:
            self._descriptor = os.open(path, _FLAGS, 0o666)
        except OSError as error:
            raise self._problem(error, "cannot be opened") from error
        try:
            self._check_kind()
            self._lock()
            self._read()
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        """The journal, which is closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, which another run may then open."""
        os.close(self._descriptor)

    def find(self, key: str) -> PaidAnswer | None:
        """The answer for a key, if there is one."""
        return self._answers.get(key)

    def add_asked(self, most_usd: Decimal) -> str:
        """Note that a request is about to be sent; returns the identifier for its end."""
        asked = _Asked(id=secrets.token_hex(_ID_BYTES), most_usd=most_usd)
        self._append(asked)
        return asked.id

    def add_ended(
        self, asked: str, cost_usd: Decimal, *, reported: bool, answer: Answer | None
    ) -> None:
        """Note the end of a request, with its answer if there is one."""
        self._append(_Ended(id=asked, cost_usd=cost_usd, reported=reported, answer=answer))
        if answer is not None:
            self._answers[answer.key] = PaidAnswer(answer=answer, cost_usd=cost_usd)

    def _check_kind(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise DataError(f"{self.path}: not a regular file", hint="name another file")

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"{self.path}: another run is writing to it",
                hint="wait for it to end, or write to another file",
            ) from None
        except OSError as error:
            raise self._problem(error, "cannot be locked") from error

    def _read(self) -> None:
        try:
            with os.fdopen(os.dup(self._descriptor), "rb") as file:
                head, lines = file.readline(), file.readlines()
        except OSError as error:
            raise self._problem(error, "cannot be read") from error
        if not _HEAD.startswith(head):
            raise DataError(
                f"{self.path}: not a journal of newsclf label", hint="name another file"
            )
        if head != _HEAD:  # new, or killed in its first write
            self._write(_HEAD[len(head) :])
        self._take_in(lines)
        if lines and not lines[-1].endswith(b"\n"):
            self._write(b"\n")

    def _take_in(self, lines: list[bytes]) -> None:
        unended: dict[str, Decimal] = {}
        for line in lines:
            try:
                found = _LINE.validate_json(line)
            except ValidationError:
                self.damaged_lines += 1
                continue
            if isinstance(found, _Asked):
                unended[found.id] = found.most_usd
                continue
            unended.pop(found.id, None)
            self.spent_usd += found.cost_usd
            if found.answer is not None:
                paid = PaidAnswer(answer=found.answer, cost_usd=found.cost_usd)
                self._answers[found.answer.key] = paid
        self.spent_usd += sum(unended.values(), Decimal(0))

    def _append(self, line: BaseModel) -> None:
        self._write(line.model_dump_json().encode() + b"\n")

    def _write(self, line: bytes) -> None:
        try:
            before_bytes = os.fstat(self._descriptor).st_size
            written = os.write(self._descriptor, line)
            if written != len(line):
                # What is on its way writes its end yet, which must not follow on the same line.
                os.ftruncate(self._descriptor, before_bytes)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301 - as the rest
        except OSError as error:
            raise self._problem(error, "cannot be written") from error

    def _problem(self, error: OSError, what: str) -> DataError:
        return DataError(
            f"{self.path}: {what} ({reason_of(error)})",
            hint="name another file, or make room; what is in it is kept",
        )
