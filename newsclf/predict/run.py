"""Classify headlines with a model directory or a deployment: a few, a file, or a stream."""

from __future__ import annotations

import io
import select
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from newsclf.common.errors import ConfigError, DataError
from newsclf.common.settings import ReadingSettings
from newsclf.data.formats.columns import TEXT_COLUMN
from newsclf.data.formats.rows import BadRow, Record, headline_of
from newsclf.data.records import Records, open_records
from newsclf.data.sink import StreamFormat, Write, open_sink, stream_sink
from newsclf.predict.answer import COLUMNS, Answer, Asked, Classify, answer, check_headlines
from newsclf.predict.english import Doubt, count_doubts

_WINDOW_ROWS = 2048
_EXPLAINED_WINDOW_ROWS = 128
"""Smaller, since a row to explain takes about as long as 15 others."""
_NAMED_BAD_ROWS = 5
_COUNTED_SUFFIXES = (".csv", ".tsv", ".jsonl", ".txt")
_BLOCK_BYTES = 1 << 20
UNCERTAIN, EXPLANATION = "uncertain", "explanation"
"""Columns that it adds on request."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers to a few headlines, and their latency."""

    answers: Sequence[Answer]
    latency_ms: float
    """For all of them together, without loading a model."""


@dataclass(frozen=True, slots=True)
class ClassifiedRow:
    """A row of the input with its answer."""

    record: Record
    answer: Answer | None
    """None for a bad row that was skipped."""

    def with_columns(self, asked: Asked) -> dict[str, object]:
        """The row's values with the columns of `columns_added`, which are empty for a bad row."""
        names = columns_added(asked)
        values: dict[str, object] = dict(self.record.values) | dict.fromkeys(names)
        if self.answer is not None:
            prediction = self.answer.prediction
            scores = (round(score, 6) for score in prediction.scores)
            values |= zip(COLUMNS, (prediction.label, *scores), strict=True)
            if asked.min_confidence is not None:
                values[UNCERTAIN] = prediction.is_uncertain(asked.min_confidence)
            if asked.explain:
                values[EXPLANATION] = self.answer.weights()
        return values


@dataclass(slots=True, kw_only=True)
class Tally:
    """Running totals of a file or stream that is being classified."""

    rows: int = 0
    """Rows of the input so far, bad ones included."""
    labels: Counter[str] = field(default_factory=Counter)
    """Number of predictions of each label."""
    uncertain: int = 0
    """Predictions that are less confident than asked for."""
    doubts: Counter[Doubt] = field(default_factory=Counter)
    """Number of texts that are probably not English headlines, by reason."""
    unexplained: int = 0
    """Headlines that are too long to be explained, if that was asked for."""
    bad: int = 0
    """Rows that could not be classified."""
    truncated: int = 0
    """Headlines with more tokens than the model reads, of which the end was ignored."""
    first_bad: list[str] = field(default_factory=list)
    """Place and problem of the first few bad rows."""
    notes: list[str] = field(default_factory=list)
    """Guesses about the input, as phrases for the user."""

    def add(self, answers: Sequence[Answer], asked: Asked) -> None:
        """Count labels, and what was asked for."""
        self.labels.update(each.prediction.label for each in answers)
        if asked.min_confidence is not None:
            least = asked.min_confidence
            self.uncertain += sum(each.prediction.is_uncertain(least) for each in answers)
        if asked.explain:
            self.unexplained += sum(each.explanation is None for each in answers)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsRequest:
    """A file or stream of rows to classify."""

    source: Path | BinaryIO
    form: str | None = None
    """Format of a stream, such as .txt; None: guessed from its first line."""
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    known_text_column: str | None = None
    """Text column of the model's training data; used if the input has this column and `reading`
    names no text column."""
    count_truncated: Callable[[Sequence[str]], int] = lambda _: 0
    """Count the texts that are longer than the model reads; 0 for a deployment."""
    skip_bad: bool = False
    """Count rows that cannot be classified instead of failing at the first one."""
    asked: Asked = field(default_factory=Asked)
    """What is asked for about each row besides its prediction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """Rows to classify, and the target for them and their scores."""

    rows: RowsRequest
    target: Path | BinaryIO
    stream_format: StreamFormat = "csv"
    """Format of a target that is a stream."""
    overwrite: bool = False
    """Replace a target that exists."""


def predict(texts: Sequence[str], classify: Classify, asked: Asked) -> Predicted:
    """Classify a few headlines, and explain the predictions if that is asked for.

    Raises:
        DataError: A headline cannot be used.
    """
    check_headlines(texts)
    started = time.perf_counter()
    answers = answer(texts, classify, asked)
    return Predicted(answers, 1000 * (time.perf_counter() - started))


def score(
    request: ScoreRequest, classify: Classify, on_window: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Classify every row of a file or stream, and write it with columns added.

    Rows keep their order and columns. A target file appears when it is complete; a stream gets
    each window as soon as it is classified.

    Args:
        request: The rows and the target.
        classify: A model or a deployment.
        on_window: Called with the running totals after each window.

    Raises:
        DataError: The source cannot be used (names the line), or has no rows.
        ConfigError: The target exists, or is the source.
    """
    tally = Tally()
    with _open_target(request) as write:
        for window in classify_rows(request.rows, classify, tally):
            if window:
                write([row.with_columns(request.rows.asked) for row in window])
            on_window(tally)
    return tally


