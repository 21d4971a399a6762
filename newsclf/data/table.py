"""Read labelled headlines from any file with a text column and a label column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from newsclf.common.errors import DataError
from newsclf.common.files import file_digest
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data.examples import Example, LabelledData, Texts, contradictory_texts
from newsclf.data.formats.columns import LABEL_COLUMN, TEXT_COLUMN
from newsclf.data.formats.rows import BadRow, Row, headline_of
from newsclf.data.labels import LabelReader
from newsclf.data.records import Records, open_records


def read(
    path: Path,
    settings: DataSettings,
    *,
    name: str | None = None,
    split: str | None = None,
    subset: str | None = None,
) -> LabelledData:
    """Read a table, dropping rows that repeat an earlier text and label.

    Args:
        path: A file, or a folder of Hugging Face's.
        settings: Columns, labels and format of the file.
        name: Name of the data; by default the file's name.
        split: Which part of a folder.
        subset: Which configuration of a folder.

    Raises:
        DataError: the file can't be used; names the line (the row, in Parquet).
    """
    with open_records(path, settings, split=split, subset=subset) as records:
        examples = _examples(records, settings)
    unique = list(dict.fromkeys(examples))
    return LabelledData(
        name=name or path.name,
        examples=unique,
        digest=_digest(path, examples),
        repeated=len(examples) - len(unique),
        contradictory=contradictory_texts(unique),
        notes=tuple(records.notes),
    )


def read_texts(
    path: Path, settings: DataSettings, *, split: str | None = None, subset: str | None = None
) -> Texts:
    """Read the headlines of a table or of a text file; labels are not looked at.

    Raises:
        DataError: the file can't be used; names the line (the row, in Parquet).
    """
    with open_records(path, settings, split=split, subset=subset) as records:
        column = records.column(TEXT_COLUMN, settings.text_column)
        texts = [_text(row, column, records.name) for row in records]
    return Texts(path.name, texts, tuple(records.notes))


def _text(row: Row, column: str, name: str) -> str:
    text = row if isinstance(row, BadRow) else headline_of(row, column)
    if isinstance(text, BadRow):
        raise text.error(name)
    return text.strip()


def _examples(records: Records, settings: DataSettings) -> list[Example]:
    text_column, label_column = _columns(records, settings)
    texts, labels, places = [], [], []
    for row in records:
        if isinstance(row, BadRow):
            raise row.error(records.name)
        texts.append(_text(row, text_column, records.name))
        labels.append(row.values.get(label_column))
        places.append(row.place)
    reader = LabelReader(settings, records.class_names.get(label_column))
    ids = []
    for label, place in zip(labels, places, strict=True):
        label_id = reader.label_id(label)
        if label_id is None:
            raise reader.unknown(labels, records.name, label_column, place)
        ids.append(label_id)
    if len(set(ids)) == 1:
        raise DataError(
            f"{records.name}: all {len(ids)} rows are '{LABELS[ids[0]]}';"
            " a classifier needs at least two classes",
            hint="add rows of the other classes, or check --label-column",
        )
    return [Example(text, label_id) for text, label_id in zip(texts, ids, strict=True)]


def _columns(records: Records, settings: DataSettings) -> tuple[str, str]:
    if records.columns == ["text"] and not records.has_names:
        raise DataError(
            f"{records.name}: a text file without labels",
            hint="write sentence@label, or a .csv with the columns text and label",
        )
    return (
        records.column(TEXT_COLUMN, settings.text_column),
        records.column(LABEL_COLUMN, settings.label_column),
    )


def _digest(path: Path, examples: Sequence[Example]) -> str:
    """SHA-256 of a file's bytes, or of a folder's rows, which may be spread over other files."""
    if path.is_file():
        return file_digest(path)
    rows = json.dumps([(example.text, example.label_id) for example in examples])
    return hashlib.sha256(rows.encode()).hexdigest()
