"""Escape untrusted text for terminals, JSON, Markdown and YAML."""

from __future__ import annotations

import html
import json
import re
import unicodedata

_DRIVES_A_TERMINAL = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode categories: controls (C0, DEL, C1), invisible and direction characters, surrogates, line
and paragraph separators."""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~@:$])")


def visible(text: str, *, keep: str = "") -> str:
    """Escape control and direction characters, except those in `keep`."""
    return "".join(
        c if c in keep or unicodedata.category(c) not in _DRIVES_A_TERMINAL else ascii(c)[1:-1]
        for c in text
    )


def visible_value(value: object) -> object:
    """Escape a template value if it is plain text; markup stays."""
    return visible(value) if type(value) is str else value


def visible_json(text: str) -> str:
    """Escape raw control and direction characters of JSON, except new lines."""
    return "".join(
        _escaped_for_json(c) if c != "\n" and unicodedata.category(c) in _DRIVES_A_TERMINAL else c
        for c in text
    )


def markdown(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    # Not every Markdown takes a backslash before <, so no tag may be left for it to find.
    return html.escape(_MARKDOWN.sub(r"\\\1", visible(text)), quote=False)


def markdown_code(text: str) -> str:
    """A text as a code span of Markdown, in which no character can be escaped."""
    return f"`{visible(text).replace('`', chr(39))}`"


def yaml_text(text: str) -> str:
    """A text as a quoted scalar of YAML, on one line."""
    return json.dumps(visible(text), ensure_ascii=False)


def _escaped_for_json(c: str) -> str:
    # json.dumps leaves DEL as it is.
    return f"\\u{ord(c):04x}" if c <= "\uffff" else json.dumps(c)[1:-1]
