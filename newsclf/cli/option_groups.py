"""Option groups: a dataclass among a command's parameters becomes its options.

A dataclass may name the panel of --help for those of its options that name none, as `PANEL`.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each field of the dataclasses among its parameters.

    Args:
        command: A function whose parameters are options, or dataclasses whose fields are
            annotated as options are.

    Returns:
        The command as Typer needs it, with nothing but options.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        hint: Any = hints[parameter.name]
        if not is_dataclass(hint):
            parameters.append(parameter.replace(annotation=hint))
            continue
        groups[parameter.name] = hint
        parameters += _options(groups[parameter.name])

    @functools.wraps(command)
    def with_groups(**given: Any) -> None:
        for name, group in groups.items():
            names = [each.name for each in fields(group) if each.name in given]
            given[name] = group(**{each: given.pop(each) for each in names})
        command(**given)

    with_groups.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_groups.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_groups


@functools.cache
def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if each.default is MISSING else each.default,
            annotation=_in_panel(hints[each.name], getattr(group, "PANEL", None)),
        )
        for each in fields(group)
    ]


def _in_panel(hint: Any, panel: str | None) -> Any:
    """Put an option in this panel of --help unless it names another."""
    option = hint.__metadata__[0]
    if panel is None or option.rich_help_panel is not None:
        return hint
    option = copy.copy(option)
    option.rich_help_panel = panel
    return Annotated[hint.__origin__, option]


def options_given(group: Any) -> list[str]:
    """Options of a group whose value differs from the default, as typed."""
    kind: Any = type(group)
    return [
        _typed(parameter)
        for parameter in _options(kind)
        if getattr(group, parameter.name) != parameter.default
    ]


def _typed(parameter: inspect.Parameter) -> str:
    """Name of an option as it is typed; Typer holds the first of an annotation for a default."""
    info = parameter.annotation.__metadata__[0]
    names = [name for name in (info.default, *(info.param_decls or ())) if isinstance(name, str)]
    return names[0] if names else f"--{parameter.name.replace('_', '-')}"
