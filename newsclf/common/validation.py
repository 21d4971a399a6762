"""Problems of invalid values, as pydantic reports them, in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import zip_longest
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

_WORDS = {
    "int_parsing": "not a whole number",
    "int_type": "not a whole number",
    "int_from_float": "not a whole number",
    "int_parsing_size": "too large",
    "float_parsing": "not a number",
    "float_type": "not a number",
    "finite_number": "not a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "not a multiple of {multiple_of}",
    "bool_parsing": "neither true nor false",
    "bool_type": "neither true nor false",
    "literal_error": "not one of {expected}",
    "string_type": "not a text",
    "dict_type": "not a table",
    "model_type": "not a table",
    "model_attributes_type": "not a table",
    "list_type": "not a list",
    "tuple_type": "not a list",
    "missing": "missing",
    "extra_forbidden": "no such setting",
    "json_invalid": "not JSON ({error})",
    "union_tag_not_found": "{discriminator} is missing",
    "union_tag_invalid": "{discriminator} is not one of {expected_tags}",
}
_SHOWN_CHARACTERS = 60


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Describe a problem briefly, without its place and value.

    Args:
        problem: An entry of `ValidationError.errors()`.
    """
    words = _WORDS.get(problem["type"])
    if words is not None:
        limits = {
            name: f"{value:g}" if isinstance(value, float) else value
            for name, value in problem.get("ctx", {}).items()
        }
        return words.format(**limits)
    message: str = re.sub(r"^(Input should|Value error,) ", "", problem["msg"])
    return message[:1].lower() + message[1:]


def first_problem(error: ValidationError) -> str:
    """The first problem of an invalid record, with its place: `server.port: not a whole number`."""
    return placed_problem(error.errors()[0])


def placed_problem(problem: Mapping[str, Any]) -> str:
    """A problem with its place: `server.port: not a whole number`."""
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {describe_problem(problem)}" if place else describe_problem(problem)


def misread_numbers(given: object, taken: object) -> Iterator[dict[str, Any]]:
    """What pydantic takes for a number of a configuration and no one can mean: true, inf and nan.

    Args:
        given: The configuration as it was read.
        taken: The valid record that was made of it, or a part.

    Yields:
        A problem in the form of `ValidationError.errors()`.
    """
    if isinstance(given, Mapping):
        parts = [(name, value, _part(taken, str(name))) for name, value in given.items()]
    elif isinstance(given, list) and isinstance(taken, list | tuple):
        parts = [(n, *pair) for n, pair in enumerate(zip_longest(given, taken))]
    else:
        parts = []
        if isinstance(taken, int | float | Decimal) and not isinstance(taken, bool):
            if isinstance(given, bool):
                yield {"loc": (), "type": "float_type", "input": given}
            elif not math.isfinite(taken):
                yield {"loc": (), "type": "finite_number", "input": given}
    for name, value, part in parts:
        for problem in misread_numbers(value, part):
            yield problem | {"loc": (name, *problem["loc"])}


def _part(record: object, name: str) -> object:
    """What a record or a table has under a name; None without."""
    from pydantic import BaseModel

    if isinstance(record, BaseModel):
        fields = type(record).model_fields.items()
        return next((getattr(record, n) for n, f in fields if name in (n, f.alias)), None)
    if isinstance(record, Mapping):
        return next((value for key, value in record.items() if str(key) == name), None)
    return None


def short(value: object) -> str:
    """A value as shown in a message: text unquoted, anything long cut."""
    text = str(value) if isinstance(value, str | PurePath) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
