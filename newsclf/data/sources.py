"""Load labelled headlines by the name of their source."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Literal, NamedTuple

from newsclf.common.errors import DataError, DownloadError
from newsclf.common.settings import DataSettings
from newsclf.common.suggestions import did_you_mean
from newsclf.data import headlines, hub, phrasebank, table
from newsclf.data.examples import Example, LabelledData, Texts, contradictory_texts
from newsclf.data.formats.columnar import DATA_FILES, is_dataset_folder
from newsclf.data.formats.opening import PACKED, file_format
from newsclf.data.split import split

Part = Literal["train", "validation", "test"]
"""A part of a source; see `data.split`."""
_HUB_ID = re.compile(
    r"(?!\.)(?P<id>[\w.-]+/[\w.-]+)(?:/(?P<subset>[\w.-]+))?(?::(?P<split>[\w.-]+))?"
)
_TAKES = (
    "a source is phrasebank, headlines, sample, a file (.csv, .tsv, .jsonl, .json, .parquet,"
    " .xlsx, .zip, …), a folder, or a data set of the Hugging Face Hub (org/name); +headlines after"
    " it adds the shipped headlines"
)
_SHIPPED = {"headlines": headlines.read, "sample": headlines.read_sample}
WITH_HEADLINES = "+headlines"
"""Ends a source to which the project's own headlines are added."""


class MissingDataError(DataError):
    """There is no file or folder at the path of a source."""


class HubData(NamedTuple):
    """A data set on the Hub: `org/name[/subset][:split]`."""

    id: str
    subset: str | None
    split: str | None


def load_data(settings: DataSettings, *, at: Path | None = None) -> LabelledData:
    """Read `settings.source`, and the separate files for validation and test if there are any.

    Args:
        settings: What to read, and how.
        at: A copy of the file to read instead of `settings.source`.

    Raises:
        DataError: there is no such file, or it can't be used.
        DownloadError: the Hub does not deliver the data.
        MissingExtraError: the packages that read training data are not installed.
    """
    data = _load_source(settings, at)
    parts = {
        name: _load_source(_with_source(settings, source), None)
        for name, source in (("validation", settings.validation), ("test", settings.test))
        if source is not None
    }
    if not parts:
        return data
    digests = "".join([data.digest, *(f" {name} {part.digest}" for name, part in parts.items())])
    return replace(
        data,
        validation=_rows_for("validation", parts, data),
        test=_rows_for("test", parts, data),
        digest=hashlib.sha256(digests.encode()).hexdigest(),
        notes=tuple(dict.fromkeys(note for each in (data, *parts.values()) for note in each.notes)),
    )


def _rows_for(
    part: Literal["validation", "test"], sources: Mapping[str, LabelledData], data: LabelledData
) -> Sequence[Example] | None:
    """All rows of the source of a part; of one with fixed parts, the part of that name.

    Without such a source the part stays as it is: the shipped headlines' are fixed, so that no
    headline stands in one part and its counterpart in another.
    """
    fixed: Sequence[Example] | None = getattr(sources.get(part, data), part)
    return sources[part].examples if fixed is None and part in sources else fixed


def load_texts(settings: DataSettings) -> Texts:
    """Read all headlines of `settings.source`, which needs no labels.

    Raises:
        DataError: there is no such file, or it can't be used.
        DownloadError: the Hub does not deliver the data.
        MissingExtraError: the packages that read these data are not installed.
    """
    source = settings.source
    if source.endswith(WITH_HEADLINES):
        own = load_texts(_with_source(settings, _added_to(source)))
        shipped = load_texts(_with_source(settings, "headlines"))
        return Texts(source, [*own.texts, *shipped.texts], own.notes)
    found = hub_data(source)
    if source in ("phrasebank", *_SHIPPED) or (found and found.id == phrasebank.HUB_DATASET):
        return _all_texts(source, _load_source(settings, None))
    if found is not None:
        folder = _hub_folder(found)
        texts = table.read_texts(folder, settings, split=found.split, subset=found.subset)
        return replace(texts, name=source)
    path, chosen = _find_path(source)
    if phrasebank.is_phrasebank(path):
        return _all_texts(path.name, phrasebank.read(path, settings))
    return table.read_texts(path, settings, split=chosen)


def load_part(settings: DataSettings, part: Part) -> Texts:
    """Read the headlines of a part of labelled data.

    Raises:
        DataError: there is no such file, or it can't be used or split.
        DownloadError: the Hub does not deliver the data.
        MissingExtraError: the packages that read or split these data are not installed.
    """
    data = load_data(settings)
    examples: Sequence[Example] = getattr(split(data, settings), part)
    return Texts(f"{part} part of {data.name}", [each.text for each in examples], data.notes)


def _all_texts(name: str, data: LabelledData) -> Texts:
    several = (data.of_all_parts, data.extra, data.extra_test or ())
    return Texts(name, [each.text for part in several for each in part], data.notes)


def _with_source(settings: DataSettings, source: str) -> DataSettings:
    return settings.model_copy(update={"source": source})


def load_again(
    settings: DataSettings, *, digest: str, source: str | None = None
) -> tuple[LabelledData, DataSettings]:
    """Read the data that a model was trained on, and the settings by which they were split.

    Args:
        settings: Data settings of the training.
        digest: Digest of the data at the time of the training.
        source: Present location of the data, if they have moved.

    Raises:
        DataError: the data are missing, or have changed since.
    """
    if source is not None:
        settings = settings.model_copy(update={"source": source})
    try:
        data = load_data(settings)
    except MissingDataError as error:
        hint = "if the training data has moved, name it with --data: its contents identify it"
        raise DataError(error.message, hint=hint) from error
    if data.digest != digest:
        raise DataError(
            f"{settings.source}: the data has changed since the model was trained on it, so its"
            " held-out part is not known",
            hint="restore the file, or train again",
        )
    return data, settings


