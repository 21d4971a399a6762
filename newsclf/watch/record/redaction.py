"""Keep secrets out of the record, and characters that no database takes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import quote, quote_plus

from newsclf.watch.item import Item, Stamp
from newsclf.watch.record.rows import Delivery, Fetch

_Row = TypeVar("_Row", Delivery, Fetch, Item)
_REPLACEMENT = "[redacted]"
SHORTEST_SECRET = 8
"""Characters; what is shorter, such as the key `demo` of some vendors, is no secret, and stands in
words."""


class RecordRedaction:
    """Replaces secrets, as they are and as URLs and JSON write them, in whatever is recorded.

    Some vendors repeat the key of a request in their error message.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        """Prepare to replace API keys and other secrets; short ones are left out."""
        self._forms = sorted(
            {
                form
                for secret in secrets
                if len(secret) >= SHORTEST_SECRET
                for form in (
                    secret,
                    quote(secret, safe=""),
                    quote_plus(secret),
                    json.dumps(secret)[1:-1],
                )
            },
            key=len,
            reverse=True,
        )

    def text(self, text: str) -> str:
        """A text without secrets, and with `?` for lone surrogates and U+FFFD for U+0000."""
        for form in self._forms:
            text = text.replace(form, _REPLACEMENT)
        text = text.replace("\0", "\ufffd")
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def row(self, row: _Row) -> _Row:
        """An item, fetch or delivery without secrets, also in times as the source wrote them."""
        changes: dict[str, object] = {}
        for field in dataclasses.fields(row):
            value = getattr(row, field.name)
            if isinstance(value, str):
                changes[field.name] = self.text(value)
            elif isinstance(value, tuple):
                changes[field.name] = tuple(map(self.text, value))
            elif isinstance(value, Stamp):
                changes[field.name] = dataclasses.replace(value, raw=self.text(value.raw))
        return dataclasses.replace(row, **changes)  # type: ignore[arg-type]
