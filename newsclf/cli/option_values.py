"""What was typed as the value of an option: read it, and report what is wrong with it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def naming_options(options: Mapping[str, str]) -> Iterator[None]:
    """Report an invalid record as an error of the option that set the field.

    Args:
        options: Field, or path of a field → the option, where the names differ.

    Raises:
        ConfigError: A record that was made in the block is not valid.
    """
    from pydantic import ValidationError

    from newsclf.common.errors import ConfigError
    from newsclf.common.validation import describe_problem, short

    try:
        yield
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        default = f"--{place.partition('.')[0].replace('_', '-')}"
        option = next((name for path, name in options.items() if place.startswith(path)), default)
        typed = f" {short(problem['input'])}" if isinstance(problem["input"], str | int) else ""
        raise ConfigError(f"{option}{typed}: {describe_problem(problem)}") from None


def only_one(values: list[str] | None, option: str) -> str | None:
    """The value of an option that may be given once.

    Raises:
        ConfigError: it is given again with another value.
    """
    from newsclf.common.errors import ConfigError

    if len(set(values or ())) > 1:
        raise ConfigError(
            f"{option} is given {len(values or ())} times: {', '.join(values or ())}",
            hint=f"name one column; run the command once for each: {option} {(values or [''])[0]}",
        )
    return values[0] if values else None


def pairs(values: list[str] | None, option: str) -> dict[str, str]:
    """Split repeated `NAME=VALUE` arguments.

    Raises:
        ConfigError: one has no `=`, or a name has two values.
    """
    from newsclf.common.errors import ConfigError

    found: dict[str, str] = {}
    for value in values or []:
        name, equals, rest = value.partition("=")
        if not (name and equals and rest):
            raise ConfigError(f"{option} {value}: expected NAME=VALUE")
        if found.get(name, rest) != rest:
            raise ConfigError(f"{option} {name}: a key is given twice", hint="give it once")
        found[name] = rest
    return found


def usd(text: str, option: str) -> Decimal:
    """An amount of USD, with or without a dollar sign; ConfigError if it is something else."""
    from newsclf.common.errors import ConfigError

    try:
        value = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise ConfigError(f"{option} {text}: expected USD, such as 2.50")
    return value


def typed(text: str) -> str:
    """Decode an argument as UTF-8 even if the locale is not."""
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        return text
