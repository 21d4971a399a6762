"""Write a report's files into a folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.files import write_text
from newsclf.common.ownership import ownership_problem

UNSEEN_FOLDER = "evaluation-unseen"
"""Folder, in a model, of the report on public test sets."""


def check_writable(folder: Path, *, inside_model: bool) -> None:
    """Raise ConfigError if a folder can't be written or created; leave nothing behind."""
    # A model may come from somebody else; a folder that `--out` names is the user's own choice.
    found = ownership_problem(folder, folder=True) if inside_model else None
    if found is not None and found.kind == "link":
        raise ConfigError(
            f"{folder} {found.words}, so no report is written there",
            hint="name another folder with --out",
        )
    place = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts into a folder; one that had to be made is removed again if that fails.

    Args:
        folder: The folder, which need not exist.
        files: Name of each file → its text.

    Raises:
        ConfigError: A file can't be written.
    """
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_text(folder / name, text)
    except OSError as error:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{folder}: the report cannot be written there ({reason_of(error)})",
        hint="name another folder with --out",
    )