def classify_rows(
    request: RowsRequest, classify: Classify, tally: Tally
) -> Iterator[list[ClassifiedRow]]:
    """Classify the rows of a file or stream, in their order.

    They come in windows, so memory does not grow with the input. A window holds at most 2,048 rows,
    or 128 to explain, and ends early if the next row of a stream has not arrived yet.

    Args:
        request: The rows.
        classify: A model or a deployment.
        tally: Kept up to date window by window.

    Raises:
        DataError: The source cannot be used, one of its rows cannot be classified (the message
            names it), or it has no rows.
    """
    if isinstance(request.source, Path) and not request.source.exists():
        raise DataError(
            f"{request.source}: no such file", hint="name the file to classify with --input"
        )
    records = open_records(request.source, request.reading, form=request.form)
    column = _text_column(records, request)
    tally.notes += records.notes
    added = columns_added(request.asked)
    _check_free(added, records.columns, records.name)
    size = _EXPLAINED_WINDOW_ROWS if request.asked.explain else _WINDOW_ROWS
    for window in _windows(records, request.source, size):
        for row in window:
            if isinstance(row, Record):  # in JSON each row names its own columns
                _check_free(added, row.values, f"{records.name}, {row.place}")
        found = [
            (row, headline_of(row, column) if isinstance(row, Record) else row) for row in window
        ]
        bad = [headline for _, headline in found if isinstance(headline, BadRow)]
        if bad and not request.skip_bad:
            error = bad[0].error(records.name)
            error.hint = f"{error.hint}, or skip such rows: --skip-bad"
            raise error
        tally.bad += len(bad)
        room = _NAMED_BAD_ROWS - len(tally.first_bad)
        tally.first_bad += [f"{row.place}: {row.problem}" for row in bad[:room]]
        texts = [text for _, text in found if isinstance(text, str)]
        answers = iter(answer(texts, classify, request.asked))
        tally.truncated += request.count_truncated(texts)
        tally.doubts += count_doubts(texts)
        classified = [
            ClassifiedRow(row, next(answers) if isinstance(text, str) else None)
            for row, text in found
            if isinstance(row, Record)
        ]
        tally.rows += len(window)
        tally.add([row.answer for row in classified if row.answer], request.asked)
        yield classified


def _check_free(added: Sequence[str], columns: Collection[str], place: str) -> None:
    """Raise DataError if a column that is to be added is there already."""
    if taken := [name for name in added if name in columns]:
        raise DataError(
            f"{place}: it already has a column '{taken[0]}'",
            hint="rename that column, or score the original file",
        )


def columns_added(asked: Asked) -> tuple[str, ...]:
    """Columns that scoring adds to a row."""
    uncertain = () if asked.min_confidence is None else (UNCERTAIN,)
    return (*COLUMNS, *uncertain, *((EXPLANATION,) if asked.explain else ()))


def expected_rows(path: Path) -> int | None:
    """Approximate number of rows of a file, by its line ends; None if that would need parsing."""
    if path.suffix.lower() not in _COUNTED_SUFFIXES or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b""))


def _text_column(records: Records, request: RowsRequest) -> str:
    asked, known = request.reading.text_column, request.known_text_column
    if asked is None and known is not None and records.has_names:
        if known in records.columns:
            asked = known
        else:
            records.notes.append(f"it has no column '{known}', which the model was trained with")
    return records.column(TEXT_COLUMN, asked)


def _open_target(request: ScoreRequest) -> AbstractContextManager[Write]:
    source, target = request.rows.source, request.target
    if not isinstance(target, Path):
        return stream_sink(target, request.stream_format)
    if target.exists():
        if isinstance(source, Path) and source.exists() and target.samefile(source):
            raise ConfigError(f"{target} is the file to score", hint="name another with --output")
        if not request.overwrite:
            raise ConfigError(
                f"{target} already exists",
                hint="add --overwrite, or name another file with --output",
            )
    return open_sink(target)


def _windows(
    records: Records, source: Path | BinaryIO, size: int
) -> Iterator[list[Record | BadRow]]:
    window: list[Record | BadRow] = []
    for row in records:
        window.append(row)
        if len(window) == size or not _more_is_waiting(source):
            yield window
            window = []
    if window:
        yield window


def _more_is_waiting(source: Path | BinaryIO) -> bool:
    """Whether more of a pipe can be read without waiting; always true of a file."""
    if isinstance(source, Path):
        return True
    try:
        return bool(select.select([source], [], [], 0)[0])
    except (OSError, ValueError, io.UnsupportedOperation):  # bytes in memory have no descriptor
        return True
