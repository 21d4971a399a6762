"""Paths into JSON documents, such as `results`, `source.name`, `stocks[].name` and `*`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

_STEP = re.compile(r"[^.\[\]]+(\[\])?")


def _check(path: str) -> str:
    if not all(_STEP.fullmatch(step) for step in path.split(".")) and path:
        raise ValueError("should be names with dots between, and [] after a list: stocks[].name")
    return path


JsonPath = Annotated[str, AfterValidator(_check)]
"""Names of fields with dots between them; `[]` after a name goes through its list, `*` is any name.
The empty path is the document."""


def values_at(document: Any, path: str) -> Iterator[Any]:
    """All values at a path; none where a step is missing or of another kind."""
    if not path:
        yield document
        return
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    if not isinstance(document, dict):
        return
    chosen = document if name == "*" else document.keys() & {name}
    for found in (document[each] for each in chosen):
        for each in found if step.endswith("[]") and isinstance(found, list) else [found]:
            yield from values_at(each, rest)


def value_at(document: Any, path: str | None) -> Any:
    """The first value at a path; None without one, or without a path."""
    return None if path is None else next(values_at(document, path), None)


def text_at(document: Any, path: str | None) -> str:
    """The text at a path; empty without one."""
    found = value_at(document, path)
    return found if isinstance(found, str) else ""


def compact(document: Any) -> str:
    """A document as JSON on one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
