"""Request bodies of an API that is not newsclf's: a JSON template with a place for headlines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from newsclf.common.errors import ConfigError, reason_of

HEADLINE, HEADLINES = "{headline}", "{headlines}"
_HINT = """--body '{"text": "{headline}"}' puts a headline there, "{headlines}" a list of them"""


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """A JSON document in which a headline, or a list of them, is put in its place."""

    document: object

    @property
    def sha256(self) -> str:
        """Digest of the document, hexadecimal."""
        return hashlib.sha256(json.dumps(self.document, sort_keys=True).encode()).hexdigest()

    @property
    def takes_many(self) -> bool:
        """Whether it has a place for a list."""
        return HEADLINES in json.dumps(self.document)

    def filled(self, headlines: Sequence[str]) -> bytes:
        """The body of a request with these headlines; the first alone, if it takes one."""
        return json.dumps(_filled(self.document, headlines)).encode()


def read_template(given: str) -> BodyTemplate:
    """Read a template, or the file that `@FILE` names.

    Raises:
        ConfigError: It can't be read, is not JSON, or has no place for a headline.
    """
    shown = given if given.startswith("@") else "--body"
    try:
        text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
        document = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{shown}: not JSON ({reason_of(error)})", hint=_HINT) from None
    if not any(place in text for place in (HEADLINE, HEADLINES)):
        raise ConfigError(f"{shown}: no {HEADLINE} in it", hint=_HINT)
    template = BodyTemplate(document)
    if any(place in template.filled(["x"]).decode() for place in (HEADLINE, HEADLINES)):
        raise ConfigError(
            f"{shown}: {HEADLINES} must be a whole value, and a name can't hold a headline",
            hint=_HINT,
        )
    return template


def _filled(value: object, headlines: Sequence[str]) -> object:
    if isinstance(value, dict):
        return {name: _filled(each, headlines) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, headlines) for each in value]
    if not isinstance(value, str) or (HEADLINE not in value and HEADLINES not in value):
        return value
    if value == HEADLINES:
        return list(headlines)
    inner = _json_in(value)
    if inner is not None:
        return json.dumps(_filled(inner, headlines))
    return value.replace(HEADLINE, headlines[0])


def _json_in(text: str) -> object:
    """The object or list that a string holds as JSON, as some APIs want it; None if it is text."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None
