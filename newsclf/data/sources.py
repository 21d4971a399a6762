"""From the name of a data source to labelled headlines."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from newsclf.core.errors import DataError
from newsclf.core.examples import LabelledData
from newsclf.core.settings import DataSettings
from newsclf.data import phrasebank, table


def load_data(settings: DataSettings) -> LabelledData:
    """Read `settings.source`.

    Raises:
        DataError: there is no such file, or it can't be used.
        DownloadError: the Hub does not deliver PhraseBank.
        MissingExtraError: the packages that read training data are not installed.
    """
    if settings.source == "phrasebank":
        return phrasebank.read(phrasebank.download(), settings)
    if settings.source == "sample":
        shipped = files("newsclf") / "data" / "sample.csv"
        columns = settings.model_copy(
            update={"text_column": "text", "label_column": "label", "labels": {}}
        )
        with as_file(shipped) as path:
            return table.read(path, columns, name="newsclf sample headlines")
    path = Path(settings.source)
    if not path.is_file():
        raise DataError(
            f"{path}: no such data file",
            hint="--data takes phrasebank, sample, or the path of a .zip, .csv, .jsonl or .parquet",
        )
    if path.suffix.lower() == ".zip":
        return phrasebank.read(path, settings)
    return table.read(path, settings)
