"""Read Parquet and Arrow files, and folders written by Hugging Face libraries."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from newsclf.common.errors import DataError, reason_of, require_extra
from newsclf.data.formats.rows import Found, Record

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)
_BATCH_ROWS = 1024
_SPLITS = ("train", "training")
"""Splits that are read by default."""
_SAVED = ("dataset_dict.json", "state.json")
DATA_FILES = ("*.parquet", "*.csv", "*.tsv", "*.jsonl", "*.json", "*.arrow")


def read_columnar(stream: IO[bytes], name: str, form: str) -> Found:
    """The rows of a Parquet file, or of an Arrow file in its file or stream format.

    Raises:
        DataError: it is broken.
        MissingExtraError: pyarrow is not installed.
    """
    kind = "Parquet" if form == ".parquet" else "Arrow"
    require_extra("pyarrow", extra=None, purpose=f"reading {kind} files")
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _intact(name, kind):
        if form == ".parquet":
            file = pq.ParquetFile(stream)
            schema, batches = file.schema_arrow, file.iter_batches(batch_size=_BATCH_ROWS)
        else:
            head = stream.read(6)
            stream.seek(0)
            if head == b"ARROW1":
                file = pa.ipc.open_file(stream)
                batches = map(file.get_batch, range(file.num_record_batches))
            else:
                batches = file = pa.ipc.open_stream(stream)
            schema = file.schema
        names = _class_names(schema)

    def rows() -> Iterator[Record]:
        with _intact(name, kind):
            for number, values in enumerate(_values(batches), start=1):
                yield Record(f"row {number}", values)

    return Found(rows(), class_names=names)


def is_dataset_folder(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`, or is laid out as a data set of the Hub."""
    if any((path / name).is_file() for name in _SAVED):
        return True
    return any(next(path.glob(f"**/{pattern}"), None) for pattern in DATA_FILES)


def read_folder(path: Path, split: str | None, *, subset: str | None = None) -> Found:
    """The rows of a data set in a folder.

    Args:
        path: The folder.
        split: Which part to read; by default the only one, or `train`.
        subset: Which configuration, of a data set that has several.

    Raises:
        DataError: there is no such part, or the folder can't be read.
        MissingExtraError: `datasets` is not installed.
    """
    require_extra("datasets", extra="train", purpose="reading a folder of Hugging Face's")
    import datasets

    _quiet(datasets)
    with _one_table(path, ": a folder that is not a data set that can be read"):
        if any((path / name).is_file() for name in _SAVED):
            loaded = datasets.load_from_disk(str(path.resolve()))
        else:
            loaded = datasets.load_dataset(str(path.resolve()), name=subset, streaming=True)
        parts = loaded if isinstance(loaded, Mapping) else {split or "train": loaded}
        chosen, notes = _chosen(list(parts), split, path)
        part = parts[chosen]
        names = {
            column: feature.names
            for column, feature in (part.features or {}).items()
            if isinstance(feature, datasets.ClassLabel)
        }

    def rows() -> Iterator[Record]:
        with _one_table(path, f", split {chosen}: its files can't be read as one table"):
            for number, values in enumerate(part, start=1):
                yield Record(f"row {number}", values)

    return Found(rows(), notes, names)


def _one_file(path: Path) -> str:
    found = min((each for form in DATA_FILES for each in path.glob(form)), default=None)
    example = f": {shlex.quote(str(found))}" if found else ", a .parquet or .csv"
    return f"name one of its files instead{example}; --verbose says what is wrong with the folder"


def _chosen(splits: Sequence[str], asked: str | None, path: Path) -> tuple[str, list[str]]:
    default = splits if len(splits) == 1 else [name for name in splits if name in _SPLITS]
    chosen = asked or next(iter(default), "")
    if chosen not in splits:
        problem = f"no split '{asked}'; it has" if asked else "it has several splits:"
        raise DataError(
            f"{path}: {problem} {', '.join(splits)}", hint=f"name one of them: {path}:{splits[0]}"
        )
    others = ", ".join(name for name in splits if name != chosen)
    if asked or not others:
        return chosen, []
    return chosen, [f"the split '{chosen}' is read, and not {others} ({path}:{{split}})"]


def _quiet(datasets: Any) -> None:
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity(datasets.logging.CRITICAL)
    logging.getLogger("fsspec").setLevel(logging.ERROR)


def _values(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, object]]:
    for batch in batches:
        batch.validate(full=True)  # offsets that lead out of the file end the process
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield from batch.slice(start, _BATCH_ROWS).to_pylist()


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of the numbers of `ClassLabel` columns, which `datasets` keeps in the schema."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"][
            "features"
        ]
        return {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


@contextmanager
def _intact(name: str, kind: str) -> Iterator[None]:
    """Turn pyarrow's errors into DataError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        raise DataError(
            f"{name}: broken {kind} ({reason_of(error)})", hint="write the file again"
        ) from None


@contextmanager
def _one_table(path: Path, problem: str) -> Iterator[None]:
    """Turn the errors of `datasets` into DataError, with its own words for --verbose."""
    from datasets.exceptions import DatasetGenerationError

    try:
        yield
    except (DatasetGenerationError, ValueError, OSError, TypeError, KeyError) as error:
        log.debug("%s", error.__cause__ or error)
        raise DataError(f"{path}{problem}", hint=_one_file(path)) from error