def is_training_data(
    data: LabelledData, settings: DataSettings, *, digest: str, source: str
) -> bool:
    """Whether data that were read are those that a model was trained on, wherever they are now.

    Args:
        data: What was read at the source.
        settings: Data settings of the training.
        digest: Digest of the training data.
        source: The source; validation and test part may have been files of their own beside it.
    """
    if data.digest == digest or (settings.validation is None and settings.test is None):
        return data.digest == digest
    try:
        return load_data(_with_source(settings, source)).digest == digest
    except (DataError, DownloadError):
        return False


def _load_source(settings: DataSettings, at: Path | None) -> LabelledData:
    if settings.source.endswith(WITH_HEADLINES):
        source = _added_to(settings.source)
        own = _load_source(_with_source(settings, source), at)
        return _joined(own, headlines.read(settings), settings)
    if settings.source == "phrasebank":
        return phrasebank.read(at or phrasebank.download(), settings)
    if settings.source in _SHIPPED:
        return _SHIPPED[settings.source](settings)
    if at is None and (found := hub_data(settings.source)) is not None:
        return _from_hub(found, settings)
    path, split = (at, None) if at else _find_path(settings.source)
    if phrasebank.is_phrasebank(path):
        return phrasebank.read(path, settings)
    return table.read(path, settings, split=split)


def _added_to(source: str) -> str:
    """The source to which the shipped headlines are added."""
    other = source.removesuffix(WITH_HEADLINES)
    if other in _SHIPPED:
        raise DataError(
            f"{source} adds headlines that it holds already",
            hint="the sample is a part of the headlines: --data headlines",
        )
    return other


def _joined(first: LabelledData, second: LabelledData, settings: DataSettings) -> LabelledData:
    """Two sources as one: each is split by itself, so that the parts of both stay as they are."""
    one, other = split(first, settings), split(second, settings)
    examples = [*one.train, *other.train]
    return LabelledData(
        name=f"{first.name}; {second.name}",
        examples=[example for example in examples if not example.extra],
        extra=[example for example in examples if example.extra],
        validation=[*one.validation, *other.validation],
        test=[*one.test, *other.test],
        extra_test=[*one.extra_test, *other.extra_test],
        digest=hashlib.sha256(f"{first.digest} {second.digest}".encode()).hexdigest(),
        licence="; ".join(each.licence or "not stated" for each in (first, second)),
        repeated=first.repeated + second.repeated,
        contradictory=contradictory_texts(examples),
        notes=(*first.notes, *second.notes),
    )


def data_file(settings: DataSettings) -> Path | None:
    """The file that `load_data` reads; None for what ships in the package or is on the Hub.

    Raises:
        DataError: it is a folder, not the only one, or not there.
        DownloadError: the Hub does not deliver PhraseBank.
    """
    if settings.validation or settings.test:
        raise DataError(
            "separate files for validation and test can't be sent, where a single file is needed",
            hint="leave out --validation and --test, so that parts are drawn from --data",
        )
    source = settings.source.removesuffix(WITH_HEADLINES)
    if source == "phrasebank":
        return phrasebank.download()
    if source in _SHIPPED or hub_data(source) is not None:
        return None
    path, _ = _find_path(source)
    if path.is_dir():
        raise DataError(f"{path}: a folder, where a single file is needed", hint="name a file")
    return path


def hub_data(source: str) -> HubData | None:
    """The Hub data set that a source names; None for a source that is or looks like a path."""
    found = _HUB_ID.fullmatch(source)
    path = Path(source.partition(":")[0])
    if found is None or path.exists() or path.parent.is_dir():
        return None
    if file_format(path) or path.suffix.lower() in PACKED:
        return None
    return HubData(found["id"], found["subset"], found["split"])


def _find_path(source: str) -> tuple[Path, str | None]:
    """The path of a source, and the split in `FOLDER:SPLIT`."""
    path = Path(source)
    if path.exists():
        return path, None
    folder, colon, split = source.rpartition(":")
    if colon and Path(folder).is_dir():
        return Path(folder), split
    if path.is_symlink():
        raise MissingDataError(
            f"{path}: a link that leads to no file",
            hint=f"see where it leads: ls -l {quote(source)}",
        )
    try:
        beside = [str(each) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError:
        beside = []
    named = () if path.suffix else ("phrasebank", *_SHIPPED)
    raise MissingDataError(
        f"{path}: no such data file or folder",
        hint=did_you_mean(source, [*named, *beside]) or _TAKES,
    )


def _from_hub(found: HubData, settings: DataSettings) -> LabelledData:
    if found.id == phrasebank.HUB_DATASET:
        return phrasebank.read(phrasebank.download(), settings)
    folder = _hub_folder(found)
    return table.read(
        folder, settings, name=settings.source, split=found.split, subset=found.subset
    )


def _hub_folder(found: HubData) -> Path:
    folder = hub.download_folder(
        found.id,
        ("README.md", *DATA_FILES),
        kind="dataset",
        hint="without the Hub, pass a file: --data FILE",
    )
    if not is_dataset_folder(folder):
        raise DataError(
            f"{found.id}: the data set holds no Parquet, CSV or JSON file",
            hint="download what it holds, write it as one of these, and pass it: --data FILE",
        )
    return folder
