"""Base classes of records, and functions to read and write record files."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from newsclf.common.errors import NewsclfError, reason_of
from newsclf.common.files import read_regular, write_text
from newsclf.common.validation import first_problem, misread_numbers, placed_problem

_T = TypeVar("_T")
_Model = TypeVar("_Model", bound=BaseModel)
_MAX_BYTES = 16 << 20


class StrictRecord(BaseModel):
    """An immutable record in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LenientRecord(BaseModel):
    """An immutable record that ignores unknown fields, which a newer version may have written."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def find_record(
    path: Path,
    parse: Callable[[bytes], _T],
    *,
    error: type[NewsclfError],
    hint: str,
    follow: bool = False,
) -> _T | None:
    """Read a record from a file of at most 16 MiB.

    Args:
        path: A regular file.
        parse: Makes the record from the file's bytes, such as `ModelCard.model_validate_json`.
        error: The class of error to raise.
        hint: What to do about a file that cannot be used.
        follow: Whether the file may be a link.

    Returns:
        The record; None if there is no file.

    Raises:
        error: The file cannot be read, or is not such a record: `PATH: FIELD: PROBLEM`.
    """
    try:
        return parse(read_regular(path, at_most_bytes=_MAX_BYTES, follow=follow))
    except FileNotFoundError:
        return None
    except OSError as problem:
        why = "it is a link" if not follow and path.is_symlink() else reason_of(problem)
        raise error(f"{path}: cannot be read ({why})", hint=hint) from problem
    except ValidationError as problem:
        raise error(f"{path}: {first_problem(problem)}", hint=hint) from problem
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}: {reason_of(problem)}", hint=hint) from problem


def read_record(
    path: Path,
    parse: Callable[[bytes], _T],
    *,
    error: type[NewsclfError],
    hint: str,
    follow: bool = False,
) -> _T:
    """Read a record from a file that must exist; otherwise like `find_record`."""
    found = find_record(path, parse, error=error, hint=hint, follow=follow)
    if found is None:
        raise error(f"{path}: no such file", hint=hint)
    return found


def from_toml(
    kind: type[_Model], content: bytes, *, parse_float: Callable[[str], Any] = float
) -> _Model:
    """Make a record of a configuration in TOML.

    Raises:
        ValueError: It is not TOML, or not of this form.
    """
    document = tomllib.loads(content.decode(), parse_float=parse_float)
    record = kind.model_validate(document)
    for problem in misread_numbers(document, record):
        raise ValueError(placed_problem(problem))
    return record


def write_record(path: Path, record: BaseModel) -> None:
    """Write a record as JSON atomically."""
    write_text(path, record.model_dump_json(indent=2, by_alias=True) + "\n")
