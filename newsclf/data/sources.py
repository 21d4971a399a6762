"""From the name of a data source to labelled headlines."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from newsclf.core.errors import DataError
from newsclf.core.examples import LabelledData
from newsclf.core.settings import DataSettings
from newsclf.data import phrasebank, table


def load_data(settings: DataSettings, *, at: Path | None = None) -> LabelledData:
    """Read `settings.source`.

    Args:
        at: Where a copy of the file lies, if not where the settings say.

    Raises:
        DataError: there is no such file, or it can't be used.
        DownloadError: the Hub does not deliver PhraseBank.
        MissingExtraError: the packages that read training data are not installed.
    """
    if settings.source == "phrasebank":
        return phrasebank.read(at or phrasebank.download(), settings)
    if settings.source == "sample":
        shipped = files("newsclf") / "data" / "sample.csv"
        columns = settings.model_copy(
            update={"text_column": "text", "label_column": "label", "labels": {}}
        )
        with as_file(shipped) as path:
            return table.read(path, columns, name="newsclf sample headlines")
    path = at or Path(settings.source)
    if not path.is_file():
        raise DataError(
            f"{path}: no such data file",
            hint="--data takes phrasebank, sample, or the path of a .zip, .csv, .jsonl or .parquet",
        )
    if path.suffix.lower() == ".zip":
        return phrasebank.read(path, settings)
    return table.read(path, settings)


def data_file(settings: DataSettings) -> Path | None:
    """The file that `load_data` reads; None for what ships in the package.

    Raises:
        DownloadError: the Hub does not deliver PhraseBank.
    """
    if settings.source == "phrasebank":
        return phrasebank.download()
    return None if settings.source == "sample" else Path(settings.source)
