"""Classify headlines with a model directory: a few of them, or a file of any size."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.core.contract import LABELS, Prediction, headline_problem
from newsclf.core.errors import ConfigError, DataError
from newsclf.core.machine import available_cores
from newsclf.core.model_dir import check_files, find_model
from newsclf.data.records import TEXT_COLUMN_OF_TXT, Record, column_of, read_records
from newsclf.data.sink import open_sink
from newsclf.serving import engine

_WINDOW_ROWS = 2048
Classify = Callable[[Sequence[str]], list[Prediction]]
COLUMNS = ("predicted_label", *(f"p_{label}" for label in LABELS))
"""What scoring a file adds to its columns."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers and the time that they took."""

    predictions: Sequence[Prediction]
    latency_ms: float
    """For all of them together, without loading a model."""


def predict(texts: Sequence[str], classify: Classify) -> Predicted:
    """Classify headlines with a model directory or a deployment.

    Raises:
        DataError: there is none, or one can't be used.
    """
    if not texts:
        raise DataError("no headline was given", hint='newsclf predict "Profit rose by a third"')
    for number, text in enumerate(texts, start=1):
        if problem := headline_problem(text):
            raise DataError(f"headline {number} of {len(texts)} {problem}", hint="leave it out")
    started = time.perf_counter()
    predictions = classify(texts)
    return Predicted(predictions, 1000 * (time.perf_counter() - started))


def open_model(model: Path) -> engine.Engine:
    """The engine of a model directory, on all cores.

    Raises:
        ModelError: there is none, or its files are not what its card says.
    """
    folder = find_model(model)
    check_files(folder, engine.FILES)
    return engine.Engine(folder, threads=available_cores())


def score_file(
    source: Path,
    target: Path,
    model: Path,
    *,
    text_column: str = "text",
    overwrite: bool = False,
    on_rows: Callable[[int], None] = lambda _: None,
) -> int:
    """Classify every row of a file and write it, with COLUMNS added, to another.

    Rows keep their order and columns. Memory holds one window of 2,048 rows; the target appears
    when it is complete.

    Args:
        on_rows: Called with the number of rows done so far, after each window.

    Returns:
        The number of rows.

    Raises:
        DataError: the source can't be used (names the line), or has no rows.
        ConfigError: the target exists, or is the source.
        ModelError: the model can't be used.
    """
    if not source.is_file():
        raise DataError(f"{source}: no such file", hint="name the file to score with --input")
    if target.exists() and target.samefile(source):
        raise ConfigError(f"{target} is the file to score", hint="name another with --output")
    if target.exists() and not overwrite:
        raise ConfigError(
            f"{target} already exists", hint="add --overwrite, or name another file with --output"
        )
    if source.suffix.lower() == ".txt":
        text_column = TEXT_COLUMN_OF_TXT
    classifier = open_model(model)
    rows = 0
    with open_sink(target) as sink:
        records = read_records(source)
        while window := list(itertools.islice(records, _WINDOW_ROWS)):
            texts = [_text(record, text_column, source) for record in window]
            sink.write(
                [
                    _with_prediction(record, prediction, source)
                    for record, prediction in zip(window, classifier.classify(texts), strict=True)
                ]
            )
            rows += len(window)
            on_rows(rows)
        if rows == 0:
            raise DataError(
                f"{source}: the file has no rows", hint="check that it was written whole"
            )
    return rows


def _text(record: Record, column: str, path: Path) -> str:
    text = column_of(record, column, path)
    if not isinstance(text, str) or (problem := headline_problem(text)):
        problem = problem if isinstance(text, str) else "is not a text"
        raise DataError(
            f"{path}, {record.place}: the headline {problem}",
            hint="remove the row, or name the right column with --text-column",
        )
    return text


def _with_prediction(record: Record, prediction: Prediction, path: Path) -> dict[str, object]:
    taken = [column for column in COLUMNS if column in record.values]
    if taken:
        raise DataError(
            f"{path}, {record.place}: it already has a column '{taken[0]}'",
            hint="rename that column, or score the original file",
        )
    answers = (prediction.label, *(round(score, 6) for score in prediction.scores))
    return dict(record.values) | dict(zip(COLUMNS, answers, strict=True))
