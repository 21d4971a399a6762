"""Labelled headlines from a CSV, JSONL or Parquet file with any column and label names."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.core.contract import LABELS
from newsclf.core.errors import DataError
from newsclf.core.examples import Example, LabelledData
from newsclf.core.extras import require_extra
from newsclf.core.settings import DataSettings, check_label_names
from newsclf.data.records import Record, file_format, missing_column, read_records

if TYPE_CHECKING:
    from datasets import Dataset

FORMATS = (".csv", ".jsonl", ".parquet")


def read(path: Path, settings: DataSettings, *, name: str | None = None) -> LabelledData:
    """Read a table, dropping rows that repeat an earlier text and label.

    Raises:
        DataError: the file can't be used; names the line (the row, in Parquet).
        ConfigError: `settings.labels` maps to something that is no class.
    """
    check_label_names(settings.labels)
    if file_format(path) not in FORMATS:
        raise DataError(
            f"{path}: training data needs labels, and a text file has none",
            hint=f"use a file that ends in {', '.join(FORMATS)}",
        )
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    table = _load(path)
    for column in (settings.text_column, settings.label_column):
        if column not in table.column_names:
            raise missing_column(path, column, table.column_names)
    known = {label: label for label in LABELS} | settings.labels
    rows = zip(table[settings.text_column], table[settings.label_column], strict=True)
    examples = [
        Example(
            _checked_text(text, path, index),
            LABELS.index(_checked_label(label, known, path, index)),
        )
        for index, (text, label) in enumerate(rows)
    ]
    if len({example.label_id for example in examples}) == 1:
        raise DataError(
            f"{path}: all {len(examples)} rows are '{LABELS[examples[0].label_id]}';"
            " a classifier needs at least two classes",
            hint="add rows of the other classes, or check --label-column",
        )
    return LabelledData(
        name=name or path.name,
        examples=list(dict.fromkeys(examples)),
        digest=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _load(path: Path) -> Dataset:
    require_extra("datasets", extra="train", purpose="reading labelled tables")
    import datasets
    from datasets.exceptions import DatasetGenerationError

    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity(datasets.logging.CRITICAL)
    # A first look at the head finds broken files early and names the columns of a CSV, all of
    # which are read as text: left alone, pandas makes 7 of "007" and a missing value of "NA".
    head = list(itertools.islice(read_records(path), 1))
    if not head:
        raise DataError(f"{path}: the file has no rows", hint="check that it was written whole")
    with tempfile.TemporaryDirectory() as cache:
        try:
            if path.suffix.lower() == ".csv":
                text = datasets.Features(
                    {column: datasets.Value("string") for column in head[0].values}
                )
                return datasets.Dataset.from_csv(
                    str(path),
                    features=text,
                    cache_dir=cache,
                    keep_in_memory=True,
                    keep_default_na=False,
                    encoding="utf-8-sig",
                )
            if path.suffix.lower() == ".jsonl":
                return datasets.Dataset.from_json(str(path), cache_dir=cache, keep_in_memory=True)
            return datasets.Dataset.from_parquet(str(path), cache_dir=cache, keep_in_memory=True)
        except (DatasetGenerationError, ValueError) as error:
            for _ in read_records(path):  # says which line, if a line is to blame
                pass
            raise DataError(
                f"{path}: the file can't be read ({error.__cause__ or error})",
                hint="check that every row has the same columns, with values of the same kind",
            ) from error


def _checked_text(text: object, path: Path, index: int) -> str:
    if not isinstance(text, str) or not text.strip():
        what = "empty" if text is None or text == "" or isinstance(text, str) else "not a text"
        raise DataError(
            f"{path}, {_record_at(path, index).place}: the headline is {what}",
            hint="remove the row, or name the right column with --text-column",
        )
    return text.strip()


def _checked_label(label: object, known: dict[str, str], path: Path, index: int) -> str:
    name = "" if label is None else str(label).strip()
    found = known.get(name) or known.get(name.casefold())
    if found is None:
        raise DataError(
            f"{path}, {_record_at(path, index).place}: unknown label {name!r};"
            f" known are {', '.join(known)}",
            hint=f"say what it means, for example --label '{name or 'NAME'}=neutral'",
        )
    return found


def _record_at(path: Path, index: int) -> Record:
    records: Iterator[Record] = read_records(path)
    return next(itertools.islice(records, index, None))
