"""Problems of invalid values, as pydantic reports them, in plain words."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place}: {describe_problem(problem)}" if place else describe_problem(problem)


def short(value: object) -> str:
    """A value as shown in a message: text unquoted, anything long cut."""
    text = str(value) if isinstance(value, str | PurePath) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
